/** Runs side by side: their curves, their results, and the fields in which their recipes differ. */
import { basename, join } from 'node:path'
import { parseStoredRecipe } from '../recipe/files.node.ts'
import type { Recipe } from '../recipe/recipe.ts'
import type { ComparedRun } from '../report/comparePlot.ts'
import { differencesOf } from './differences.ts'
import { asStored } from './keptNetwork.node.ts'
import { withRelativePaths } from './relativePaths.node.ts'
import { readResult } from './result.node.ts'
import { RunFolder } from './runFolder.node.ts'
import { trainingSeconds } from './trainingTime.ts'

/** A run as shown in a comparison. */
export interface RunSummary {
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

/** A comparison of several runs. */
export interface Comparison {
  /** The curves of each run, for plotting. */
  readonly curves: readonly ComparedRun[]
  /** Fields of the recipes in which the runs differ, `optimizer.lr`. */
  readonly differing: readonly string[]
  readonly runs: readonly RunSummary[]
}

/**
 * Reads runs, finished or not, to be compared.
 * @throws RunFolderError for a folder that is not a run; Error for a run without steps.
 */
export async function compareRuns(paths: readonly string[]): Promise<Comparison> {
  const curves = await Promise.all(paths.map(path => readRun(path, nameAmong(path, paths))))
  const differences = differencesOf(curves.map(({ recipe }) => recipe))
  return {
    curves,
    differing: differences.map(({ field }) => field),
    runs: curves.map((run, k) =>
      summaryOf(run, Object.fromEntries(differences.map(({ field, values }) => [field, values[k]]))),
    ),
  }
}

/** The name of a folder, or its path when another folder has that name. */
const nameAmong = (path: string, paths: readonly string[]): string =>
  paths.filter(other => basename(other) === basename(path)).length > 1 ? path : basename(path)

function summaryOf({ name, validation, result, seconds }: ReadRun, recipe: RunSummary['recipe']): RunSummary {
  const last = validation.at(-1)
  const best = Math.max(...validation.map(({ accuracy }) => accuracy))
  return {
    run: name,
    recipe,
    epochs: last?.epoch ?? 0,
    ...(last && { validation: last.accuracy, best, loss: last.loss }),
    ...(result?.test && { test: result.test.accuracy }),
    seconds,
  }
}

interface ReadRun extends ComparedRun {
  readonly recipe: Recipe
  readonly seconds: number
  readonly result?: { readonly test?: { readonly accuracy: number } }
}

async function readRun(path: string, name: string): Promise<ReadRun> {
  const folder = await RunFolder.open(path)
  const recipe = withRelativePaths(asStored(path, parseStoredRecipe(folder.recipe, join(path, 'recipe.json'))))
  const events = await folder.events()
  const steps = events.filter(event => event.type === 'step')
  if (steps.length === 0) throw new Error(`${path}: has no steps to compare`)
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
