/** The interface through which training and evaluation take mini-batches, and code shared by all sources of batches. */
import type { Augmentation } from '../augment/compose.ts'
import { pixelProblem, type RasterShape } from '../augment/raster.ts'
import { shuffledIndices } from '../random/philox.ts'
import { checkLabels, type ImageCollection, isInMemory, isStored, type Subset } from './dataset.ts'
import { DatasetError } from './errors.ts'

/** Order and size of the batches of a source. */
export interface LoaderOptions {
  /** Images in a batch; the last batch of an epoch may have fewer. */
  readonly batchSize: number
  /**
   * Leave out a last batch that is not full. With a shuffled order, each epoch leaves out different images.
   * False by default.
   */
  readonly dropLast?: boolean
  /** Seed for the order of every epoch and for augmentation; not needed without `shuffle` and `augment`. */
  readonly seed?: number
  /** True for a new random order every epoch (default), false for the order of the subset. */
  readonly shuffle?: boolean
  /** Augmentation of the images; none by default. */
  readonly augment?: Augmentation
  /**
   * `[height, width, channels]` of the images in a batch. Without augmentation, larger images are center-cropped.
   * By default the shape that augmentation produces, or the data set's own.
   */
  readonly shape?: RasterShape
  /** The batches that will be asked for, to read these ahead and no others; all of them by default. */
  readonly wanted?: (batch: number) => boolean
}

/** A source of mini-batches, epoch by epoch. */
export interface BatchSource {
  /** The data set of the images. */
  readonly dataset: Pick<ImageCollection, 'name' | 'classes'>
  /** Images in an epoch. */
  readonly samples: number
  readonly batchSize: number
  /** Batches in an epoch, the last partial one included unless it is dropped. */
  readonly batches: number
  /** `[height, width, channels]` of the images in a batch. */
  readonly shape: readonly [number, number, number]
  /** True when its labels are probabilities `f32 [size, classes]`, false for class numbers `i32 [size]`. */
  readonly softLabels: boolean
  /**
   * Begins an epoch; later calls of `fill` take batches of that epoch.
   * @param firstBatch the first batch that `fill` will take, for a run that resumes in the middle of an epoch
   */
  startEpoch(epoch: number, firstBatch?: number): void
  /** Number of images in a batch. @throws DatasetError when there is no such batch. */
  sizeOf(batch: number): number
  /** Copies a batch to the front of the destinations and returns its size. */
  fill(batch: number, images: Uint8Array, labels: Int32Array | Float32Array): number | Promise<number>
  /** Stops the work in the background; a later `fill` starts it again. */
  close?(): Promise<void>
}

/** Makes a source of batches of a subset: `createLoader`, or `workerLoader()` in Node. */
export type LoaderFactory = (subset: Subset<ImageCollection>, options: LoaderOptions) => BatchSource

/** The order of the images of each epoch, a function of (seed, epoch), and its division into batches. */
export class EpochOrder {
  readonly subset: Subset<ImageCollection>
  readonly batchSize: number
  /** Images and batches of an epoch. */
  readonly samples: number
  readonly batches: number
  readonly #seed: number | undefined
  /** The most recent orders, by epoch. */
  readonly #orders = new Map<number, Int32Array>()

  /**
   * @throws DatasetError when `batchSize` is not a whole number of at least 1, `dropLast` leaves no batch, `seed` is
   * missing for a shuffled or augmented loader, an index or label is out of range, or pixels are not bytes or too few.
   */
  constructor(subset: Subset<ImageCollection>, options: LoaderOptions) {
    const { batchSize, seed, shuffle = true, augment } = options
    const { name } = subset.dataset
    checkSubset(subset)
    if (shuffle && seed === undefined) throw new DatasetError(`${name}: a shuffled loader needs a seed`)
    if (augment && seed === undefined) throw new DatasetError(`${name}: a loader that augments needs a seed`)
    augment?.checkLabels(subset.dataset)
    this.subset = subset
    this.batchSize = batchSize
    const { samples, batches } = epochLength(name, subset.indices.length, options)
    this.samples = samples
    this.batches = batches
    this.#seed = shuffle ? seed : undefined
  }

  /** True when every epoch has its own order. */
  get isShuffled(): boolean {
    return this.#seed !== undefined
  }

