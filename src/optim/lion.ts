/**
 * Lion (Chen et al. 2023): steps of equal size in every coordinate, in the direction of the sign of a mean gradient.
 *
 *   w ← w − η (sign(β₁ m + (1 − β₁) g) + λ w)
 *   m ← β₂ m + (1 − β₂) g
 */
import { add, greater, less, mul, sub } from '../graph/ops/elementwise.ts'
import type { Optimizer } from './optimizer.ts'
import { checkOption } from './options.ts'
import { type CommonOptions, optimizerOf } from './rule.ts'
import { track } from './slots.ts'

/** Options of {@link lion}. Its weight decay is decoupled, as in the paper. */
export interface LionOptions extends Omit<CommonOptions, 'decoupled'> {
  /** Learning rate η, 1e-4 by default: 3 to 10 times smaller than Adam's. */
  readonly lr?: number
  /** β₁ and β₂, [0.9, 0.99] by default. */
  readonly betas?: readonly [number, number]
}

/**
 * Lion. Its state is `firstMoment.<path>` for each parameter.
 * @throws RangeError when an option is out of its range.
 * @example lion({ lr: 1e-4, weightDecay: 0.1 })
 */
export function lion(options: LionOptions = {}): Optimizer {
  const { lr = 1e-4, betas = [0.9, 0.99] } = options
  checkOption('lion', 'betas[0]', betas[0], 1)
  checkOption('lion', 'betas[1]', betas[1], 1)
  return optimizerOf(
    {
      name: 'lion',
      lr,
      momentum: betas[0],
      begin:
        ({ momentum: beta }) =>
        ({ w, g, lr, slot }) => {
          const mean = slot('firstMoment')
          const share = typeof beta === 'number' ? 1 - beta : sub(1, beta)
          const direction = add(mul(mean.value, beta), mul(g, share))
          track(mean, g, betas[1])
          return sub(w, mul(lr, sub(greater(direction, 0), less(direction, 0))))
        },
    },
    { ...options, decoupled: true },
  )
}
