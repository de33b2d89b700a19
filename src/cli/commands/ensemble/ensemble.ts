/** `fovea ensemble`: several models as one, by independent seeds, snapshots of one cyclic run, or bagging. */

import { join } from 'node:path'
import type { ImageCollection, Subset } from '../../../data/dataset.ts'
import type { ImageClassifier } from '../../../nn/imageClassifier.ts'
import { type EngineChoices, startEngine } from '../../../recipe/engine.ts'
import { imagesOf } from '../../../recipe/images.ts'
import type { Recipe } from '../../../recipe/recipe.ts'
import { readRecipeFile } from '../../../recipe/recipeFile.node.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { divideData, openData } from '../../../runs/data.node.ts'
import { readEvents } from '../../../runs/eventLog.node.ts'
import { loadRun } from '../../../runs/trainedModel.node.ts'
import { type AnswerScore, averageOf, scoreAnswers, scoreProbabilities, voteOf } from '../../../study/vote.ts'
import { formatCount, formatPercent, formatSignificant } from '../../../text/format.ts'
import { Evaluator } from '../../../train/evaluate.ts'
import { checkImages, reading } from '../../images.ts'
import { type RecipeOptions, resolveOptions } from '../../recipeOptions.ts'
import { inStudy } from '../../study/studyFolder.ts'
import { type TrialRunner, workOn } from '../../study/trials.ts'
import { CommandError, UsageError } from '../../terminal/errors.ts'
import { note, print, printJson, warn } from '../../terminal/output.ts'
import { textTable } from '../../terminal/table.ts'
import type { RecipeSource } from '../../withTrainer.ts'

/** Names of the ways to come by different members. */
export const ensembleKinds = ['seeds', 'snapshots', 'bagging'] as const

/** Options of {@link ensemble}. */
export interface EnsembleOptions extends RecipeSource {
  readonly members: number
  readonly kind: (typeof ensembleKinds)[number]
  /** True to read the test set, which is the last act. */
  readonly test?: boolean
  /** True to score images that are not those that the members began with. */
  readonly allowChangedData?: boolean
  readonly jobs: number
  readonly out: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** A model of the ensemble. */
interface Member {
  readonly name: string
  readonly run: string
  /** As `loadRun` takes it. */
  readonly checkpoint: string
}

/** Trains the members, or goes on, and scores them alone and together. @returns the exit code */
export async function ensemble(given: RecipeOptions, options: EnsembleOptions): Promise<number> {
  const { members, kind, jobs, out } = options
  const base = options.file === undefined ? {} : await readRecipeFile(options.file, note)
  const first = resolveOptions({ ...given, test: false }, options.set, base)
  const recipeOf = (sets: readonly string[]): Recipe =>
    resolveOptions({ ...given, test: false }, [...(options.set ?? []), ...sets], base)
  const asked = { kind: 'ensemble', recipe: { ...first, fovea: undefined }, members, by: kind }
  const trials =
    kind === 'snapshots' ? [snapshotRun(first, members, recipeOf)] : memberRuns(first, members, kind, recipeOf)
  const work = async (runner: TrialRunner): Promise<void> => {
    const left = [...trials]
    await workOn(
      jobs,
      () => left.shift(),
      async trial => {
        const known = await runner.progressOf(trial)
        const { failed } = known.finished ? known : await runner.train(trial)
        if (failed !== undefined) throw new CommandError(`${trial.name}: ${failed}`)
        runner.progress.say(`${trial.name} is trained`)
      },
    )
    const found =
      kind === 'snapshots' ? await snapshotsOf(runner, first, members) : trials.map(trial => memberOf(runner, trial))
    await report(await scoreMembers(found, first, options), options)
  }
  return inStudy(out, asked, options, work, kind === 'snapshots' ? undefined : 'members')
}

/** One run for each member. All hold the same images back, so that the ensemble can be judged by them. */
const memberRuns = (first: Recipe, members: number, kind: string, recipeOf: (sets: readonly string[]) => Recipe) =>
  Array.from({ length: members }, (_, k) => {
    const bag = kind === 'bagging' ? ['data.bootstrap=true'] : []
    return {
      name: `member${k + 1}`,
      recipe: recipeOf([`seed=${first.seed + k}`, `data.seed=${first.data.seed ?? first.seed}`, ...bag]),
    }
  })

/** Snapshot ensembles (Huang et al. 2017): a cosine with restarts, whose valleys are the members. */
function snapshotRun(first: Recipe, members: number, recipeOf: (sets: readonly string[]) => Recipe) {
  if (first.epochs % members !== 0) {
    throw new UsageError(
      `epochs (=${first.epochs}) must be a multiple of --members (=${members}): every cycle has as many`,
    )
  }
  const every = first.epochs / members
  const sets = ['schedule.name=cosineWithRestarts', `schedule.cycles=${members}`, `checkpoints.every=${every}`]
  return { name: 'cycles', recipe: recipeOf(sets) }
}

const memberOf = (runner: TrialRunner, trial: { readonly name: string }): Member => ({
  name: trial.name,
  run: runner.runOf(trial),
  checkpoint: 'final',
})

async function snapshotsOf(runner: TrialRunner, first: Recipe, members: number): Promise<Member[]> {
  const run = runner.runOf({ name: 'cycles' })
  const saved = (await readEvents(join(run, 'events.jsonl'))).filter(event => event.type === 'checkpoint')
  return Array.from({ length: members }, (_, k) => {
    const epoch = ((k + 1) * first.epochs) / members
    const event = saved.findLast(candidate => candidate.epoch === epoch + 1)
    if (!event) throw new CommandError(`${run}: has no checkpoint of epoch ${epoch}`)
    return { name: `cycle${k + 1}`, run, checkpoint: join(run, event.file) }
  })
}

interface EnsembleScores {
  readonly split: 'validation' | 'test'
  readonly samples: number
  readonly members: readonly (AnswerScore & { readonly name: string })[]
  readonly average: AnswerScore
  readonly vote: AnswerScore
}

async function scoreMembers(
  members: readonly Member[],
  first: Recipe,
  options: EnsembleOptions,
): Promise<EnsembleScores> {
  const split = options.test ? 'test' : 'validation'
  const sources = await openData(first, reading)
  const images = divideData(first, sources)[split]
  if (!images) throw new CommandError(`there are no ${split} images to score on`)
  const { dataset, indices } = images
  const labels = Array.from(indices, index => dataset.labels[index]!)
  const answers = []
  for (const member of members) {
    const { recipe, model } = await loadRun(member.run, member.checkpoint, warn)
    const data = divideData(recipe, sources)
    await checkImages({ run: member.run, recipe, data, split }, options.allowChangedData)
    answers.push({ ...member, probabilities: await probabilitiesOf(recipe, model, images, options) })
  }
  return {
    split,
    samples: labels.length,
    members: answers.map(({ name, probabilities }) => ({ name, ...scoreProbabilities(probabilities, labels) })),
    average: scoreProbabilities(averageOf(answers), labels),
    vote: scoreAnswers(voteOf(answers, dataset.classes.length), labels),
  }
}

async function probabilitiesOf(
  recipe: Recipe,
  model: ImageClassifier,
  images: Subset<ImageCollection>,
  choices: EngineChoices,
): Promise<Float32Array> {
  const engine = startEngine(recipe, choices)
  try {
    return await new Evaluator(engine, model, imagesOf(recipe).shape).probabilities(images)
  } finally {
    await engine.close()
  }
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
