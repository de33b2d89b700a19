/** `fovea search`: many short trainings instead of guesses. The test set is not read. */

import { join } from 'node:path'
import type { Recipe } from '../../../recipe/recipe.ts'
import { readRecipeFile } from '../../../recipe/recipeFile.node.ts'
import { searchReport, type TrialRow } from '../../../report/searchReport.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { relativePath } from '../../../runs/relativePaths.node.ts'
import {
  lastScore,
  ranked,
  type SearchRunner,
  type SearchTrial,
  type StrategyOptions,
  searchSpace,
} from '../../../study/search.ts'
import { type Point, parseAxis, randomPoint, type Space } from '../../../study/space.ts'
import { formatCount, formatPercent, formatSignificant, formatValue } from '../../../text/format.ts'
import { type RecipeOptions, resolveOptions, shellWord } from '../../recipeOptions.ts'
import { inStudy, type Study } from '../../study/studyFolder.ts'
import type { Trial, TrialOptions, TrialRunner } from '../../study/trials.ts'
import { CommandError, UsageError } from '../../terminal/errors.ts'
import { note, print, printJson } from '../../terminal/output.ts'
import { textTable } from '../../terminal/table.ts'
import type { RecipeSource } from '../../withTrainer.ts'

/** Options of {@link search}. */
export interface SearchOptions extends RecipeSource, StrategyOptions, Pick<TrialOptions, 'launcher'> {
  /** Axes: `optimizer.lr=log(1e-4, 1e-1)`. */
  readonly vary: readonly string[]
  readonly out: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** A trial of a search, with its recipe. */
interface RecipeTrial extends Trial, SearchTrial {
  readonly what: string
}

/** Searches, or continues a search, and reports. @returns the exit code */
export async function search(given: RecipeOptions, options: SearchOptions): Promise<number> {
  const { strategy, out } = options
  const space = spaceOf(options.vary)
  const base = options.file === undefined ? {} : await readRecipeFile(options.file, { say: note, data: given.data })
  const recipeAt = (point: Point, more: readonly string[] = []): Recipe => {
    const sets = Object.entries(point).map(([field, value]) => `${field}=${JSON.stringify(value)}`)
    return resolveOptions({ ...given, test: false }, [...(options.set ?? []), ...sets, ...more], base)
  }
  // Every axis must name a possible field of a recipe.
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
  const work = async ({ runner, first, hasGrown }: Study): Promise<void> => {
    const trials = await searchSpace(space, recipesRunner(runner, recipeAt, middle.epochs), options, first)
    const best = ranked(trials, metric)[0]
    if (!best) {
      throw new CommandError(`${out}: no trial finished an epoch; the first: ${trials[0]?.progress.failed ?? ''}`)
    }
    if (await hasGrown()) return
    await report({ space, trials, best, recipe: recipeAt(best.point, ['test=true']) }, options)
  }
  return inStudy(out, asked, options, work, strategy === 'grid' ? undefined : 'trials')
}

/** The axes of `--vary`. @throws UsageError naming a text that is not an axis. */
function spaceOf(vary: readonly string[]): Space {
  if (vary.length === 0) throw new UsageError("search: nothing to vary: --vary 'optimizer.lr=log(1e-3, 1)'")
  const fields = new Set<string>()
  return new Map(
    vary.map(text => {
      const [, field, axis] = /^([\w.]+)=(.*)$/s.exec(text) ?? []
      if (field === undefined || axis === undefined) {
        throw new UsageError(`--vary ${text}: expected a field and its range, such as optimizer.lr=log(1e-3, 1)`)
      }
      if (fields.has(field)) throw new UsageError(`--vary ${field}: is given twice; one range says all of its values`)
      fields.add(field)
      try {
        return [field, parseAxis(axis)]
      } catch (error) {
        throw new UsageError(`--vary ${field}: ${(error as Error).message}`)
      }
    }),
  )
}

type RecipeAt = (point: Point, more?: readonly string[]) => Recipe

/** Trains the points of a space as recipes, and reports each trial. */
const recipesRunner = (runner: TrialRunner, recipeAt: RecipeAt, epochs: number): SearchRunner<RecipeTrial> => ({
  epochs,
  async make(index, point, fewer) {
    const name = `t${String(index + 1).padStart(3, '0')}`
    const recipe = recipeAt(point, fewer === undefined ? [] : [`epochs=${fewer}`])
    return { name, point, what: describePoint(point), recipe, progress: await runner.progressOf({ name }), busy: false }
  },
  ...runner.sharing<RecipeTrial>(trial => runner.progress.say(describe(trial))),
  async look(trial) {
    trial.busy = (await runner.isElsewhere(trial)) && 'elsewhere'
    if (!trial.busy) trial.progress = await runner.progressOf(trial)
  },
})

function describe(trial: RecipeTrial): string {
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

/** The findings of a search. */
interface Findings {
  readonly space: Space
  readonly trials: readonly RecipeTrial[]
  readonly best: RecipeTrial
  /** Command for training and testing the best point. */
  readonly recipe: Recipe
}

async function report(
  { space, trials, best, recipe }: Findings,
  { out, metric, strategy, json }: SearchOptions,
): Promise<void> {
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
  await writeAtomic(join(out, 'best.json'), `${JSON.stringify(recipe, undefined, 2)}\n`)
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
      ranked(trials, metric)
        .slice(0, 10)
        .map(trial => {
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
