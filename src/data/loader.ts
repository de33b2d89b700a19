/**
 * Mini-batches of images in memory: the order of an epoch, augmentation, and the copying of images into the memory the
 * model reads.
 *
 * The order is a function of (seed, epoch), so (epoch, batch) is all that a checkpoint needs to say where training was.
 * Images stay bytes. Measured on MNIST, batch 128, from 60,000 shuffled images into shared WebAssembly memory, one
 * thread: 30 µs for `set` of a subarray per image, 60 µs for a loop over 32-bit words, 140 µs for a loop over bytes;
 * most of the 30 µs is waiting for memory (12 µs when the images lie in order).
 */
import { raster } from '../augment/raster.ts'
import {
  type BatchSource,
  batchShape,
  checkDestination,
  EpochOrder,
  type LoaderOptions,
  writeLabels,
} from './batches.ts'
import type { ImageDataset, Subset } from './dataset.ts'
import { assemblyOf, type BatchAssembly } from './place.ts'

/**
 * Yields the batches of a subset in memory, epoch by epoch; batches may be requested in any order.
 *
 * @example
 * const loader = new BatchLoader(train, { batchSize: 128, seed: 42, augment: cifarAugmentation() })
 * for (let epoch = 1; epoch <= 3; epoch++) {
 *   loader.startEpoch(epoch)
 *   for (let batch = 0; batch < loader.batches; batch++) {
 *     const size = loader.fill(batch, images, labels)
 *     …
 *   }
 * }
 */
export class BatchLoader implements BatchSource {
  readonly subset: Subset
  readonly samples: number
  readonly batchSize: number
  /** Batches in an epoch, the last partial one included unless it is dropped. */
  readonly batches: number
  readonly shape: readonly [number, number, number]
  readonly softLabels: boolean
  readonly #order: EpochOrder
  readonly #assembly: BatchAssembly
  /** True when images go into batches unchanged, without augmentation or cropping. */
  readonly #isPlain: boolean
  #epoch: number | undefined

  /**
   * @throws DatasetError when `batchSize` is not a whole number of at least 1, `dropLast` leaves no batch, `seed` is
   * missing for a shuffled or augmented loader, or an index or label is out of range; LabelSafetyError when
   * augmentation would make labels wrong.
   */
  constructor(subset: Subset, options: LoaderOptions) {
    const { augment } = options
    this.#order = new EpochOrder(subset, options)
    this.subset = subset
    this.samples = this.#order.samples
    this.batchSize = options.batchSize
    this.batches = this.#order.batches
    this.shape = batchShape(subset.dataset, options)
    this.#assembly = assemblyOf(subset.dataset, options)
    this.#isPlain = !augment && String(this.shape) === String(subset.dataset.shape)
    this.softLabels = augment?.softLabels ?? false
  }

  get dataset(): ImageDataset {
    return this.subset.dataset
  }

  /** Sets the order of an epoch, counted from anywhere; later calls of `fill` take batches of that epoch. */
  startEpoch(epoch: number): void {
    this.#epoch = epoch
  }

  /**
   * Indices in the data set of the images of this epoch, in order; batch b is
   * `[b · batchSize, b · batchSize + sizeOf(b))`.
   */
  get order(): Int32Array {
    return this.#order.of(this.#epoch)
  }

  /**
   * Number of images in a batch: `batchSize`, or fewer in the last.
   * @throws DatasetError when there is no such batch.
   */
  sizeOf(batch: number): number {
    return this.#order.sizeOf(batch)
  }

  /**
   * Copies a batch to the front of the destination and returns its size; the rest of the destination is unchanged.
   *
   * @param batch 0 … batches − 1
   * @param images destination `[size, height, width, channels]`
   * @param labels destination `i32 [size]`, or `f32 [size, classes]` when labels are soft
   * @throws DatasetError when there is no such batch or a destination is too small.
   */
  fill(batch: number, images: Uint8Array, labels: Int32Array | Float32Array): number {
    const indices = this.#order.indicesOf(this.#epoch, batch)
    const size = indices.length
    checkDestination(this, size, images, labels)
    const { dataset, softLabels } = this
    const bytes = dataset.shape[0] * dataset.shape[1] * dataset.shape[2]
    const epoch = this.#epoch ?? 0
    for (let i = 0; i < size; i++) {
      const index = indices[i]!
      const image = dataset.images.subarray(index * bytes, (index + 1) * bytes)
      if (this.#isPlain) images.set(image, i * bytes)
      else this.#assembly.place(raster(image, dataset.shape), images, { epoch, index, position: i })
    }
    writeLabels(
      labels,
      dataset.classes.length,
      indices.map(index => dataset.labels[index]!),
      softLabels,
    )
    this.#assembly.mix({ images, labels }, { epoch, batch, size })
    return size
  }
}
