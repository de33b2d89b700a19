/** Subsets: some images of a data set, by their indices. Splitting copies four bytes an image and no pixels. */
import { RandomSequence } from '../random/philox.ts'
import type { ImageCollection, ImageDataset } from './dataset.ts'
import { DatasetError } from './errors.ts'

/** A selection of a data set's images. */
export interface Subset<D extends ImageCollection = ImageDataset> {
  readonly dataset: D
  /** Which images, by their index in `dataset`, in order. */
  readonly indices: Int32Array
}

/** Two subsets without a common image. */
export interface TrainValidation<D extends ImageCollection = ImageDataset> {
  readonly train: Subset<D>
  readonly validation: Subset<D>
}

/**
 * All images of a data set as a subset, or the first few of them.
 *
 * @param limit at most this many images; all by default
 * @throws DatasetError when `limit` is not a whole number of at least 1.
 */
export function subsetOf<D extends ImageCollection>(dataset: D, limit = dataset.labels.length): Subset<D> {
  if (!Number.isInteger(limit) || limit < 1) {
    throw new DatasetError(`${dataset.name}: limit (=${limit}) must be a whole number of at least 1`)
  }
  return { dataset, indices: Int32Array.from({ length: Math.min(limit, dataset.labels.length) }, (_, index) => index) }
}

/**
 * Holds some images back from training, chosen at random by `seed`. Both parts keep the order of the data set, and the
 * same seed gives the same split on every machine.
 *
 * @param data a data set, or a subset of one
 * @param options.validation share of the images when below 1 (rounded to whole images), else their number; 0 for none
 * @param options.seed chooses the images
 * @throws DatasetError when `validation` is negative, a fractional number above 1, or leaves nothing to train on.
 *
 * @example
 * const { train, validation } = splitDataset((await mnist()).train, { validation: 0.1, seed: 0 })
 * validation.indices.length // 6000
 */
export function splitDataset<D extends ImageCollection>(
  data: D | Subset<D>,
  options: { readonly validation: number; readonly seed: number },
): TrainValidation<D> {
  const { dataset, indices } = 'indices' in data ? data : subsetOf(data)
  const { validation, seed } = options
  const total = indices.length
  const held = validation < 1 ? Math.round(validation * total) : validation
  if (!Number.isInteger(held) || held < 0) {
    throw new DatasetError(
      `${dataset.name}: validation (=${validation}) must be a share 0 … 1 or a whole number of images`,
    )
  }
  if (held >= total) {
    throw new DatasetError(
      `${dataset.name}: validation (=${validation}) leaves none of the ${total} images to train on`,
    )
  }
  const chosen = sample(total, held, seed)
  const train = new Int32Array(total - held)
  const validationIndices = new Int32Array(held)
  let trainCount = 0
  let validationCount = 0
  for (let i = 0; i < total; i++) {
    if (chosen[i] === 1) validationIndices[validationCount++] = indices[i]!
    else train[trainCount++] = indices[i]!
  }
  return { train: { dataset, indices: train }, validation: { dataset, indices: validationIndices } }
}

/** Marks `count` of `total` places, every choice equally likely: the first steps of a Fisher–Yates shuffle. */
function sample(total: number, count: number, seed: number): Uint8Array {
  const random = new RandomSequence(seed, 'split')
  const places = Int32Array.from({ length: total }, (_, index) => index)
  const marks = new Uint8Array(total)
  for (let i = 0; i < count; i++) {
    const other = i + random.integer(total - i)
    const place = places[other]!
    places[other] = places[i]!
    places[i] = place
    marks[place] = 1
  }
  return marks
}
