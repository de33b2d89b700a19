/** Errors of this folder. */

/** Thrown for a transform that cannot be made or applied: an option out of its range, a picture too small for a crop. */
export class AugmentError extends Error {
  override readonly name = 'AugmentError'
}

/** Thrown for a transform that turns a class of the data set into another: the mirror image of a digit. Says which. */
export class LabelSafetyError extends Error {
  override readonly name = 'LabelSafetyError'
}
