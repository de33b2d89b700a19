/**
 * The data every contender works on: the same pseudo-random images and labels in the shape of the row.
 * `contenders/work.py` makes the same numbers for the Python contenders.
 */
import type { Row } from './rows.ts'

/** The shape of the work. */
export type WorkShape = Pick<Row, 'batch' | 'batches' | 'side' | 'channels' | 'classes'>

/** One mini-batch. */
export interface Batch {
  /** `[N, H, W, C]` in [0, 1). */
  readonly images: Float32Array
  /** `[N]`, 0 … classes − 1. */
  readonly labels: Int32Array
}

/** Sum of all pixels (in units of 2⁻²⁴) and labels, exact: equal sums tell that two contenders have the same work. */
export function checksum(shape: WorkShape): number {
  let sum = 0
  for (const { images, labels } of batches(shape)) {
    for (const pixel of images) sum += pixel * 2 ** 24
    for (const label of labels) sum += label
  }
  return sum
}

/**
 * The batches: numbers of a 32-bit linear congruential generator (constants of Numerical Recipes), all images first and
 * then all labels, upper 24 bits of each.
 */
export function batches({ batch, batches: count, side, channels, classes }: WorkShape): Batch[] {
  let state = 12345
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 8
  }
  const images = Array.from({ length: count }, () =>
    Float32Array.from({ length: batch * side * side * channels }, () => next() / 2 ** 24),
  )
  return images.map(pixels => ({
    images: pixels,
    labels: Int32Array.from({ length: batch }, () => next() % classes),
  }))
}

/** Images `[N, H, W, C]` as `[N, C, H, W]`. */
export function channelsFirst(images: Float32Array, { batch, side, channels }: WorkShape): Float32Array {
  const positions = side * side
  const result = new Float32Array(images.length)
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < positions; p++) {
        result[(n * channels + c) * positions + p] = images[(n * positions + p) * channels + c]
      }
    }
  }
  return result
}
