/**
 * Statistics of images for preprocessing, to be computed from the training split only. All are taken over pixels from 0
 * to 1, in double precision and in the order of the subset.
 */
import type { ColorComponents } from '../augment/pcaColor.ts'
import { createLoader } from './createLoader.ts'
import type { ImageCollection, Subset } from './dataset.ts'
import { symmetricEigen } from './eigen.ts'
import { DatasetError } from './errors.ts'
import { subsetOf } from './split.ts'

/** Options of the statistics. */
export interface StatisticsOptions {
  /** At most this many images, chosen as in {@link subsetOf}; all by default. */
  readonly limit?: number
}

/** Mean and standard deviation of each channel: what `normalize` and `standardize` take. */
export interface ChannelStatistics {
  readonly mean: number[]
  readonly std: number[]
}

/** A mean image: what `standardize` takes. */
export interface MeanImage {
  /** `[channels, height, width]` */
  readonly mean: Float32Array
  readonly shape: readonly [channels: number, height: number, width: number]
}

/** The linear map that {@link fitWhitening} makes. */
export type WhiteningKind = 'pca' | 'pca-whitening' | 'zca'

/** Options of {@link fitWhitening}. */
export interface WhiteningOptions extends StatisticsOptions {
  /**
   * `'pca'`: coordinates along the principal components, uncorrelated; `'pca-whitening'`: those divided by their
   * standard deviations, so that the covariance is the identity; `'zca'`: rotated back, so that they look like images
   * again.
   */
  readonly kind: WhiteningKind
  /** Keep only the components with the largest variances; all by default. */
  readonly components?: number
  /**
   * Added to the variances before dividing, so that noise in nearly empty directions is not blown up; 1e-5 by default.
   */
  readonly eps?: number
}

/** A fitted map x ↦ matrix · (x − mean): what `whiten` takes. */
export interface WhiteningValues {
  readonly kind: WhiteningKind
  /** `[channels, height, width]` of an image; D is their product. */
  readonly shape: readonly [channels: number, height: number, width: number]
  /** `[D]` */
  readonly mean: Float32Array
  /** `[K, D]`, K the number of components, or D for ZCA. */
  readonly matrix: Float32Array
  /** Variance along each component, largest first. */
  readonly variances: Float64Array
}

/**
 * Mean and standard deviation of each channel over all pixels of all images.
 * @throws ImageError when a stored image cannot be read.
 * @example normalize(await channelStatistics(train))
 */
export async function channelStatistics(
  subset: Subset<ImageCollection>,
  options: StatisticsOptions = {},
): Promise<ChannelStatistics> {
  const [, , channels] = subset.dataset.shape
  const sums = new Float64Array(channels)
  const squares = new Float64Array(channels)
  let count = 0
  await visit(subset, options, pixels => {
    // Sums of whole numbers: exact.
    for (let i = 0; i < pixels.length; i++) {
      const value = pixels[i]!
      sums[i % channels]! += value
      squares[i % channels]! += value * value
    }
    count += pixels.length / channels
  })
  const mean = Array.from(sums, sum => sum / count / 255)
  const std = Array.from(squares, (square, c) => Math.sqrt(square / count - (sums[c]! / count) ** 2) / 255)
  return { mean, std }
}

/** The mean of all images, AlexNet's preprocessing. @throws ImageError when a stored image cannot be read. */
export async function meanImage(subset: Subset<ImageCollection>, options: StatisticsOptions = {}): Promise<MeanImage> {
  const [height, width, channels] = subset.dataset.shape
  const size = height * width * channels
  const sums = new Float64Array(size)
  let count = 0
  await visit(subset, options, pixels => {
    for (let i = 0; i < size; i++) sums[i]! += pixels[i]!
    count++
  })
  const mean = planesOf(sums, subset.dataset.shape).map(sum => sum / count / 255)
  return { mean: Float32Array.from(mean), shape: [channels, height, width] }
}

/**
 * The principal components of the RGB values of all pixels, for `pcaColor`.
 * @throws DatasetError when the images do not have three channels.
 */
export async function colorComponents(
  subset: Subset<ImageCollection>,
  options: StatisticsOptions = {},
): Promise<ColorComponents> {
  const { name, shape } = subset.dataset
  if (shape[2] !== 3) throw new DatasetError(`${name}: color components need 3 channels, the images have ${shape[2]}`)
  const sums = new Float64Array(3)
  const products = new Float64Array(9)
  let count = 0
  await visit(subset, options, pixels => {
    for (let i = 0; i < pixels.length; i += 3) {
      for (let a = 0; a < 3; a++) {
        sums[a]! += pixels[i + a]!
        for (let b = 0; b < 3; b++) products[3 * a + b]! += pixels[i + a]! * pixels[i + b]!
      }
    }
    count += pixels.length / 3
  })
  const covariance = products.map(
    (product, k) => (product / count - (sums[Math.floor(k / 3)]! * sums[k % 3]!) / count ** 2) / 255 ** 2,
  )
  const { values, vectors } = symmetricEigen(covariance, 3)
  const vector = (k: number) => [vectors[3 * k]!, vectors[3 * k + 1]!, vectors[3 * k + 2]!] as const
  return { values: [values[0]!, values[1]!, values[2]!], vectors: [vector(0), vector(1), vector(2)] }
}

