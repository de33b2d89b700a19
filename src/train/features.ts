/**
 * Features that are computed once: when the beginning of a network is frozen for a whole run, its outputs for an image
 * are equal in every epoch. They are kept in memory, and the rest of the network is trained on them.
 */
import { Kept } from '../async/kept.ts'
import { yieldToEvents } from '../async/yieldToEvents.ts'
import type { Engine, Executable } from '../backends/engine.ts'
import type { RunOutputs } from '../backends/operands.ts'
import { EpochOrder, type LoaderFactory } from '../data/batches.ts'
import type { ImageCollection, Subset } from '../data/dataset.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Module, Parameter } from '../nn/module.ts'
import type { Progress } from './checkpoint.ts'
import { type Evaluation, evaluationLoader, reading, scoreBatches } from './evaluate.ts'
import type { NoticeEvent } from './events.ts'
import { FrozenTrunk } from './frozenTrunk.ts'
import { type ImageShape, predictionProgram } from './programs.ts'
import { BatchMemory, type Labels, type SampleSource, type Samples } from './samples.ts'

/** Options of `cacheFeatures`. */
export interface FeatureOptions {
  /** Most memory that features may take, in bytes; 2³⁰ (1 GiB) by default. */
  readonly maxBytes?: number
  /** Called, while features are computed, with the number of images done. */
  readonly onProgress?: (images: number, of: number) => void
}

/** Default of `maxBytes`. */
const usualMaxBytes = 2 ** 30

/** Input of a {@link FeatureCache}. */
export interface FeatureCacheOptions extends FeatureOptions {
  readonly engine: Engine
  readonly model: Module
  /** `[height, width, channels]` of the images. */
  readonly shape: ImageShape
  /** The parameters that are trained at any time during the run, by path. */
  readonly trained: ReadonlyMap<string, Parameter>
  readonly train: Subset<ImageCollection>
  readonly validation?: Subset<ImageCollection> | undefined
  readonly loader?: LoaderFactory | undefined
  readonly batchSize: number
  readonly dropLast: boolean
  readonly seed: number
}

/** The outputs of a model's frozen trunk for the images of a run. */
export class FeatureCache {
  /** Batches of the training images' features, in the order of a run without the cache. */
  readonly train: SampleSource
  readonly #options: FeatureCacheOptions
  readonly #trunk: FrozenTrunk
  readonly #training: FeatureRows
  readonly #validation: FeatureRows | undefined
  readonly #executables = new Kept<string, Executable>()
  #isComplete = false

