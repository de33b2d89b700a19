/** `fovea search`: many short trainings instead of guesses. The test set is not read. */

import { join } from 'node:path'
import type { Recipe } from '../../../recipe/recipe.ts'
import { readRecipeFile } from '../../../recipe/recipeFile.node.ts'
import { formatValue, searchReport, type TrialRow } from '../../../report/searchReport.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { relativePath } from '../../../runs/relativePaths.node.ts'
import { nextJob, rungEpochs } from '../../../study/halving.ts'
import { gridPoints, narrow, type Point, parseAxis, randomPoint, type Space } from '../../../study/space.ts'
import { formatCount, formatPercent, formatSignificant } from '../../../text/format.ts'
import type { ValidationEvent } from '../../../train/events.ts'
import { type RecipeOptions, resolveOptions, shellWord } from '../../recipeOptions.ts'
import { inStudy } from '../../study/studyFolder.ts'
import { type Trial, type TrialProgress, type TrialRunner, workOn } from '../../study/trials.ts'
import { CommandError, UsageError } from '../../terminal/errors.ts'
import { note, print, printJson } from '../../terminal/output.ts'
import { textTable } from '../../terminal/table.ts'
import type { RecipeSource } from '../../withTrainer.ts'

/** Names of the ways to search. */
export const strategyNames = ['random', 'grid', 'coarse-to-fine', 'asha'] as const

