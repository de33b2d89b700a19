/**
 * Adamax (Kingma and Ba 2015, section 7.1), by PyTorch's rule: Adam with a running maximum instead of the mean square.
 *
 *   m ← β₁ m + (1 − β₁) g
 *   u ← max(β₂ u, |g| + ε)
 *   w ← w − η / (1 − β₁ᵗ) · m / u
 */
import { abs, add, div, maximum, mul, sub } from '../graph/ops/elementwise.ts'
import { type MomentOptions, momentOptions } from './adam.ts'
import type { Optimizer } from './optimizer.ts'
import { optimizerOf } from './rule.ts'
import { track } from './slots.ts'

/**
 * Adamax; learning rate 0.002 by default. Its state is `firstMoment.<path>` and `largest.<path>` for each parameter,
 * and the scalar `firstCorrection`.
 * @throws RangeError when an option is out of its range.
 * @example adamax({ lr: 2e-3 })
 */
export function adamax(options: MomentOptions = {}): Optimizer {
  const { betas, eps } = momentOptions('adamax', options)
  return optimizerOf(
    {
      name: 'adamax',
      lr: options.lr ?? 2e-3,
      momentum: betas[0],
      begin({ momentum: beta, slot: sharedSlot }) {
        const correction = track(sharedSlot('firstCorrection'), 1, beta)
        return ({ w, g, lr, slot }) => {
          const m = track(slot('firstMoment'), g, beta)
          const largest = slot('largest')
          const u = largest.set(maximum(mul(largest.value, betas[1]), add(abs(g), eps)))
          return sub(w, mul(div(lr, correction), div(m, u)))
        }
      },
    },
    options,
  )
}
