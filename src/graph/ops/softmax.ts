/**
 * Softmax and its logarithm, composed of existing operations: eᶻ / Σ eᶻ with z = x − max x, which cannot overflow.
 * Subtracting a constant does not change the result, so the maximum takes no part in the gradient.
 */
import { normalizeAxis, type Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { div, exp, log, sub } from './elementwise.ts'
import { stopGradient } from './map.ts'
import { max, sum } from './reduce.ts'

/**
 * Probabilities along `axis` (the last by default): eˣ / Σ eˣ.
 * @throws ShapeError when the axis is out of range.
 */
export function softmax<S extends Shape>(x: Tensor<S>, axis = -1): Tensor<S> {
  const along = normalizeAxis(axis, x.shape.length, 'softmax')
  const powers = exp(shifted(x, along))
  return div(powers, sum(powers, along, { keepDims: true })) as Tensor<S>
}

/**
 * Logarithms of the probabilities along `axis` (the last by default): x − log Σ eˣ, finite where softmax underflows.
 * @throws ShapeError when the axis is out of range.
 */
export function logSoftmax<S extends Shape>(x: Tensor<S>, axis = -1): Tensor<S> {
  const along = normalizeAxis(axis, x.shape.length, 'logSoftmax')
  const z = shifted(x, along)
  return sub(z, log(sum(exp(z), along, { keepDims: true }))) as Tensor<S>
}

function shifted(x: Tensor, axis: number): Tensor {
  return sub(x, stopGradient(max(x, axis, { keepDims: true })))
}
