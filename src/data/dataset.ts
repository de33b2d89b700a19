/** Labeled images in memory: bytes as they come from files, converted to numbers only by the model's first kernel. */

/** A set of equally sized images with one class each. */
export interface ImageDataset {
  /** `mnist`, `cifar10`, … */
  readonly name: string
  /** Pixels `[count, height, width, channels]`, row-major, 0 … 255. */
  readonly images: Uint8Array
  /** Class of each image, `[count]`, 0 … classes.length − 1. */
  readonly labels: Int32Array
  /** `[height, width, channels]` of one image. */
  readonly shape: readonly [number, number, number]
  /** Names of the classes, in label order. */
  readonly classes: readonly string[]
}

/** The splits of a data set. The test split is for one last look. */
export interface DatasetSplits {
  readonly train: ImageDataset
  readonly test: ImageDataset
}
