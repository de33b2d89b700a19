/** Errors of this folder. */

/**
 * Thrown for data that cannot be used: broken files, wrong counts, labels out of range. Names the data and the rule.
 */
export class DatasetError extends Error {
  override readonly name: string = 'DatasetError'
}

/** Thrown for an impossible split of images: too many held back, or too many folds. */
export class SplitError extends DatasetError {
  override readonly name = 'SplitError'
}

/** Thrown for a picture that cannot be used. Names the file and says why. */
export class ImageError extends Error {
  override readonly name = 'ImageError'
}
