/** Labeled images: bytes as they come from files, converted to numbers only by the model's first kernel. */
import type { Raster } from '../augment/raster.ts'
import { DatasetError } from './errors.ts'

/** Facts about labeled images, wherever their pixels are. */
export interface ImageCollection {
  /** `mnist`, `cifar10`, … */
  readonly name: string
  /** Class of each image, `[count]`, 0 … classes.length − 1. */
  readonly labels: Int32Array
  /** `[height, width, channels]` of one image, as a model gets it. */
  readonly shape: readonly [number, number, number]
  /** Names of the classes, in label order. */
  readonly classes: readonly string[]
  /** True when the classes are written symbols: mirror images and half turns would then make labels wrong. */
  readonly symbols?: boolean
}

/** A set of equally sized images in memory. */
export interface ImageDataset extends ImageCollection {
  /** Pixels `[count, height, width, channels]`, row-major, 0 … 255. */
  readonly images: Uint8Array
}

/** Images that are read when they are needed, one at a time. */
export interface StoredImages extends ImageCollection {
  /**
   * What happens to an image that cannot be read: `'refuse'` ends the epoch with an error that names it; `'skip'`
   * replaces it by the next image in the epoch's order.
   */
  readonly unreadable: 'refuse' | 'skip'
  /**
   * An image at the size it is stored in, which augmentation or a cut to the middle brings to `shape`.
   * @throws ImageError naming the file.
   */
  read(index: number): Promise<Raster>
  /** Called for every image that was skipped. */
  readonly onSkip?: (reason: Error) => void
}

/** A selection of a data set's images. */
export interface Subset<D extends ImageCollection = ImageDataset> {
  readonly dataset: D
  /** Indices of the images in `dataset`, in order. */
  readonly indices: Int32Array
}

/** The splits of a data set. The test split is for one last look. */
export interface DatasetSplits {
  readonly train: ImageDataset
  readonly test: ImageDataset
}

/** True when the images are in memory. */
export const isInMemory = (data: ImageCollection): data is ImageDataset => 'images' in data

/** True when images are read only when needed. */
export const isStored = (data: ImageCollection): data is StoredImages => 'read' in data

/** @throws DatasetError for a label outside the classes. @param name of the images in messages */
export function checkLabels(
  { labels, classes }: { readonly labels: Int32Array | Uint8Array; readonly classes: readonly string[] },
  name: string,
): void {
  const wrong = labels.findIndex(label => !(label >= 0 && label < classes.length))
  if (wrong < 0) return
  throw new DatasetError(
    `${name}: label ${labels[wrong]} of image ${wrong} is out of range, expected 0 … ${classes.length - 1}`,
  )
}
