/**
 * Counting: whole numbers plus a whole number, in 32-bit arithmetic, where `map` would round beyond 2²⁴. Not
 * differentiable.
 */
import { eachOfFirst } from '../batch.ts'
import { apply, elementwiseCost, type Op } from '../op.ts'
import { type Shape, ShapeError } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

/** Attributes of `increment`. */
export interface IncrementAttributes {
  /** The number to add, −2³¹ … 2³¹ − 1. */
  readonly by: number
}

/** `i32 […] → i32 […]`; past 2³¹ − 1 it continues at −2³¹, as in every 32-bit arithmetic. */
export const incrementOp: Op<IncrementAttributes> = {
  name: 'increment',
  shape([x], { by }) {
    if (x.dtype !== 'i32') throw new ShapeError(`increment: expected i32 numbers, got ${x.dtype}`)
    if (!Number.isInteger(by) || by !== (by | 0)) {
      throw new RangeError(`increment: by (=${by}) must be a whole number in -2^31 … 2^31 - 1`)
    }
    return { shape: x.shape, dtype: 'i32' }
  },
  reference: ([x], { by }) => x.values.map(value => (value + by) | 0),
  vjp: () => [undefined],
  cost: elementwiseCost,
  batch: eachOfFirst,
}

/**
 * Whole numbers plus `by`: `i32 […] → i32 […]`.
 * @throws ShapeError when `x` is not i32, RangeError when `by` is not a whole number of 32 bits.
 * @example const steps = increment(counter.tensor) // counter = new Variable([], { dtype: 'i32' })
 */
export function increment<S extends Shape>(x: Tensor<S>, by = 1): Tensor<S> {
  return apply(incrementOp, [x], { by }) as Tensor<S>
}
