/**
 * Stochastic gradient descent with the learning rate inside the velocity, as the lectures and AlexNet's paper write it
 * (Krizhevsky et al. 2012, section 5):
 *
 *   v ← μ v − λ η w − η g
 *   w ← w + v
 *
 * and, with Nesterov's momentum, w ← w − μ v + (1 + μ) v′ with the velocities v before and v′ after, which is
 * w ← w + μ v′ − η (g + λ w). With a constant η this is `sgd`. When a schedule lowers η, the updates shrink gradually,
 * over about 1 / (1 − μ) steps, because the velocity remembers the old rate.
 */
import { add, mul, sub } from '../graph/ops/elementwise.ts'
import type { Optimizer } from './optimizer.ts'
import { checkOption } from './options.ts'
import { type CommonOptions, optimizerOf } from './rule.ts'

/** Options of {@link classicMomentum}. */
export interface ClassicMomentumOptions extends CommonOptions {
  /** Learning rate η. */
  readonly lr: number
  /** Fraction μ of the velocity kept from step to step, 0.9 by default, as in AlexNet. */
  readonly momentum?: number
  /** Nesterov's momentum, false by default. */
  readonly nesterov?: boolean
}

/**
 * Momentum as in the lectures and AlexNet. Its state is `velocity.<path>` for each parameter.
 * @throws RangeError when an option is out of its range.
 * @example classicMomentum({ lr: 0.01, momentum: 0.9, weightDecay: 0.0005 }) // AlexNet
 */
export function classicMomentum(options: ClassicMomentumOptions): Optimizer {
  const { lr, momentum = 0.9, nesterov = false } = options
  checkOption('classicMomentum', 'momentum', momentum, 1)
  return optimizerOf(
    {
      name: 'classicMomentum',
      lr,
      momentum,
      begin:
        ({ momentum: mu }) =>
        ({ w, g, lr, slot }) => {
          const velocity = slot('velocity')
          const v = velocity.set(sub(mul(velocity.value, mu), mul(g, lr)))
          return nesterov ? add(w, sub(mul(v, mu), mul(g, lr))) : add(w, v)
        },
    },
    options,
  )
}
