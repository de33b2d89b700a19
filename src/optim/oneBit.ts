/**
 * 1-bit gradients with error feedback (Seide et al. 2014): only the sign of every number is kept, and the error is
 * added to the next gradient, so that it is delayed, not lost. Sent between machines, a gradient then takes one bit
 * per number.
 *
 *   h = g + e                      e: the error left by earlier steps
 *   q = mean of the h ≥ 0 where h ≥ 0, mean of the h < 0 elsewhere, for each unit
 *   e ← h − q                      q takes the place of g
 *
 * A unit is a row of a matrix or a filter of a convolution (the paper's column); a whole bias is one unit.
 */
import { add, div, greaterEqual, maximum, mul, sub, where } from '../graph/ops/elementwise.ts'
import { sum } from '../graph/ops/reduce.ts'
import type { Tensor } from '../graph/tensor.ts'
import { eachTensor, type Transform } from './chain.ts'

/**
 * Replaces gradients by their signs, scaled, with error feedback. The state is `oneBit.error.<path>`.
 * @example chain(oneBit(), sgd({ lr: 0.1, momentum: 0.9 }))
 */
export function oneBit(): Transform {
  return eachTensor('oneBit', 'gradients', (gradient, path, { slot }) => {
    const error = slot(`error.${path}`, gradient.shape)
    const corrected = add(gradient, error.value)
    const quantized = quantize(corrected)
    error.set(sub(corrected, quantized))
    return quantized
  })
}

/**
 * Replaces each element with the mean of the elements of its sign in its unit: the two numbers with the least squared
 * error.
 */
function quantize(h: Tensor): Tensor {
  const axes = unitAxes(h)
  const isPositive = greaterEqual(h, 0)
  const meanWhere = (mask: Tensor): Tensor =>
    div(sum(mul(h, mask), axes, { keepDims: true }), maximum(sum(mask, axes, { keepDims: true }), 1))
  return where(isPositive, meanWhere(isPositive), meanWhere(sub(1, isPositive)))
}

/** The axes within one output unit: all but the first, or the only axis. */
export function unitAxes({ shape }: { readonly shape: readonly number[] }): number[] {
  const axes = shape.map((_, axis) => axis)
  return shape.length >= 2 ? axes.slice(1) : axes
}
