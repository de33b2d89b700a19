/** `fovea predict`: what a trained model sees in pictures. */

import { ranked } from '../../../classifier/classifier.ts'
import type { ImageDataset } from '../../../data/dataset.ts'
import { ImageError } from '../../../data/errors.ts'
import { subsetOf } from '../../../data/split.ts'
import { sizeOf } from '../../../graph/shape.ts'
import { formatCount } from '../../../text/format.ts'
import { Evaluator, evaluationBatch } from '../../../train/evaluate.ts'
import type { ImageShape } from '../../../train/programs.ts'
import { type ModelOptions, openModel } from '../../modelFile.ts'
import { checkInvert, type Invert, type PictureRules, preparePicture } from '../../preparePicture.ts'
import { type ReadingChoices, readingEngine } from '../../readingEngine.ts'
import { exitCodes, oneLine, UsageError } from '../../terminal/errors.ts'
import { EvaluationProgress } from '../../terminal/evaluationProgress.ts'
import { progressStyle } from '../../terminal/progress.ts'
import { picturesOf } from './pictureFiles.ts'
import { type Failure, isFailure, JsonOutput, type Prediction, TableOutput } from './predictions.ts'

/** Options of {@link predict}. */
export interface PredictOptions extends Pick<ReadingChoices, 'backend' | 'wide' | 'native'>, ModelOptions {
  /** Number of classes shown for each picture: 3 by default, or all if there are fewer. */
  readonly top?: number
  readonly invert: Invert
  readonly json?: boolean
}

/** Up to this many pictures, starting more than one thread, or making machine code, takes longer than it saves. */
const fewPictures = 64
/** Pictures that are decoded at the same time. */
const decodedAtOnce = 8

/**
 * Classifies pictures, batch by batch, and shows each batch when it is done. A file that is not a picture does not
 * prevent the others from being shown.
 * @param words files, folders and patterns
 * @returns the exit code
 */
export async function predict(run: string, words: readonly string[], options: PredictOptions): Promise<number> {
  const classifier = await openModel(run, options)
  const { network, classes, shape } = classifier
  const { top = Math.min(3, classes.length) } = options
  if (top > classes.length) {
    throw new UsageError(`--top ${top}: ${run} has only ${classes.length} classes`)
  }
  checkInvert(run, classifier, options.invert)
  const asked = await entriesOf(words)
  const { backend, wide, native } = options
  const choices =
    asked.length > fewPictures
      ? { backend, wide, native }
      : { backend, threads: 1, wide, native: native === 'auto' ? ('off' as const) : native }
  const engine = await readingEngine(classifier.recipe, choices)
  const files = asked.filter(entry => typeof entry === 'string')
  const canInvert = classifier.subject !== 'picture' && options.invert !== 'no'
  const output = options.json ? new JsonOutput() : new TableOutput(files, classes, top, canInvert)
  const bar = progressFor(asked.length)
  let failed = 0
  try {
    const evaluator = new Evaluator(engine, network, shape)
    const batch = evaluationBatch(shape)
    for (let first = 0; first < asked.length; first += batch) {
      const prepared = await prepareAll(asked.slice(first, first + batch), classifier, options.invert)
      const size = asked.length > batch ? batch : prepared.length
      const answers = await answersOf(evaluator, prepared, { classes, shape, top, size })
      output.add(answers)
      for (const { error } of answers.filter(isFailure)) {
        failed++
        process.stderr.write(`fovea: ${error}\n`)
      }
      bar?.update(first + prepared.length)
    }
    output.end()
  } finally {
    bar?.close()
    await engine.close()
  }
  if (failed > 0 && asked.length > 1) {
    process.stderr.write(`fovea: ${formatCount(failed)} of ${formatCount(asked.length)} could not be predicted\n`)
  }
  return failed > 0 ? exitCodes.failed : exitCodes.done
}

/** Every picture that the words name, once, and every word that names no picture. */
async function entriesOf(words: readonly string[]): Promise<(string | Failure)[]> {
  const entries: (string | Failure)[] = []
  const seen = new Set<string>()
  for (const word of words) {
    const named = await picturesOf(word)
    if ('error' in named) entries.push({ file: word, error: named.error })
    else entries.push(...named.files.filter(file => !seen.has(file) && seen.add(file)))
  }
  return entries
}

/** A bar on the terminal, for many answers that go elsewhere. */
function progressFor(pictures: number): EvaluationProgress | undefined {
  const isBar = progressStyle(process.stderr, process.env) === 'bar' && !process.stdout.isTTY
  return isBar && pictures > fewPictures ? new EvaluationProgress(process.stderr, 'pictures', pictures) : undefined
}

/** A picture as the model's input. */
interface Prepared {
  readonly file: string
  readonly pixels: Uint8Array
  readonly inverted: boolean
}

async function prepareAll(
  entries: readonly (string | Failure)[],
  classifier: PictureRules,
  invert: PredictOptions['invert'],
): Promise<(Prepared | Failure)[]> {
  const results: (Prepared | Failure)[] = []
  const one = async (entry: string | Failure): Promise<Prepared | Failure> => {
    if (typeof entry !== 'string') return entry
    try {
      return { file: entry, ...(await preparePicture(entry, classifier, invert)) }
    } catch (error) {
      if (!(error instanceof ImageError)) throw error
      return { file: entry, error: oneLine(error.message) }
    }
  }
  for (let first = 0; first < entries.length; first += decodedAtOnce) {
    results.push(...(await Promise.all(entries.slice(first, first + decodedAtOnce).map(one))))
  }
  return results
}

/**
 * The answers for a batch of pictures; earlier failures remain failures.
 * @param options.size number of images in the computation, equal for all batches because each size is compiled
 */
async function answersOf(
  evaluator: Evaluator,
  prepared: readonly (Prepared | Failure)[],
  options: {
    readonly classes: readonly string[]
    readonly shape: ImageShape
    readonly top: number
    readonly size: number
  },
): Promise<(Prediction | Failure)[]> {
  const { classes, shape, top, size } = options
  const images = new Uint8Array(size * sizeOf(shape))
  const good = prepared.filter((entry): entry is Prepared => 'pixels' in entry)
  for (const [k, { pixels }] of good.entries()) images.set(pixels, k * pixels.length)
  const dataset: ImageDataset = { name: 'pictures', images, labels: new Int32Array(size), shape, classes }
  const probabilities = await evaluator.probabilities(subsetOf(dataset))
  const rowOf = (k: number) => probabilities.subarray(k * classes.length, (k + 1) * classes.length)
  let next = 0
  return prepared.map(entry =>
    'pixels' in entry
      ? { file: entry.file, inverted: entry.inverted, predictions: best(rowOf(next++), classes, top) }
      : entry,
  )
}

function best(probabilities: Float32Array, classes: readonly string[], top: number) {
  const first = ranked(probabilities, classes).slice(0, top)
  return first.map(({ class: name, probability }) => ({ class: name, probability }))
}
