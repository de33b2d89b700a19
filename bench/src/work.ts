/**
 * The work every contender does: LeNet-5's training step on the same shapes and the same pseudo-random images and
 * labels. `contenders/work.py` makes the same numbers for the Python contenders.
 */

/** Images per step. */
export const batchSize = 128
/** Different batches, used in turn. */
export const batchCount = 8
/** Rows and columns of an image. */
export const side = 28
/** Classes. */
export const classes = 10
export const learningRate = 0.05
export const momentum = 0.9

/** One mini-batch. */
export interface Batch {
  /** `[128, 28, 28]` in [0, 1). With one channel this is both NCHW and NHWC. */
  readonly images: Float32Array
  /** `[128]`, 0 … 9. */
  readonly labels: Int32Array
}

/** Sum of all pixels (in units of 2⁻²⁴) and labels, exact: equal sums tell that two contenders have the same work. */
export function checksum(): number {
  let sum = 0
  for (const { images, labels } of batches()) {
    for (const pixel of images) sum += pixel * 2 ** 24
    for (const label of labels) sum += label
  }
  return sum
}

/**
 * The eight batches: numbers of a 32-bit linear congruential generator (constants of Numerical Recipes), all images
 * first and then all labels, upper 24 bits of each.
 */
export function batches(): Batch[] {
  let state = 12345
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 8
  }
  const images = Array.from({ length: batchCount }, () =>
    Float32Array.from({ length: batchSize * side * side }, () => next() / 2 ** 24),
  )
  return images.map(pixels => ({
    images: pixels,
    labels: Int32Array.from({ length: batchSize }, () => next() % classes),
  }))
}