/**
 * Fits PCA or whitening to images of D = C·H·W values. It takes D² · images / 2 multiplications for the covariance and
 * about 6 D³ for its eigenvectors: some seconds for 10,000 images of MNIST, several minutes for CIFAR.
 *
 * @throws DatasetError for a number of components out of range or a negative `eps`.
 * @example
 * const model = sequential(whiten(await fitWhitening(train, { kind: 'zca', limit: 10_000, eps: 0.01 })), …)
 */
export async function fitWhitening(
  subset: Subset<ImageCollection>,
  options: WhiteningOptions,
): Promise<WhiteningValues> {
  const { kind, eps = 1e-5 } = options
  const { name, shape: given } = subset.dataset
  const { mean, shape } = await meanImage(subset, options)
  const size = mean.length
  const { components = size } = options
  if (!Number.isInteger(components) || components < 1 || components > size) {
    throw new DatasetError(`${name}: components (=${components}) must be a whole number from 1 to ${size}`)
  }
  if (!(eps >= 0)) throw new DatasetError(`${name}: eps (=${eps}) must be at least 0`)
  const covariance = await covarianceOf(subset, options, mean, given)
  const { values, vectors } = symmetricEigen(covariance, size)
  const variances = values.slice(0, components)
  const scales = variances.map(variance => (kind === 'pca' ? 1 : 1 / Math.sqrt(Math.max(variance, 0) + eps)))
  const rows = kind === 'zca' ? size : components
  const matrix = new Float32Array(rows * size)
  if (kind === 'zca') {
    const sums = new Float64Array(size * size)
    for (let k = 0; k < components; k++) {
      const vector = vectors.subarray(k * size, (k + 1) * size)
      for (let i = 0; i < size; i++) {
        const factor = scales[k]! * vector[i]!
        for (let j = 0; j < size; j++) sums[i * size + j]! += factor * vector[j]!
      }
    }
    matrix.set(sums)
  } else for (let i = 0; i < matrix.length; i++) matrix[i] = scales[Math.floor(i / size)]! * vectors[i]!
  return { kind, shape, mean, matrix, variances }
}

/** Number of images whose products are summed at a time; rows of this length stay in the cache. */
const block = 256

/** The covariance `[D, D]` of the images about their mean: its upper triangle. */
async function covarianceOf(
  subset: Subset<ImageCollection>,
  options: StatisticsOptions,
  mean: Float32Array,
  shape: readonly [number, number, number],
): Promise<Float64Array> {
  const size = mean.length
  const sums = new Float64Array(size * size)
  const columns = new Float32Array(size * block)
  let filled = 0
  let count = 0
  const add = (): void => {
    for (let i = 0; i < size; i++) {
      for (let j = i; j < size; j++) {
        let sum = 0
        for (let k = 0, a = i * block, b = j * block; k < filled; k++) sum += columns[a + k]! * columns[b + k]!
        sums[i * size + j]! += sum
      }
    }
    filled = 0
  }
  await visit(subset, options, pixels => {
    planesOf(pixels, shape).forEach((value, i) => {
      columns[i * block + filled] = value / 255 - mean[i]!
    })
    count++
    if (++filled === block) add()
  })
  add()
  return sums.map(sum => sum / count)
}

/** `[height, width, channels]` as `[channels, height, width]`. */
function planesOf<T extends Uint8Array | Float64Array>(
  values: T,
  [height, width, channels]: readonly [number, number, number],
): Float64Array {
  const plane = height * width
  return Float64Array.from({ length: values.length }, (_, i) => values[(i % plane) * channels + Math.floor(i / plane)]!)
}

/**
 * Calls back with the pixels of every image, or of the chosen ones, as a model gets them, in the order of the subset.
 */
async function visit(
  subset: Subset<ImageCollection>,
  { limit }: StatisticsOptions,
  see: (pixels: Uint8Array) => void,
): Promise<void> {
  const { dataset } = subset
  const loader = createLoader(subsetOf(subset, limit), { batchSize: 32, shuffle: false })
  const size = dataset.shape[0] * dataset.shape[1] * dataset.shape[2]
  const images = new Uint8Array(32 * size)
  const labels = new Int32Array(32)
  for (let batch = 0; batch < loader.batches; batch++) {
    const count = await loader.fill(batch, images, labels)
    for (let k = 0; k < count; k++) see(images.subarray(k * size, (k + 1) * size))
  }
}
