/**
 * Adagrad (Duchi et al. 2011), by PyTorch's rule:
 *
 *   s ← s + g²                     sum of the squared gradients
 *   w ← w − η / (1 + (t − 1) d) · g / (√s + ε)
 */
import { add, div, mul, sqrt, square, sub } from '../graph/ops/elementwise.ts'
import type { Optimizer } from './optimizer.ts'
import { checkOption } from './options.ts'
import { type CommonOptions, optimizerOf } from './rule.ts'
import { countSteps } from './slots.ts'

/** Options of {@link adagrad}. */
export interface AdagradOptions extends CommonOptions {
  /** Learning rate η, 0.01 by default. */
  readonly lr?: number
  /** d, 0 by default: the rate is divided by 1 + (t − 1) d in step t. */
  readonly lrDecay?: number
  /** s before the first step, 0 by default. */
  readonly initialSum?: number
  /** ε, 1e-10 by default. */
  readonly eps?: number
}

/**
 * Adagrad. Its state is `squareSum.<path>` for each parameter and, with `lrDecay`, the scalar `steps`.
 * @throws RangeError when an option is out of its range.
 * @example adagrad({ lr: 0.01 })
 */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  const { lr = 0.01, lrDecay = 0, initialSum = 0, eps = 1e-10 } = options
  for (const [name, value] of Object.entries({ lrDecay, initialSum, eps })) checkOption('adagrad', name, value)
  return optimizerOf(
    {
      name: 'adagrad',
      lr,
      begin({ slot: sharedSlot }) {
        const slowdown = lrDecay === 0 ? 1 : add(1, mul(sub(countSteps(sharedSlot('steps')), 1), lrDecay))
        return ({ w, g, lr, slot }) => {
          const sum = slot('squareSum', initialSum)
          const s = sum.set(add(sum.value, square(g)))
          return sub(w, mul(div(lr, slowdown), div(g, add(sqrt(s), eps))))
        }
      },
    },
    options,
  )
}
