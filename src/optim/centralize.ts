/**
 * Gradient centralization (Yong et al. 2020): the gradient of every unit's weights is shifted to mean zero, which keeps
 * the sum of those weights constant and makes the loss smoother.
 */
import { sub } from '../graph/ops/elementwise.ts'
import { mean } from '../graph/ops/reduce.ts'
import { eachTensor, type Transform } from './chain.ts'
import { unitAxes } from './oneBit.ts'

/**
 * Subtracts the mean from the gradient of each filter, or row of a matrix. Biases and other vectors do not change.
 * @example chain(centralize(), sgd({ lr: 0.1, momentum: 0.9 }))
 */
export function centralize(): Transform {
  return eachTensor('centralize', 'gradients', gradient =>
    gradient.shape.length < 2 ? gradient : sub(gradient, mean(gradient, unitAxes(gradient), { keepDims: true })),
  )
}