  /** @throws RangeError when the network has no frozen beginning, or the features would take more than `maxBytes`. */
  constructor(options: FeatureCacheOptions) {
    const { model, shape, trained, train, validation, batchSize, dropLast, seed, maxBytes = usualMaxBytes } = options
    if (!(maxBytes > 0)) throw new RangeError(`cacheFeatures.maxBytes (=${maxBytes}) must be positive`)
    this.#options = options
    this.#trunk = new FrozenTrunk(model, shape, trained)
    const sizes = [this.#trunk.features(true), this.#trunk.features(false)] as const
    const counts = [train.indices.length, validation?.indices.length ?? 0] as const
    const bytes = 4 * (counts[0] * sizes[0] + counts[1] * sizes[1])
    if (bytes > maxBytes) {
      throw new RangeError(
        `cacheFeatures: the features of ${counts[0] + counts[1]} images, ${sizes[0]} numbers each, would take ` +
          `${megabytes(bytes)}, more than cacheFeatures.maxBytes (${megabytes(maxBytes)}): freeze more of the network, or leave cacheFeatures out`,
      )
    }
    this.#training = new FeatureRows(train, sizes[0], { batchSize, dropLast, seed })
    this.#validation = validation && new FeatureRows(validation, sizes[1], { batchSize: 256 })
    this.train = this.#training
  }

  /** The trained part: features → logits, with the variables of the whole model. */
  get head(): Module {
    return this.#trunk.head
  }

  /** {@link compute} as events. @param at the position of the run */
  async *events({ step, epoch }: Progress, isStopped: () => boolean): AsyncGenerator<NoticeEvent> {
    const message = await this.compute(isStopped)
    if (message !== undefined) yield { type: 'notice', kind: 'features', step, epoch, message }
  }

  /**
   * Computes all features, with the engine's values of the trunk's variables; once is enough.
   * @param isStopped called before each batch
   * @returns a sentence about the work; undefined when there was nothing to do, or it was stopped
   */
  async compute(isStopped: () => boolean = () => false): Promise<string | undefined> {
    if (this.#isComplete) return undefined
    const started = performance.now()
    const parts = [this.#training, ...(this.#validation ? [this.#validation] : [])]
    const total = parts.reduce((sum, { labels }) => sum + labels.length, 0)
    let done = 0
    for (const rows of parts) {
      const source = evaluationLoader(rows.subset, this.#options.shape, { loader: this.#options.loader })
      const memory = new BatchMemory(source)
      try {
        for (let batch = 0, first = 0; batch < source.batches; batch++) {
          if (isStopped()) return undefined
          const size = source.sizeOf(batch)
          const executable = await this.#trunkOf(size, rows === this.#training)
          const { images, labels } = await memory.fill(batch)
          rows.store(first, labels, await executable.run({ images }))
          first += size
          done += size
          this.#options.onProgress?.(done, total)
          await yieldToEvents()
        }
      } finally {
        await source.close?.()
      }
    }
    this.#isComplete = true
    const bytes = parts.reduce((sum, { values }) => sum + values.byteLength, 0)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    return `features of ${total} images: ${this.#training.shape[0]} numbers each, ${megabytes(bytes)}, computed in ${seconds} s`
  }

  /**
   * Scores the validation images by their features.
   * @param substitutes values to read instead of variables, for programs compiled in this call
   */
  async evaluate(substitutes: () => Promise<ReadonlyMap<Tensor, Tensor>>): Promise<Evaluation> {
    const rows = this.#validation
    if (!rows) throw new Error('cacheFeatures: the run has no validation images')
    const { engine } = this.#options
    return scoreBatches(rows, size =>
      this.#executables.of(`score ${size}`, async () =>
        engine.compile(reading(predictionProgram(this.head, rows.shape, size, true), await substitutes())),
      ),
    )
  }

  #trunkOf(size: number, training: boolean): Promise<Executable> {
    return this.#executables.of(`trunk ${size} ${training}`, () =>
      this.#options.engine.compile(this.#trunk.program(size, training)),
    )
  }
}

/** Features of a subset's images, in its order, and batches of them. */
class FeatureRows implements SampleSource {
  readonly subset: Subset<ImageCollection>
  readonly samples: number
  readonly batchSize: number
  readonly batches: number
  readonly shape: readonly [number]
  readonly softLabels = false
  readonly values: Float32Array
  readonly labels: Int32Array
  readonly #order: EpochOrder
  #epoch: number | undefined

  /** @param options `seed`: a new order every epoch */
  constructor(
    subset: Subset<ImageCollection>,
    features: number,
    options: { batchSize: number; dropLast?: boolean; seed?: number },
  ) {
    const count = subset.indices.length
    this.subset = subset
    this.shape = [features]
    this.values = new Float32Array(count * features)
    this.labels = new Int32Array(count)
    // The rows are in the order of the images, by the same random numbers.
    const indices = Int32Array.from({ length: count }, (_, row) => row)
    this.#order = new EpochOrder(
      { dataset: subset.dataset, indices },
      { ...options, shuffle: options.seed !== undefined },
    )
    this.batchSize = options.batchSize
    this.samples = this.#order.samples
    this.batches = this.#order.batches
  }

  get dataset(): ImageCollection {
    return this.subset.dataset
  }

  startEpoch(epoch: number): void {
    this.#epoch = epoch
  }

  sizeOf(batch: number): number {
    return this.#order.sizeOf(batch)
  }

  fill(batch: number, samples: Samples, labels: Labels): number {
    const rows = this.#order.indicesOf(this.#epoch, batch)
    const [features] = this.shape
    rows.forEach((row, position) => {
      samples.set(this.values.subarray(row * features, (row + 1) * features), position * features)
      labels[position] = this.labels[row]!
    })
    return rows.length
  }

  /** Takes the labels of some images, and the outputs of the trunk, side by side in each image's row. */
  store(first: number, labels: Labels, outputs: RunOutputs): void {
    const [features] = this.shape
    this.labels.set(labels, first)
    let start = 0
    for (const output of Object.values(outputs)) {
      const width = output.length / labels.length
      for (let i = 0; i < labels.length; i++) {
        this.values.set(output.subarray(i * width, (i + 1) * width), (first + i) * features + start)
      }
      start += width
    }
  }
}

const megabytes = (bytes: number): string => `${Math.max(0.1, bytes / 1e6).toFixed(1)} MB`
