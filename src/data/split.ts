/**
 * Subsets: some images of a data set, by index. Choosing copies four bytes per image and no pixels. Every choice is
 * stratified: each part has its share of every class, however the data set is ordered.
 */
import { shuffledIndices } from '../random/philox.ts'
import type { ImageCollection, ImageDataset, Subset } from './dataset.ts'
import { DatasetError, SplitError } from './errors.ts'
import { apportion, placesByClass } from './stratify.ts'

/** Two subsets that share no image. */
export interface TrainValidation<D extends ImageCollection = ImageDataset> {
  readonly train: Subset<D>
  readonly validation: Subset<D>
}

/**
 * All images of a data set as a subset, or at most `limit` of them, chosen at random by `seed`: each class has its
 * share, as nearly as whole numbers allow, and at least one image as long as there are as many images as classes. They
 * keep the order of the data set; a seed gives the same images on every machine.
 *
 * @param data a data set, or a subset of one
 * @param limit at most this many images; all by default
 * @param seed chooses the images, 0 by default
 * @throws DatasetError when `limit` is not a whole number of at least 1.
 * @example subsetOf((await mnist()).train, 1000).indices.length // 1000, about 100 of each digit
 */
export function subsetOf<D extends ImageCollection>(data: D | Subset<D>, limit?: number, seed = 0): Subset<D> {
  const whole = 'indices' in data ? data : { dataset: data, indices: data.labels.map((_, index) => index) }
  if (limit === undefined) return whole
  if (!Number.isInteger(limit) || limit < 1) {
    throw new DatasetError(`${whole.dataset.name}: limit (=${limit}) must be a whole number of at least 1`)
  }
  if (limit >= whole.indices.length) return whole
  return divide(whole, shuffledIndices(whole.indices.length, seed, 0, 'subset'), sizes => {
    const ones = sizes.map(() => 1)
    return apportion(sizes, limit, { least: limit >= sizes.length ? ones : sizes.map(() => 0), most: sizes })
  })[0]
}

/**
 * Holds some images back from training, chosen at random by `seed`. Each class has its share in both parts, as nearly
 * as whole numbers allow: at least one image to train on, and, when it has two, one that is held back, as long as the
 * parts are large enough for that. Both parts keep the order of the data set, and a seed gives the same split on every
 * machine.
 *
 * @param data a data set, or a subset of one
 * @param options.validation share of the images when below 1 (rounded to whole images), else their number; 0 for none
 * @param options.seed chooses the images
 * @throws SplitError when `validation` is negative, a fractional number above 1, or leaves nothing to train on.
 *
 * @example
 * const { train, validation } = splitDataset((await mnist()).train, { validation: 0.1, seed: 0 })
 * validation.indices.length // 6000
 */
export function splitDataset<D extends ImageCollection>(
  data: D | Subset<D>,
  options: { readonly validation: number; readonly seed: number },
): TrainValidation<D> {
  const whole = subsetOf(data)
  const { name } = whole.dataset
  const { validation, seed } = options
  const total = whole.indices.length
  const held = validation < 1 ? Math.round(validation * total) : validation
  if (!Number.isInteger(held) || held < 0) {
    throw new SplitError(`${name}: validation (=${validation}) must be a share 0 … 1 or a whole number of images`)
  }
  if (held >= total) {
    throw new SplitError(`${name}: validation (=${validation}) leaves none of the ${total} images to train on`)
  }
  const [chosen, train] = divide(whole, shuffledIndices(total, seed, 0, 'split'), sizes => {
    const most = total - held >= sizes.length ? sizes.map(size => size - 1) : sizes
    const ones = most.map(size => Math.min(1, size))
    const isEnough = held >= ones.reduce((sum, one) => sum + one, 0)
    return apportion(sizes, held, { least: isEnough ? ones : sizes.map(() => 0), most })
  })
  return { train, validation: chosen }
}

/**
 * Divides a subset in two: the first few images of each class in the given order, and the rest.
 * @param countsOf how many images of each class are chosen, given the number it has
 */
function divide<D extends ImageCollection>(
  whole: Subset<D>,
  order: Int32Array,
  countsOf: (sizes: readonly number[]) => readonly number[],
): [chosen: Subset<D>, rest: Subset<D>] {
  const { dataset, indices } = whole
  const classes = [...placesByClass(whole, order).values()]
  const counts = countsOf(classes.map(places => places.length))
  const marks = new Uint8Array(indices.length)
  classes.forEach((places, k) => {
    for (const place of places.slice(0, counts[k])) marks[place] = 1
  })
  const part = (mark: number) => ({ dataset, indices: indices.filter((_, place) => marks[place] === mark) })
  return [part(1), part(0)]
}
