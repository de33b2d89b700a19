/** The end of a training run: the single evaluation on the test set, `result.json` and `report.html`. */

import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { EngineDescription } from '../backends/engine.ts'
import type { ImageCollection, Subset } from '../data/dataset.ts'
import { networkGraph, summarize } from '../inspect/index.ts'
import type { ImageClassifier } from '../nn/imageClassifier.ts'
import { imagesOf } from '../recipe/images.ts'
import { dataName, modelName, type Recipe } from '../recipe/recipe.ts'
import { version } from '../recipe/version.ts'
import { firstFilters, worstMistakes } from '../report/collect.ts'
import type { ReportData } from '../report/reportData.ts'
import { wilsonInterval } from '../report/wilson.ts'
import { isRecord } from '../rules/record.ts'
import {
  atLeast0,
  fieldsAmong,
  oneOf,
  optional,
  pairOf,
  type Rule,
  rule,
  share,
  text,
  wholeFrom0,
} from '../rules/rules.ts'
import type { Evaluation } from '../train/evaluate.ts'
import type { EpochEvent, Score, ValidationEvent } from '../train/events.ts'
import type { Ranks } from '../train/ranks.ts'
import { type BestEpoch, bestEpoch } from '../train/session.ts'
import type { LoggedEvent } from './eventLine.ts'
import { readFields } from './jsonFile.node.ts'
import { withRelativePaths } from './relativePaths.node.ts'
import type { RunFolder } from './runFolder.node.ts'
import { trainingSeconds } from './trainingTime.ts'

/** A score on images the model has not seen, with a confidence interval for the true accuracy. */
export interface MeasuredScore extends Score {
  /** Number of correct answers. */
  readonly right: number
  /** 95 % Wilson interval of the accuracy. */
  readonly interval: readonly [low: number, high: number]
}

/** The processes of a run, and the share of the time of its epochs in which they exchanged gradients, 0 … 1. */
export interface RanksResult extends Ranks {
  readonly exchangeShare: number
}

/** The final numbers of a run: `result.json`. */
export interface RunResult {
  readonly status: 'finished'
  /** Version of Fovea. */
  readonly fovea: string
  readonly model: string
  readonly data: string
  readonly parameters: number
  readonly epochs: number
  readonly steps: number
  /** Time of all steps. */
  readonly trainingSeconds: number
  readonly engine: EngineDescription
  /** The processes that trained together, when batches were computed in parts: those of the last part of the run. */
  readonly ranks?: RanksResult
  /** Means over the last epoch, taken while the weights were still changing. */
  readonly train: Score
  /** Score after the last epoch, or after the best epoch of a run that stops early. */
  readonly validation?: Score
  /** The epoch with the highest validation accuracy. */
  readonly best?: BestEpoch
  /** Test score of the final weights. */
  readonly test?: MeasuredScore
  /** The checkpoint with the final weights; a recipe always gives tensors with identical bits. */
  readonly checkpoint: { readonly file: string; readonly sha256: string }
}

/** Name of the file with the final numbers. Written last: a run that has it is complete. */
export const resultFile = 'result.json'
/** Name of the report. */
export const reportFile = 'report.html'

/** A score with the interval around it. */
export function measured({ loss, accuracy, samples }: Score): MeasuredScore {
  const right = Math.round(accuracy * samples)
  return { loss, accuracy, samples, right, interval: wilsonInterval(right, samples) }
}

/** JSON has no infinity: an infinite loss becomes null. */
const loss = rule<number>('a number, or null where it is infinite', value => value === null || Number.isFinite(value))
const scoreFields = { loss, accuracy: share, samples: wholeFrom0 }

/** What `result.json` must be. */
const resultRule: Rule<RunResult> = fieldsAmong({
  status: oneOf(['finished']),
  fovea: text,
  model: text,
  data: text,
  parameters: wholeFrom0,
  epochs: wholeFrom0,
  steps: wholeFrom0,
  trainingSeconds: atLeast0,
  engine: rule<EngineDescription>('an object of an engine', isRecord),
  ranks: optional(rule<RanksResult>('an object of processes', isRecord)),
  train: fieldsAmong(scoreFields),
  validation: optional(fieldsAmong(scoreFields)),
  best: optional(fieldsAmong({ epoch: wholeFrom0, step: wholeFrom0, accuracy: share, loss })),
  test: optional(fieldsAmong({ ...scoreFields, right: wholeFrom0, interval: pairOf(share) })),
  checkpoint: fieldsAmong({ file: text, sha256: text }),
}) as Rule<RunResult>

/** The final numbers of a run; undefined before it is finished. @throws Error naming the file when it is damaged */
export const readResult = (run: string): Promise<RunResult | undefined> =>
  readFields(join(run, resultFile), resultRule, 'delete it to finish the run again')

