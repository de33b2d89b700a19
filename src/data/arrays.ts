/** Data sets from arrays in memory, checked once so that no later code has to check them again. */
import { areSymbols } from '../augment/labelSafety.ts'
import { type Bytes, pixelProblem, plainBytes } from '../augment/raster.ts'
import { checkLabels, type ImageDataset } from './dataset.ts'
import { DatasetError } from './errors.ts'

/** Input of {@link imageDataset}. */
export interface ImageArrays {
  /** Name of the data set, `images` by default. */
  readonly name?: string
  /**
   * Pixels 0 … 255: one array `[count, height, width, channels]` for all images, which is not copied, or one per image.
   */
  readonly images: Bytes | readonly ArrayLike<number>[]
  /** Class of each image. */
  readonly labels: ArrayLike<number>
  /** `[height, width, channels]` of one image. */
  readonly shape: readonly [number, number, number]
  /** Names of the classes in label order; `'0'`, `'1'`, … up to the largest label by default. */
  readonly classes?: readonly string[]
  /**
   * True when the classes are written symbols; augmentation then refuses mirror images and half turns. True by default
   * when the names in `classes` are single letters or digits.
   */
  readonly symbols?: boolean
}

/**
 * A data set from arrays.
 *
 * @throws DatasetError when the counts do not agree, a pixel is not a byte, or a label has no class.
 *
 * @example
 * const checkers = imageDataset({ images: [[0, 255, 255, 0], [255, 0, 0, 255]], labels: [0, 1], shape: [2, 2, 1] })
 */
export function imageDataset(arrays: ImageArrays): ImageDataset {
  const { name = 'images', shape, images } = arrays
  if (shape.length !== 3 || !shape.every(size => Number.isSafeInteger(size) && size > 0)) {
    throw new DatasetError(
      `${name}: shape must be [height, width, channels], each at least 1, got [${shape.join(', ')}]`,
    )
  }
  const imageBytes = shape[0] * shape[1] * shape[2]
  const count = arrays.labels.length
  if (count === 0) throw new DatasetError(`${name}: no images`)
  if (isListOfImages(images)) {
    if (images.length !== count) {
      throw new DatasetError(`${name}: ${images.length} images, but there are ${count} labels`)
    }
  } else {
    const problem = pixelProblem(images, shape, count)
    if (problem !== undefined) throw new DatasetError(`${name}: ${problem} (there are ${count} labels)`)
  }
  const labels = copyLabels(arrays.labels, name)
  const classes = arrays.classes ?? defaultClasses(labels)
  checkLabels({ labels, classes }, name)
  const pixels = isListOfImages(images) ? joinImages(images, imageBytes, name) : plainBytes(images)
  const symbols = arrays.symbols ?? (arrays.classes !== undefined && areSymbols(arrays.classes))
  return { name, images: pixels, labels, shape, classes, ...(symbols && { symbols }) }
}

/** Anything else that has a length should be the bytes of all images. */
const isListOfImages = (images: ImageArrays['images']): images is readonly ArrayLike<number>[] => Array.isArray(images)

function copyLabels(labels: ArrayLike<number>, name: string): Int32Array {
  const copy = new Int32Array(labels.length)
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!
    if (!Number.isInteger(label) || label < 0 || label > 0x7fffffff) {
      throw new DatasetError(`${name}: label ${label} of image ${i} must be a whole number of at least 0`)
    }
    copy[i] = label
  }
  return copy
}

function defaultClasses(labels: Int32Array): string[] {
  const largest = labels.reduce((a, b) => Math.max(a, b), 0)
  // A label that is no class index (an id, a hash) must not produce a list of millions of names.
  if (largest >= 100_000) throw new DatasetError(`label ${largest} is too large for a class index: give \`classes\``)
  return Array.from({ length: largest + 1 }, (_, index) => String(index))
}

function joinImages(images: readonly ArrayLike<number>[], imageBytes: number, name: string): Uint8Array {
  const pixels = new Uint8Array(images.length * imageBytes)
  images.forEach((image, i) => {
    if (image.length !== imageBytes) {
      throw new DatasetError(`${name}: image ${i} has ${image.length} values, expected ${imageBytes}`)
    }
    for (let j = 0; j < imageBytes; j++) {
      const value = image[j]!
      if (!Number.isInteger(value) || value < 0 || value > 255) {
        throw new DatasetError(`${name}: value ${value} of image ${i} must be a whole number 0 … 255`)
      }
      pixels[i * imageBytes + j] = value
    }
  })
  return pixels
}
