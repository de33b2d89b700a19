/**
 * LARS, layer-wise adaptive rate scaling (You et al. 2017): every parameter has its own learning rate, proportional to
 * the ratio of its norm to its gradient's norm. This makes batches of thousands of images trainable.
 *
 *   κ = τ ‖w‖ / (‖g‖ + λ ‖w‖ + ε)  trust ratio, 1 where ‖w‖ or ‖g‖ is 0
 *   v ← μ v + η κ (g + λ w)
 *   w ← w − v
 */
import { add, div, greater, mul, sqrt, square, sub, where } from '../graph/ops/elementwise.ts'
import { sum } from '../graph/ops/reduce.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Optimizer } from './optimizer.ts'
import { checkOption, checkPositive } from './options.ts'
import { type CommonOptions, optimizerOf } from './rule.ts'

/** Options of {@link lars}. Weight decay is part of the gradient, as κ assumes. */
export interface LarsOptions extends Omit<CommonOptions, 'decoupled'> {
  /** Learning rate η. */
  readonly lr: number
  /** μ, 0.9 by default. */
  readonly momentum?: number
  /** τ, 0.001 by default, as in the paper. */
  readonly trust?: number
  /** ε, 0 by default. */
  readonly eps?: number
  /**
   * The parameters with their own rate: `'all'` (the paper; the default), or `'weights'`, those with at least two
   * axes.
   */
  readonly adapt?: 'all' | 'weights'
}

/**
 * LARS. Its state is `momentum.<path>` for each parameter.
 * @throws RangeError when an option is out of its range.
 * @example lars({ lr: 10, weightDecay: 5e-4, decay: 'weights', adapt: 'weights' })
 */
export function lars(options: LarsOptions): Optimizer {
  const { lr, momentum = 0.9, trust = 1e-3, eps = 0, adapt = 'all' } = options
  checkOption('lars', 'momentum', momentum, 1)
  checkPositive('lars', 'trust', trust)
  checkOption('lars', 'eps', eps)
  return optimizerOf(
    {
      name: 'lars',
      lr,
      momentum,
      begin:
        ({ momentum: mu }) =>
        ({ w, g, bare, lr, slot }) => {
          const velocity = slot('momentum')
          const adapted = adapt === 'all' || w.shape.length >= 2
          const rate = adapted ? mul(lr, trustRatio(w, bare, trust, eps)) : lr
          return sub(w, velocity.set(add(mul(velocity.value, mu), mul(g, rate))))
        },
    },
    options,
  )
}

function trustRatio(w: Tensor, bare: { g: Tensor; weightDecay: number }, trust: number, eps: number): Tensor {
  const ofWeights = sqrt(sum(square(w)))
  const ofGradient = sqrt(sum(square(bare.g)))
  const ratio = div(mul(ofWeights, trust), add(add(ofGradient, mul(ofWeights, bare.weightDecay)), eps))
  return where(greater(mul(ofWeights, ofGradient), 0), ratio, 1)
}
