/** `fovea ensemble`: several models combined, from independent seeds, snapshots of one cyclic run, or bagging. */

import { join } from 'node:path'
import type { Recipe } from '../../../recipe/recipe.ts'
import { readRecipeFile } from '../../../recipe/recipeFile.node.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import {
  type EnsembleScores,
  type ensembleKinds,
  memberRuns,
  scoreMembers,
  snapshotsOf,
} from '../../../runs/ensemble.node.ts'
import { notBegun, trainAll } from '../../../study/sharing.ts'
import type { AnswerScore } from '../../../study/vote.ts'
import { formatCount, formatPercent, formatSignificant } from '../../../text/format.ts'
import { checkImages, reading } from '../../images.ts'
import { type RecipeOptions, resolveOptions } from '../../recipeOptions.ts'
import { inStudy, type Study } from '../../study/studyFolder.ts'
import type { TrialOptions } from '../../study/trials.ts'
import { CommandError, UsageError } from '../../terminal/errors.ts'
import { note, print, printJson } from '../../terminal/output.ts'
import { textTable } from '../../terminal/table.ts'
import type { RecipeSource } from '../../withTrainer.ts'

/** Options of {@link ensemble}. */
export interface EnsembleOptions extends RecipeSource, Pick<TrialOptions, 'launcher'> {
  readonly members: number
  readonly kind: (typeof ensembleKinds)[number]
  /** True to read the test set, which is the last step. */
  readonly test?: boolean
  /** True to score images that are not those that the members began with. */
  readonly allowChangedData?: boolean
  readonly jobs: number
  readonly out: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** Trains the members, or resumes training, and scores them alone and together. @returns the exit code */
export async function ensemble(given: RecipeOptions, options: EnsembleOptions): Promise<number> {
  const { members, kind, jobs, out } = options
  const base = options.file === undefined ? {} : await readRecipeFile(options.file, { say: note, data: given.data })
  const first = resolveOptions({ ...given, test: false }, options.set, base)
  const recipeOf = (sets: readonly string[]): Recipe =>
    resolveOptions({ ...given, test: false }, [...(options.set ?? []), ...sets], base)
  const asked = { kind: 'ensemble', recipe: { ...first, fovea: undefined }, members, by: kind }
  if (kind === 'snapshots' && first.epochs % members !== 0) {
    throw new UsageError(
      `epochs (=${first.epochs}) must be a multiple of --members (=${members}): every cycle has as many`,
    )
  }
  const trials = memberRuns(kind, first, members).map(({ name, changes }) => ({
    name,
    recipe: recipeOf(changes),
    progress: notBegun,
  }))
  const work = async ({ runner, hasGrown }: Study): Promise<void> => {
    const sharing = runner.sharing<(typeof trials)[number]>(({ name, progress: { failed } }) => {
      if (failed !== undefined) throw new CommandError(`${name}: ${failed}`)
      runner.progress.say(`${name} is trained`)
    })
    await trainAll(trials, sharing, jobs)
    if (await hasGrown()) return
    const found =
      kind === 'snapshots'
        ? await snapshotsOf(runner.runOf(trials[0]!), first, members)
        : trials.map(trial => ({ name: trial.name, run: runner.runOf(trial), checkpoint: 'final' }))
    const scores = await scoreMembers(found, first, {
      ...options,
      split: options.test ? 'test' : 'validation',
      listener: reading,
      check: images => checkImages(images, options.allowChangedData),
    })
    await report(scores, options)
  }
  return inStudy(out, asked, options, work, kind === 'snapshots' ? undefined : 'members')
}

async function report(scores: EnsembleScores, { out, json }: EnsembleOptions): Promise<void> {
  const { split, samples, members, average, vote } = scores
  await writeAtomic(join(out, `${split}.json`), `${JSON.stringify(scores, undefined, 2)}\n`)
  if (json) {
    printJson({ study: out, ...scores })
    return
  }
  const right = 'right' as const
  const columns = [
    { title: `on ${formatCount(samples)} ${split} images` },
    ...['accuracy', 'wrong', 'loss'].map(title => ({ title, align: right })),
  ]
  const row = (name: string, { accuracy, right, loss }: AnswerScore): string[] => [
    name,
    formatPercent(accuracy),
    formatCount(samples - right),
    loss === undefined ? '–' : formatSignificant(loss),
  ]
  print(
    '',
    textTable(columns, [
      ...members.map(member => row(member.name, member)),
      row('average', average),
      row('vote', vote),
    ]),
    ...(split === 'validation' ? ['', 'the test set was not read; --test reads it, as the last step'] : []),
  )
}