  /**
   * Indices in the data set of the images of an epoch, in order.
   * @throws DatasetError when no epoch is given and the order depends on it.
   */
  of(epoch: number | undefined): Int32Array {
    const { indices, dataset } = this.subset
    if (this.#seed === undefined) return indices
    if (epoch === undefined) {
      throw new DatasetError(`${dataset.name}: call startEpoch before asking a shuffled loader for batches`)
    }
    const known = this.#orders.get(epoch)
    if (known) return known
    const order = shuffledIndices(indices.length, this.#seed, epoch)
    for (let i = 0; i < order.length; i++) order[i] = indices[order[i]!]!
    // Two are enough: the order of the current epoch and that of the next.
    const [oldest] = this.#orders.keys()
    if (this.#orders.size === 2) this.#orders.delete(oldest!)
    this.#orders.set(epoch, order)
    return order
  }

  /** Indices in the data set of the images of a batch, in order. @throws DatasetError when there is no such batch. */
  indicesOf(epoch: number | undefined, batch: number): Int32Array {
    const size = this.sizeOf(batch)
    return this.of(epoch).subarray(batch * this.batchSize, batch * this.batchSize + size)
  }

  /**
   * Number of images in a batch: `batchSize`, or fewer in the last.
   * @throws DatasetError when there is no such batch.
   */
  sizeOf(batch: number): number {
    const { batches, batchSize, samples, subset } = this
    return sizeOfBatch(batch, { batches, batchSize, samples, name: subset.dataset.name })
  }
}

/** Shape of the images of a source. Stored images vary in size: their `shape` is what the model takes. */
export const batchShape = (dataset: ImageCollection, { shape, augment }: LoaderOptions): RasterShape =>
  shape ?? (isStored(dataset) ? dataset.shape : (augment?.resultShape(dataset.shape) ?? dataset.shape))

/** Number of images in a batch. @throws DatasetError when there is no such batch. */
export function sizeOfBatch(
  batch: number,
  of: { readonly name: string; readonly samples: number; readonly batches: number; readonly batchSize: number },
): number {
  if (!Number.isInteger(batch) || batch < 0 || batch >= of.batches) {
    throw new DatasetError(`${of.name}: no batch ${batch} in an epoch of ${of.batches} batches`)
  }
  return Math.min(of.batchSize, of.samples - batch * of.batchSize)
}

/**
 * Images and batches of an epoch of `count` images.
 * @throws DatasetError when a batch size is not a whole number ≥ 1, or `dropLast` leaves no batch.
 */
export function epochLength(
  name: string,
  count: number,
  { batchSize, dropLast = false }: Pick<LoaderOptions, 'batchSize' | 'dropLast'>,
): { readonly samples: number; readonly batches: number } {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new DatasetError(`${name}: batchSize (=${batchSize}) must be a whole number of at least 1`)
  }
  if (!dropLast) return { samples: count, batches: Math.ceil(count / batchSize) }
  const batches = Math.floor(count / batchSize)
  if (batches > 0) return { samples: batches * batchSize, batches }
  throw new DatasetError(
    `${name}: dropLast leaves no batch: ${count} images do not fill one of batchSize (=${batchSize}); choose a smaller one`,
  )
}

/**
 * @throws DatasetError for images that the data set does not have, labels outside its classes, or pixels that are not
 * bytes.
 */
function checkSubset({ dataset, indices }: Subset<ImageCollection>): void {
  const count = dataset.labels.length
  const wrong = indices.find(index => !(index >= 0 && index < count))
  if (wrong !== undefined)
    throw new DatasetError(`${dataset.name}: image ${wrong} does not exist, expected 0 … ${count - 1}`)
  checkLabels(dataset, dataset.name)
  const problem = isInMemory(dataset) ? pixelProblem(dataset.images, dataset.shape, count) : undefined
  if (problem !== undefined) throw new DatasetError(`${dataset.name}: ${problem}`)
}

/** @throws DatasetError when a batch does not fit its destination. */
export function checkDestination(
  source: Pick<BatchSource, 'dataset' | 'shape' | 'softLabels'>,
  size: number,
  images: Uint8Array,
  labels: Int32Array | Float32Array,
): void {
  const { dataset, shape, softLabels } = source
  const bytes = size * shape[0] * shape[1] * shape[2]
  const count = softLabels ? size * dataset.classes.length : size
  if (images.length >= bytes && labels.length >= count) return
  throw new DatasetError(
    `${dataset.name}: a batch of ${size} needs ${bytes} bytes and ${count} labels, got ${images.length} and ${labels.length}`,
  )
}

/** Writes labels as the model takes them: class numbers, or one-hot rows. */
export function writeLabels(
  labels: Int32Array | Float32Array,
  classes: number,
  given: ArrayLike<number>,
  soft: boolean,
): void {
  for (let i = 0; i < given.length; i++) {
    if (!soft) labels[i] = given[i]!
    else {
      labels.fill(0, i * classes, (i + 1) * classes)
      labels[i * classes + given[i]!] = 1
    }
  }
}
