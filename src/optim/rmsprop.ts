/**
 * RMSprop (Tieleman and Hinton 2012; centered: Graves 2013), by PyTorch's rule:
 *
 *   s ← α s + (1 − α) g²           mean of the squared gradient
 *   m ← α m + (1 − α) g            mean of the gradient, when centered: then s − m² takes the place of s
 *   v ← μ v + g / (√s + ε)
 *   w ← w − η v
 *
 * Rounding can make s − m² slightly negative; it then counts as 0.
 */
import { add, div, mul, relu, sqrt, square, sub } from '../graph/ops/elementwise.ts'
import type { Optimizer } from './optimizer.ts'
import { checkOption } from './options.ts'
import { type CommonOptions, optimizerOf, type ParameterStep } from './rule.ts'
import { track } from './slots.ts'

/** Options of {@link rmsprop}. */
export interface RmspropOptions extends CommonOptions {
  /** Learning rate η, 0.01 by default. */
  readonly lr?: number
  /** α, 0.99 by default. */
  readonly alpha?: number
  /** ε, 1e-8 by default. */
  readonly eps?: number
  /** μ, 0 by default. */
  readonly momentum?: number
  /** Divide by the deviation from the mean gradient instead of the root mean square. False by default. */
  readonly centered?: boolean
}

/**
 * RMSprop. Its state is `squareMean.<path>` for each parameter, with `gradientMean.<path>` when centered and
 * `momentum.<path>` with momentum.
 * @throws RangeError when an option is out of its range.
 * @example rmsprop({ lr: 1e-3, momentum: 0.9 })
 */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  const { lr = 0.01, alpha = 0.99, eps = 1e-8, momentum = 0, centered = false } = options
  checkOption('rmsprop', 'alpha', alpha, 1)
  checkOption('rmsprop', 'eps', eps)
  checkOption('rmsprop', 'momentum', momentum, 1)
  const scaled = ({ g, slot }: ParameterStep) => {
    const s = track(slot('squareMean'), square(g), alpha)
    const secondMoment = centered ? relu(sub(s, square(track(slot('gradientMean'), g, alpha)))) : s
    return div(g, add(sqrt(secondMoment), eps))
  }
  return optimizerOf(
    {
      name: 'rmsprop',
      lr,
      ...(momentum !== 0 && { momentum }),
      begin:
        ({ momentum: mu }) =>
        step => {
          const { w, lr, slot } = step
          if (momentum === 0) return sub(w, mul(lr, scaled(step)))
          const velocity = slot('momentum')
          return sub(w, mul(lr, velocity.set(add(mul(velocity.value, mu), scaled(step)))))
        },
    },
    options,
  )
}
