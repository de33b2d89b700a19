/** Clipping: makes gradients that are too large smaller, element by element or all together (Pascanu et al. 2013). */
import { add, clamp, div, minimum, mul, sqrt, square } from '../graph/ops/elementwise.ts'
import { sum } from '../graph/ops/reduce.ts'
import type { Tensor } from '../graph/tensor.ts'
import { eachTensor, type Transform } from './chain.ts'
import { checkPositive } from './options.ts'

/**
 * Limits every element of every gradient to −limit … limit, like `torch.nn.utils.clip_grad_value_`.
 * @throws RangeError when the limit is not a number above 0.
 * @example chain(clipByValue(0.5), adam())
 */
export function clipByValue(limit: number): Transform {
  checkPositive('clipByValue', 'limit', limit)
  return eachTensor('clipByValue', 'gradients', gradient => clamp(gradient, -limit, limit))
}

/**
 * Scales all gradients by one factor, min(1, limit / (‖g‖ + 1e-6)), where ‖g‖ is their joint norm; their direction does
 * not change. Like `torch.nn.utils.clip_grad_norm_`.
 * @throws RangeError when the limit is not a number above 0.
 * @example chain(clipByGlobalNorm(1), sgd({ lr: 0.1, momentum: 0.9 }))
 */
export function clipByGlobalNorm(limit: number): Transform {
  checkPositive('clipByGlobalNorm', 'limit', limit)
  return {
    name: 'clipByGlobalNorm',
    on: 'gradients',
    apply: gradients => scaleAll(gradients, minimum(1, div(limit, add(globalNorm(gradients), 1e-6)))),
  }
}

/** The Euclidean norm of all gradients together, a scalar. */
export function globalNorm(gradients: ReadonlyMap<string, Tensor>): Tensor {
  return sqrt([...gradients.values()].map(gradient => sum(square(gradient)) as Tensor).reduce(add))
}

/** All gradients times a scalar. */
export function scaleAll(gradients: ReadonlyMap<string, Tensor>, factor: Tensor): Map<string, Tensor> {
  return new Map([...gradients].map(([path, gradient]) => [path, mul(gradient, factor)]))
}