/** Options of {@link search}. */
export interface SearchOptions extends RecipeSource {
  /** Axes: `optimizer.lr=log(1e-4, 1e-1)`. */
  readonly vary: readonly string[]
  readonly strategy: (typeof strategyNames)[number]
  readonly trials: number
  /** Grid: values of every axis except choices. */
  readonly points: number
  /** ASHA: one in this many trials continues to the next rung; the epochs of the first rung. */
  readonly factor: number
  readonly minEpochs: number
  /** Coarse to fine: how often the space is narrowed, plus one. */
  readonly stages: number
  readonly searchSeed: number
  readonly metric: 'accuracy' | 'loss'
  readonly jobs: number
  readonly out: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** A trial of a search. */
interface SearchTrial extends Trial {
  readonly point: Point
  readonly what: string
  progress: TrialProgress
  busy: boolean
}

/** Searches, or continues a search, and reports. @returns the exit code */
export async function search(given: RecipeOptions, options: SearchOptions): Promise<number> {
  const { strategy, out, json } = options
  const space = spaceOf(options.vary)
  const base = options.file === undefined ? {} : await readRecipeFile(options.file, note)
  const recipeAt = (point: Point, more: readonly string[] = []): Recipe => {
    const sets = Object.entries(point).map(([field, value]) => `${field}=${JSON.stringify(value)}`)
    return resolveOptions({ ...given, test: false }, [...(options.set ?? []), ...sets, ...more], base)
  }
  // Every axis must name a field that a recipe can have.
  const middle = recipeAt(randomPoint(space, options.searchSeed, 0))
  if (middle.data.validation === 0 && !middle.data.fold) {
    throw new UsageError('search: data.validation (=0) holds no images back for validation')
  }
  const { trials, points, factor, minEpochs, stages, searchSeed, metric } = options
  const asked = {
    kind: 'search',
    recipe: { ...resolveOptions({ ...given, test: false }, options.set, base), fovea: undefined },
    space: Object.fromEntries(space),
    strategy,
    metric,
    searchSeed,
    ...(strategy === 'grid' ? { points } : { trials }),
    ...(strategy === 'asha' && { factor, minEpochs }),
    ...(strategy === 'coarse-to-fine' && { stages }),
  }
  const work = async (runner: TrialRunner, first: number): Promise<void> => {
    const all = await runStrategy(space, recipeAt, runner, options, first)
    await report(all, space, recipeAt, options, json)
  }
  return inStudy(out, asked, options, work, strategy === 'grid' ? undefined : 'trials')
}

/** The axes of `--vary`. @throws UsageError naming a text that is not an axis. */
function spaceOf(vary: readonly string[]): Space {
  if (vary.length === 0) throw new UsageError("search: nothing to vary: --vary 'optimizer.lr=log(1e-3, 1)'")
  return new Map(
    vary.map(text => {
      const [, field, axis] = /^([\w.]+)=(.*)$/s.exec(text) ?? []
      if (field === undefined || axis === undefined) {
        throw new UsageError(`--vary ${text}: expected a field and its range, such as optimizer.lr=log(1e-3, 1)`)
      }
      try {
        return [field, parseAxis(axis)]
      } catch (error) {
        throw new UsageError(`--vary ${field}: ${(error as Error).message}`)
      }
    }),
  )
}

type RecipeAt = (point: Point, more?: readonly string[]) => Recipe

async function runStrategy(
  space: Space,
  recipeAt: RecipeAt,
  runner: TrialRunner,
  options: SearchOptions,
  first: number,
): Promise<SearchTrial[]> {
  const { strategy, trials, points, stages, searchSeed } = options
  const make = async (index: number, point: Point, more?: readonly string[]): Promise<SearchTrial> => {
    const name = `t${String(index + 1).padStart(3, '0')}`
    const recipe = recipeAt(point, more)
    return { name, point, what: describePoint(point), recipe, progress: await runner.progressOf({ name }), busy: false }
  }
  if (strategy === 'grid') {
    const all = await Promise.all(gridPoints(space, points).map((point, k) => make(k, point)))
    await trainAll(all, runner, options)
    return all
  }
  if (strategy === 'asha') {
    const all: SearchTrial[] = []
    for (let k = 0; k < trials; k++) all.push(await make(k, randomPoint(space, searchSeed, k)))
    await halve(all, runner, options)
    return all
  }
  const rounds = strategy === 'random' ? 1 : stages
  const all: SearchTrial[] = []
  let narrowed = space
  for (let stage = 0; stage < rounds; stage++) {
    // Trials that a study is given later are further ones of its last stage: those before keep their places.
    const last = stage === rounds - 1 ? trials : Math.round((first * (stage + 1)) / rounds)
    const { epochs } = recipeAt(randomPoint(space, searchSeed, 0))
    // Early stages look about with few epochs, the last one has all of them.
    const stageEpochs = Math.max(1, Math.round(epochs / 2 ** (rounds - 1 - stage)))
    const begin = all.length
    for (let k = begin; k < last; k++) {
      all.push(await make(k, randomPoint(narrowed, searchSeed, k), [`epochs=${stageEpochs}`]))
    }
    const here = all.slice(begin)
    await trainAll(here, runner, options)
    const good = ranked(here, options.metric).slice(0, Math.max(2, Math.ceil(here.length / 4)))
    if (good.length > 0)
      narrowed = narrow(
        narrowed,
        good.map(({ point }) => point),
      )
  }
  return all
}

async function trainAll(trials: readonly SearchTrial[], runner: TrialRunner, options: SearchOptions): Promise<void> {
  const left = trials.filter(({ progress: { finished, failed } }) => !finished && failed === undefined)
  await workOn(
    options.jobs,
    () => left.shift(),
    async trial => {
      trial.progress = await runner.train(trial)
      runner.progress.say(describe(trial))
    },
  )
}

/** Successive halving: the rungs a trial has come to are the epochs it has done. */
async function halve(trials: readonly SearchTrial[], runner: TrialRunner, options: SearchOptions): Promise<void> {
  const { factor, minEpochs, metric, jobs } = options
  const rungs = rungEpochs(minEpochs, trials[0]!.recipe.epochs, factor)
  const states = () =>
    trials.map(({ progress: { scores, failed }, busy }) => ({
      // A trial that failed has come as far as it can.
      busy: busy || failed !== undefined,
      scores: rungs.flatMap(epoch =>
        scores.filter(score => score.epoch === epoch).map(score => goodness(score, metric)),
      ),
    }))
  await workOn(
    jobs,
    () => {
      const job = nextJob(states(), { rungs: rungs.length, factor, most: trials.length })
      if (job) trials[job.trial]!.busy = true
      return job
    },
    async ({ trial: index, rung }) => {
      const trial = trials[index]!
      const isLast = rung === rungs.length - 1
      trial.progress = await runner.train(trial, isLast ? undefined : rungs[rung])
      trial.busy = false
      runner.progress.say(describe(trial))
    },
  )
}

/** Larger is better. */
const goodness = ({ accuracy, loss }: ValidationEvent, metric: 'accuracy' | 'loss'): number =>
  metric === 'accuracy' ? accuracy : -loss

const lastScore = ({ progress }: SearchTrial): ValidationEvent | undefined =>
  progress.failed === undefined ? progress.scores.at(-1) : undefined

/** Best first; trials with more epochs before those with fewer, whose scores say less. Failed ones are left out. */
function ranked(trials: readonly SearchTrial[], metric: 'accuracy' | 'loss'): SearchTrial[] {
  const value = (trial: SearchTrial): readonly [number, number] => {
    const score = lastScore(trial)
    return score ? [score.epoch, goodness(score, metric)] : [0, Number.NEGATIVE_INFINITY]
  }
  return trials.filter(trial => lastScore(trial)).sort((a, b) => value(b)[0] - value(a)[0] || value(b)[1] - value(a)[1])
}

function describe(trial: SearchTrial): string {
  const score = lastScore(trial)
  const outcome = score
    ? `epoch ${score.epoch}: accuracy ${formatPercent(score.accuracy)}, loss ${formatSignificant(score.loss)}`
    : `failed: ${trial.progress.failed ?? 'no epoch was finished'}`
  return `${trial.name}  ${trial.what}  ${outcome}`
}

const describePoint = (point: Point): string =>
  Object.entries(point)
    .map(([field, value]) => `${field}=${formatValue(value)}`)
    .join(' ')

async function report(
  trials: readonly SearchTrial[],
  space: Space,
  recipeAt: RecipeAt,
  { out, metric, strategy }: SearchOptions,
  json = false,
): Promise<void> {
  const order = ranked(trials, metric)
  const best = order[0]
  if (!best)
    throw new CommandError(`${out}: no trial finished an epoch; the first: ${trials[0]?.progress.failed ?? ''}`)
  const rows: TrialRow[] = trials.map(trial => ({
    name: trial.name,
    point: trial.point,
    ...(trial.progress.failed !== undefined && { failed: trial.progress.failed }),
    ...(lastScore(trial) && {
      epoch: lastScore(trial)!.epoch,
      accuracy: lastScore(trial)!.accuracy,
      loss: lastScore(trial)!.loss,
    }),
  }))
  const bestRecipe = { ...recipeAt(best.point, ['test=true']) }
  await writeAtomic(join(out, 'best.json'), `${JSON.stringify(bestRecipe, undefined, 2)}\n`)
  await writeAtomic(
    join(out, 'result.json'),
    `${JSON.stringify({ best: best.name, metric, trials: rows }, undefined, 2)}\n`,
  )
  await writeAtomic(
    join(out, 'report.html'),
    searchReport(rows, space, { title: relativePath(out), strategy, metric, best: best.name }),
  )
  if (json) {
    printJson({ study: out, best: { ...rows.find(({ name }) => name === best.name) }, trials: rows })
    return
  }
  const columns = ['trial', ...space.keys(), 'epochs', 'accuracy', 'loss'].map((title, k) => ({
    title,
    align: k === 0 ? ('left' as const) : ('right' as const),
  }))
  print(
    '',
    textTable(
      columns,
      order.slice(0, 10).map(trial => {
        const { epoch, accuracy, loss } = lastScore(trial)!
        const values = [...space.keys()].map(field => formatValue(trial.point[field]))
        return [trial.name, ...values, String(epoch), formatPercent(accuracy), formatSignificant(loss)]
      }),
    ),
    '',
    `best of ${formatCount(trials.length)}  ${best.name}: ${describePoint(best.point)}`,
    `report      ${join(out, 'report.html')}`,
    `train it    fovea train ${shellWord(join(out, 'best.json'))}   (reads the test set at its end)`,
  )
}
