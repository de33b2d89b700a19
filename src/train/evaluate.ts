/** Evaluation: a model's answers for a set of images, batch by batch. */

import { Kept } from '../async/kept.ts'
import { yieldToEvents } from '../async/yieldToEvents.ts'
import { LabelSafetyError } from '../augment/errors.ts'
import { type Bytes, pixelProblem } from '../augment/raster.ts'
import type { Views } from '../augment/views.ts'
import type { Engine, Executable } from '../backends/engine.ts'
import type { BatchSource, LoaderFactory } from '../data/batches.ts'
import { createLoader } from '../data/createLoader.ts'
import type { ImageCollection, Subset } from '../data/dataset.ts'
import { fitted, placeRaster } from '../data/place.ts'
import { rasterOf } from '../data/rasters.ts'
import { formatShape, ShapeError, sizeOf } from '../graph/shape.ts'
import { substituteTensors } from '../graph/substitute.ts'
import type { Tensor } from '../graph/tensor.ts'
import { inference, type Module } from '../nn/module.ts'
import type { Program } from '../plan/program.ts'
import type { Score } from './events.ts'
import {
  batchInputs,
  checkOutputs,
  type ImageShape,
  logitsOf,
  predictionProgram,
  probabilityProgram,
} from './programs.ts'
import type { EvaluationShare } from './ranks.ts'
import { BatchMemory, type SampleSource } from './samples.ts'

/** Answers to every image of a subset, in its order. */
export interface Evaluation extends Score {
  /** Predicted class of each image. */
  readonly predicted: Int32Array
  /** Probability of the predicted class. */
  readonly probability: Float32Array
  /** Cross-entropy of each image, in nats. */
  readonly losses: Float32Array
  /** `confusion[label][predicted]`: number of images. */
  readonly confusion: readonly (readonly number[])[]
}

/** A compiled program, as far as it is asked for answers. */
type Runnable = Pick<Executable, 'run'>

/** Most images in a batch of an evaluation, and most pixels: large images come in smaller batches. */
const mostImages = 256
const mostPixels = 2 ** 20

/**
 * Runs a model on images; keeps its compiled programs for further calls. It may be called while it is busy, and while
 * the model is being trained: the engine runs one batch after another, each with the weights of that moment.
 */
export class Evaluator {
  readonly #engine: Engine
  readonly #model: Module
  readonly #shape: ImageShape
  readonly #substitutes: () => Promise<ReadonlyMap<Tensor, Tensor>>
  readonly #share: EvaluationShare | undefined
  readonly #executables = new Kept<string, Executable>()
  #outputs: number | undefined

  /**
   * @param shape `[height, width, channels]` of the images
   * @param substitutes values that the model reads instead of its variables, such as averages; called once per program
   * @param share of this process, when several evaluate together: `evaluate` is then called by all of them
   */
  constructor(
    engine: Engine,
    model: Module,
    shape: ImageShape,
    substitutes: () => Promise<ReadonlyMap<Tensor, Tensor>> = async () => new Map(),
    share?: EvaluationShare,
  ) {
    this.#share = share
    this.#engine = engine
    this.#model = model
    this.#shape = shape
    this.#substitutes = substitutes
  }

