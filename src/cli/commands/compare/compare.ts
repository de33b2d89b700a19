/** `fovea compare`: the curves and results of several runs together. */

import { basename, join } from 'node:path'
import { parseStoredRecipe } from '../../../recipe/files.node.ts'
import type { Recipe } from '../../../recipe/recipe.ts'
import { type ComparedRun, comparisonPlot } from '../../../report/comparePlot.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { withRelativePaths } from '../../../runs/relativePaths.node.ts'
import { readResult } from '../../../runs/result.node.ts'
import { RunFolder } from '../../../runs/runFolder.node.ts'
import { trainingSeconds } from '../../../runs/trainingTime.ts'
import { formatPercent, formatSignificant } from '../../../text/format.ts'
import { CommandError, exitCodes } from '../../terminal/errors.ts'
import { print, printJson } from '../../terminal/output.ts'
import { textTable } from '../../terminal/table.ts'

/** Options of {@link compare}. */
export interface CompareOptions {
  /** File for the drawing, `.svg`. */
  readonly out?: string
  readonly json?: boolean
}

/** Compares runs, finished or not. @returns the exit code */
export async function compare(paths: readonly string[], { out, json }: CompareOptions): Promise<number> {
  const runs = await Promise.all(paths.map(path => readRun(path, nameAmong(path, paths))))
  const differing = differences(runs.map(({ recipe }) => recipe))
  if (out !== undefined) await writeAtomic(out, comparisonPlot(runs))
  const compared = runs.map(run => comparedRun(run, differing))
  if (json) printJson({ differing, runs: compared, ...(out === undefined ? {} : { out }) })
  else print(tableOf(compared, differing), ...(out === undefined ? [] : ['', `curves  ${out}`]))
  return exitCodes.done
}

/** The name of a folder, or, where others have the same, its path. */
const nameAmong = (path: string, paths: readonly string[]): string =>
  paths.filter(other => basename(other) === basename(path)).length > 1 ? path : basename(path)

/** A run as it is shown. */
interface Compared {
  readonly run: string
  /** The fields of its recipe in which the runs differ. */
  readonly recipe: Readonly<Record<string, unknown>>
  readonly epochs: number
  /** Accuracy after the last epoch and after the best one, and the last loss. */
  readonly validation?: number
  readonly best?: number
  readonly loss?: number
  readonly test?: number
  readonly seconds: number
}

function comparedRun({ name, validation, recipe, result, seconds }: ReadRun, differing: readonly string[]): Compared {
  const last = validation.at(-1)
  const best = Math.max(...validation.map(({ accuracy }) => accuracy))
  return {
    run: name,
    recipe: Object.fromEntries(differing.map(field => [field, at(recipe, field)])),
    epochs: last?.epoch ?? 0,
    ...(last && { validation: last.accuracy, best, loss: last.loss }),
    ...(result?.test && { test: result.test.accuracy }),
    seconds,
  }
}

/** A row for each run; or, where they differ in more fields than there are runs, a column for each. */
function tableOf(runs: readonly Compared[], differing: readonly string[]): string {
  const percent = (share: number | undefined) => (share === undefined ? '–' : formatPercent(share))
  const columns: readonly (readonly [title: string, value: (run: Compared) => string])[] = [
    ['run', ({ run }) => run],
    ...differing.map(field => [field, ({ recipe }: Compared) => shown(recipe[field])] as const),
    ['epochs', ({ epochs }) => String(epochs)],
    ['validation', ({ validation }) => percent(validation)],
    ['best', ({ best }) => percent(best)],
    ['loss', ({ loss }) => (loss === undefined ? '–' : formatSignificant(loss))],
    ['test', ({ test }) => percent(test)],
    ['training, s', ({ seconds }) => seconds.toFixed(1)],
  ]
  const rows = [columns.map(([title]) => title), ...runs.map(run => columns.map(([, value]) => value(run)))]
  const isWide = differing.length > runs.length
  const [titles = [], ...body] = isWide ? columns.map((_, k) => rows.map(row => row[k]!)) : rows
  return textTable(
    titles.map((title, k) => ({ title, align: k === 0 ? ('left' as const) : ('right' as const) })),
    body,
  )
}

interface ReadRun extends ComparedRun {
  readonly recipe: Recipe
  readonly seconds: number
  readonly result?: { readonly test?: { readonly accuracy: number } }
}

async function readRun(path: string, name: string): Promise<ReadRun> {
  const folder = await RunFolder.open(path)
  const recipe = withRelativePaths(parseStoredRecipe(folder.recipe, join(path, 'recipe.json')))
  const events = await folder.events()
  const steps = events.filter(event => event.type === 'step')
  if (steps.length === 0) throw new CommandError(`${path}: has no steps to compare`)
  // Runs of different batch sizes are compared by epochs.
  const perEpoch = events.find(event => event.type === 'start')?.stepsPerEpoch ?? steps.length
  const result = await readResult(path)
  return {
    name,
    recipe,
    seconds: trainingSeconds(events),
    ...(result && { result }),
    loss: steps.map(({ step, loss }) => [step / perEpoch, loss] as const),
    validation: events
      .filter(event => event.type === 'validation')
      .map(({ epoch, accuracy, loss }) => ({ epoch, accuracy, loss })),
  }
}

/** What says nothing about how a network is trained. */
const asides = ['fovea', 'epochs', 'test', 'checkpoints', 'alarms']

/** Fields in which recipes differ, `optimizer.lr`. */
function differences(recipes: readonly Recipe[]): string[] {
  const fields = new Set<string>()
  const visit = (values: readonly unknown[], path: string): void => {
    if (values.every(value => JSON.stringify(value) === JSON.stringify(values[0]))) return
    const areObjects = values.every(value => typeof value === 'object' && value !== null && !Array.isArray(value))
    if (!areObjects) {
      fields.add(path)
      return
    }
    for (const key of new Set(values.flatMap(value => Object.keys(value as object)))) {
      if (path === '' && asides.includes(key)) continue
      visit(
        values.map(value => (value as Record<string, unknown>)[key]),
        path === '' ? key : `${path}.${key}`,
      )
    }
  }
  visit(recipes, '')
  return [...fields]
}

const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((held, key) => (held as Record<string, unknown> | undefined)?.[key], value)

const shown = (value: unknown): string => {
  if (value === undefined) return '–'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 24 ? `${text.slice(0, 23)}…` : text
}