/** Input of {@link writeResult}. */
export interface FinishedRun {
  /** Open for writing. */
  readonly folder: RunFolder
  readonly recipe: Recipe
  /** With the trained weights. */
  readonly model: ImageClassifier
  /** The command line that repeats the run, for its report. */
  readonly command: string
  /** Number of the model's parameters that were trained at any time. */
  readonly trainable: number
  readonly engine: EngineDescription
  /** The checkpoint that is the result: the last one, or the best one. */
  readonly final: 'latest' | 'best'
  /** The answers to the test images, if requested. */
  readonly test?: { readonly evaluation: Evaluation; readonly images: Subset<ImageCollection> }
}

/** Writes the report, then the result, and returns the result. */
export async function writeResult(run: FinishedRun): Promise<RunResult> {
  const events = await run.folder.events()
  const result = await resultOf(run, events)
  const { report } = await import('../report/report.ts')
  await run.folder.writeFile(reportFile, report(await reportDataOf(run, result, events)))
  await run.folder.writeFile(resultFile, `${JSON.stringify(result, undefined, 2)}\n`)
  return result
}

async function resultOf(run: FinishedRun, events: readonly LoggedEvent[]): Promise<RunResult> {
  const { folder, recipe, model, engine, test } = run
  const { progress } = await folder.load('latest')
  const epoch = events.findLast(event => event.type === 'epoch')
  const best = bestEpoch(progress)
  const isScored = (event: LoggedEvent): event is LoggedEvent & ValidationEvent =>
    event.type === 'validation' && (run.final === 'latest' || event.step === best?.step)
  const validation = events.findLast(isScored)
  if (!epoch) throw new Error(`${folder.path}: the event log has no epoch`)
  const parameters = model.countParameters()
  return {
    status: 'finished',
    fovea: version,
    model: modelName(recipe),
    data: dataName(recipe),
    parameters,
    epochs: epoch.epoch,
    steps: progress.step,
    trainingSeconds: trainingSeconds(events),
    engine,
    ...ranksOf(events),
    train: scoreOf(epoch),
    ...(validation ? { validation: scoreOf(validation) } : {}),
    ...(best ? { best } : {}),
    ...(test ? { test: measured(test.evaluation) } : {}),
    checkpoint: await checkpointOf(folder, run.final),
  }
}

/** The processes that a log tells of, if it does. */
function ranksOf(events: readonly LoggedEvent[]): Pick<RunResult, 'ranks'> {
  const ranks = events.findLast(event => event.type === 'start')?.ranks
  if (!ranks) return {}
  const epochs = events.filter(event => event.type === 'epoch')
  const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0)
  const exchanged = epochs.reduce((sum, { seconds, exchangeShare = 0 }) => sum + seconds * exchangeShare, 0)
  return { ranks: { ...ranks, exchangeShare: seconds > 0 ? exchanged / seconds : 0 } }
}

const scoreOf = ({ loss, accuracy, samples }: EpochEvent | ValidationEvent): Score => ({ loss, accuracy, samples })

/** A checkpoint's file and the hash of its tensors, from its description. */
async function checkpointOf(folder: RunFolder, which: 'latest' | 'best'): Promise<RunResult['checkpoint']> {
  const file = (await readFile(join(folder.path, which), 'utf8')).trim()
  const path = join(folder.path, file.replace(/\.safetensors$/, '.json'))
  const { tensors } = JSON.parse(await readFile(path, 'utf8')) as { readonly tensors: { readonly sha256: string } }
  return { file, sha256: tensors.sha256 }
}

async function reportDataOf(run: FinishedRun, result: RunResult, events: readonly LoggedEvent[]): Promise<ReportData> {
  const { folder, model, engine, test } = run
  const { classes, shape } = imagesOf(run.recipe)
  const recipe = withRelativePaths(run.recipe)
  const [height, width, channels] = shape
  const first = firstFilters(model)
  return {
    title: basename(folder.path),
    model: modelName(recipe),
    dataset: dataName(recipe),
    classes,
    recipe,
    engine,
    ...(result.ranks && { ranks: result.ranks }),
    startedAt: events[0]!.time,
    seconds: result.trainingSeconds,
    steps: events.filter(event => event.type === 'step'),
    epochs: events.filter(event => event.type === 'epoch'),
    validation: events.filter(event => event.type === 'validation'),
    ...(test ? { test: test.evaluation, mistakes: await worstMistakes(test.evaluation, test.images) } : {}),
    ...(first ? { filters: first } : {}),
    trainable: run.trainable,
    layers: summarize(model.network, [channels, height, width]).rows,
    graph: networkGraph(model.network, [channels, height, width]),
    command: run.command,
    version: result.fovea,
  }
}