  /**
   * Scores a subset. Images larger than the model takes are center-cropped.
   * @param onProgress called with the number of images done after each batch
   * @throws ShapeError when images are smaller than the model takes or have other channels, or when the numbers of
   * outputs and classes differ.
   */
  async evaluate(subset: Subset<ImageCollection>, onProgress?: (images: number) => void): Promise<Evaluation> {
    this.#checkClasses(subset.dataset)
    return scoreBatches(this.#loader(subset), size => this.#executable(size, true), onProgress, this.#share)
  }

  /** Compiles what {@link evaluate} needs for a subset. @throws MemoryError when it does not fit into memory. */
  async prepare(subset: Subset<ImageCollection>): Promise<void> {
    const loader = this.#loader(subset)
    for (let batch = 0; batch < loader.batches; batch += Math.max(1, loader.batches - 1)) {
      await this.#executable(loader.sizeOf(batch), true)
    }
  }

  /**
   * Scores a subset on several views of each image, whose probabilities are averaged: test-time augmentation.
   *
   * @param views `flipViews()`, `fiveCrop(28)`, `tenCrop(224)`, …; a view larger than the model takes is center-cropped
   * @param options.onProgress called with the number of images done
   * @param options.allowLabelChanges true to mirror even written symbols
   * @throws ShapeError when a view is smaller than the model takes; LabelSafetyError for mirror images of symbols.
   * @example const { accuracy } = await evaluator.evaluateViews(test, flipViews())
   */
  async evaluateViews(
    subset: Subset<ImageCollection>,
    views: Views,
    options: { readonly onProgress?: (images: number) => void; readonly allowLabelChanges?: boolean } = {},
  ): Promise<Evaluation> {
    const { dataset, indices } = subset
    const probabilities = await this.probabilities(subset, { views, ...options })
    const classes = dataset.classes.length
    const answers = emptyAnswers(indices.length)
    indices.forEach((index, k) => {
      const label = dataset.labels[index]
      const row = probabilities.subarray(k * classes, (k + 1) * classes)
      const best = row.reduce((most, value, c) => (value > row[most] ? c : most), 0)
      answers.labels[k] = label
      answers.predicted[k] = best
      answers.probability[k] = row[best]
      answers.losses[k] = -Math.log(Math.max(row[label], Number.MIN_VALUE))
    })
    return score(answers, dataset.classes.length)
  }

  /**
   * Probabilities of all classes of the model for every image of a subset, `[images, classes]`, averaged over views if
   * there are any.
   * @param options as in {@link evaluateViews}
   * @throws ShapeError when a view is smaller than the model takes, or the numbers of outputs and classes differ;
   * LabelSafetyError for mirror images of symbols.
   */
  async probabilities(
    { dataset, indices }: Subset<ImageCollection>,
    options: {
      readonly views?: Views
      readonly onProgress?: (images: number) => void
      readonly allowLabelChanges?: boolean
    } = {},
  ): Promise<Float32Array> {
    const shape = this.#shape
    const { views = asItIs } = options
    this.#checkClasses(dataset)
    checkViews(views, dataset, shape, options.allowLabelChanges ?? false)
    const batch = this.#model.fixedBatch ?? evaluationBatch(shape)
    const pixels = new Uint8Array(Math.min(batch, indices.length) * sizeOf(shape))
    const classes = dataset.classes.length
    const sums = new Float64Array(indices.length * classes)
    for (let first = 0; first < indices.length; first += batch) {
      const some = indices.subarray(first, first + batch)
      const rasters = await Promise.all(Array.from(some, index => rasterOf(dataset, index)))
      const executable = await this.#executable(some.length, false)
      const images = pixels.subarray(0, some.length * sizeOf(shape))
      for (let k = 0; k < views.count; k++) {
        rasters.forEach((image, position) => {
          placeRaster(fitted(views.view(image, k), shape), shape, images, position)
        })
        const { probabilities } = await executable.run({ images }, { read: ['probabilities'] })
        probabilities.forEach((value, i) => {
          sums[first * classes + i] += value / views.count
        })
        await yieldToEvents()
      }
      options.onProgress?.(first + some.length)
    }
    return Float32Array.from(sums)
  }

  /**
   * Compiles what {@link predict} needs.
   * @param logits the model's answer to one image, where it has been traced already
   * @throws MemoryError when it does not fit into memory.
   */
  async prepareToPredict(logits?: Tensor): Promise<void> {
    await this.#executable(1, false, logits)
  }

  /**
   * Probabilities of all classes for one image, `[classes]`.
   * @param pixels `[H, W, C]` bytes, copied during the call
   * @throws ShapeError when they are not bytes, or their number does not match an image.
   */
  async predict(pixels: Bytes): Promise<Float32Array> {
    const problem = pixelProblem(pixels, this.#shape)
    if (problem !== undefined) throw new ShapeError(`predict: ${problem}`)
    const images = new Uint8Array(pixels)
    const executable = await this.#executable(1, false)
    const { probabilities } = await executable.run({ images }, { read: ['probabilities'] })
    return probabilities as Float32Array
  }

  #checkClasses(dataset: ImageCollection): void {
    this.#outputs ??= outputsOf(this.#model, this.#shape)
    checkOutputs(this.#outputs, dataset)
  }

  #loader(subset: Subset<ImageCollection>): BatchSource {
    return evaluationLoader(subset, this.#shape, { batchSize: this.#model.fixedBatch })
  }

  /** What computes the answers to `samples` images. */
  async #executable(samples: number, scored: boolean, logits?: Tensor): Promise<Runnable> {
    const batch = this.#model.fixedBatch ?? samples
    const key = `${batch} ${scored}`
    const known = this.#executables.of(key, () => this.#compile(batch, scored, logits))
    return samples === batch ? known : filledUp(await known, samples)
  }

  async #compile(batch: number, scored: boolean, logits?: Tensor): Promise<Executable> {
    const [model, shape] = [this.#model, this.#shape]
    const program = scored
      ? predictionProgram(model, shape, batch, true)
      : probabilityProgram(logits ?? logitsOf(model, batchInputs(shape, batch).images, inference()))
    return this.#engine.compile(reading(program, await this.#substitutes()))
  }
}

/** A prediction program that reads substitutes for some variables, such as averages. @internal */
export function reading({ outputs, updates }: Program, substitutes: ReadonlyMap<Tensor, Tensor>): Program {
  const values = substituteTensors(Object.values(outputs), substitutes)
  return { outputs: Object.fromEntries(Object.keys(outputs).map((name, k) => [name, values[k]])), updates }
}

/** Number of a model's outputs. @throws ShapeError when it does not take the images, or gives no logits. @internal */
export const outputsOf = (model: Module, shape: ImageShape): number =>
  logitsOf(model, batchInputs(shape, model.fixedBatch ?? 1).images, inference()).shape[1]

/** A program for a fixed number of samples, run on fewer: zeros fill it up, and the answers to them are left out. */
function filledUp(executable: Executable, samples: number): Runnable {
  return {
    async run(given = {}, options) {
      const inputs = Object.entries(given).map(([name, values]) => {
        const wanted = executable.inputs.get(name)
        if (!wanted || typeof values === 'number') return [name, values] as const
        const all = new (values.constructor as Uint8ArrayConstructor)(sizeOf(wanted.shape))
        all.set(values)
        return [name, all] as const
      })
      const outputs = await executable.run(Object.fromEntries(inputs), options)
      return Object.fromEntries(
        Object.entries(outputs).map(([name, values]) => {
          const [batch] = executable.outputs.get(name)!.shape
          return [name, values.slice(0, (values.length / batch) * samples)]
        }),
      )
    },
  }
}

/** Number of images of a shape in a batch of an evaluation. @internal */
export function evaluationBatch([height, width]: ImageShape): number {
  const fitting = Math.floor(mostPixels / (height * width) / 16) * 16
  return Math.min(mostImages, Math.max(16, fitting))
}

/**
 * The batches of a subset in its order; images that are too large are center-cropped.
 * @throws ShapeError when images are too small, or have other channels.
 * @internal
 */
export function evaluationLoader(
  subset: Subset<ImageCollection>,
  imageShape: ImageShape,
  options: { readonly loader?: LoaderFactory | undefined; readonly batchSize?: number | undefined } = {},
): BatchSource {
  const { shape, name } = subset.dataset
  const { loader = createLoader, batchSize = evaluationBatch(imageShape) } = options
  checkSize(`${name}: its images`, shape, imageShape)
  return loader(subset, { batchSize, shuffle: false, shape: imageShape })
}

/**
 * Scores the batches of a source, in its order.
 * @param executableFor the compiled `predictionProgram` of a batch size, with scores
 * @internal
 */
export async function scoreBatches(
  source: SampleSource,
  executableFor: (size: number) => Promise<Runnable>,
  onProgress?: (samples: number) => void,
  share?: EvaluationShare,
): Promise<Evaluation> {
  const answers = emptyAnswers(source.samples)
  const memory = new BatchMemory(source)
  for (let batch = 0, done = 0; batch < source.batches; batch++) {
    if (share && batch % share.size !== share.rank) {
      done += source.sizeOf(batch)
      continue
    }
    const executable = await executableFor(source.sizeOf(batch))
    const { images, labels } = await memory.fill(batch)
    answers.labels.set(labels, done)
    const { predicted, probability, losses } = await executable.run({ images, labels }, { read: scores })
    answers.predicted.set(predicted, done)
    answers.probability.set(probability, done)
    answers.losses.set(losses, done)
    done += labels.length
    onProgress?.(done)
    await yieldToEvents()
  }
  // As whole numbers, whose sums with the zeros of the other processes are exact whatever the bits mean.
  if (share) for (const { buffer } of Object.values(answers)) await share.merge(new Int32Array(buffer))
  return score(answers, source.dataset.classes.length)
}

/** Outputs of a prediction program that make up a score. */
const scores = ['predicted', 'probability', 'losses'] as const

/** The single view of an image when no views are given: the image itself. */
const asItIs: Views = { name: 'image', count: 1, mirrors: false, resultShape: shape => shape, view: image => image }

/** Answers collected so far. */
type Answers = Pick<Evaluation, 'predicted' | 'probability' | 'losses'> & { readonly labels: Int32Array }

function emptyAnswers(length: number): Answers {
  return {
    labels: new Int32Array(length),
    predicted: new Int32Array(length),
    probability: new Float32Array(length),
    losses: new Float32Array(length),
  }
}

function score({ labels, predicted, probability, losses }: Answers, classes: number): Evaluation {
  const samples = labels.length
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  let right = 0
  let total = 0
  for (let k = 0; k < samples; k++) {
    confusion[labels[k]][predicted[k]]++
    if (labels[k] === predicted[k]) right++
    total += losses[k]
  }
  return { loss: total / samples, accuracy: right / samples, samples, predicted, probability, losses, confusion }
}

function checkViews(views: Views, dataset: ImageCollection, shape: ImageShape, allowLabelChanges: boolean): void {
  checkSize(`${views.name}: its views`, views.resultShape(dataset.shape), shape)
  if (!views.mirrors || dataset.symbols !== true || allowLabelChanges) return
  throw new LabelSafetyError(
    `${views.name} mirrors pictures, but the classes of ${dataset.name} are written symbols, which the model knows one way ` +
      'round only. To do so anyway: allowLabelChanges: true',
  )
}

/** @throws ShapeError when pictures cannot be cropped to the model's input. */
function checkSize(what: string, given: ImageShape, shape: ImageShape): void {
  if (given[0] >= shape[0] && given[1] >= shape[1] && given[2] === shape[2]) return
  throw new ShapeError(`${what} are ${formatShape(given)}, the model takes ${formatShape(shape)}`)
}
