/**
 * NAdam (Dozat 2016): Adam with Nesterov's momentum, by PyTorch's rule:
 *
 *   μₜ = β₁ (1 − ½ · 0.96^(t ψ))
 *   m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²
 *   w ← w − η · [ (1 − μₜ) / (1 − Πμ₁…ₜ) · g + μₜ₊₁ / (1 − Πμ₁…ₜ₊₁) · m ] / (√(v / c₂) + ε)
 */
import { add, div, exp, mul, sqrt, square, sub } from '../graph/ops/elementwise.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type MomentOptions, momentOptions } from './adam.ts'
import type { Optimizer } from './optimizer.ts'
import { checkOption } from './options.ts'
import { optimizerOf } from './rule.ts'
import { countSteps, track } from './slots.ts'

/** Options of {@link nadam}. */
export interface NadamOptions extends MomentOptions {
  /** ψ, how fast the momentum rises to β₁, 0.004 by default. */
  readonly momentumDecay?: number
}

/**
 * NAdam; learning rate 0.002 by default. Its state is `firstMoment.<path>` and `secondMoment.<path>` for each
 * parameter, and the scalars `steps`, `momentumProduct` and `secondCorrection`.
 * @throws RangeError when an option is out of its range.
 * @example nadam({ lr: 2e-3 })
 */
export function nadam(options: NadamOptions = {}): Optimizer {
  const { lr = 2e-3, momentumDecay = 4e-3 } = options
  const { betas, eps } = momentOptions('nadam', options)
  checkOption('nadam', 'momentumDecay', momentumDecay)
  return optimizerOf(
    {
      name: 'nadam',
      lr,
      momentum: betas[0],
      begin({ momentum: beta, slot: sharedSlot }) {
        const steps = countSteps(sharedSlot('steps'))
        const momentumAt = (step: Tensor): Tensor =>
          mul(beta, sub(1, mul(0.5, exp(mul(step, momentumDecay * Math.log(0.96))))))
        const now = momentumAt(steps)
        const next = momentumAt(add(steps, 1))
        const product = sharedSlot('momentumProduct', 1)
        const soFar = product.set(mul(product.value, now))
        const correction = track(sharedSlot('secondCorrection'), 1, betas[1])
        const ofGradient = div(sub(1, now), sub(1, soFar))
        const ofMoment = div(next, sub(1, mul(soFar, next)))
        return ({ w, g, lr, slot }) => {
          const m = track(slot('firstMoment'), g, beta)
          const v = track(slot('secondMoment'), square(g), betas[1])
          const ahead = add(mul(g, ofGradient), mul(m, ofMoment))
          return sub(w, mul(lr, div(ahead, add(sqrt(div(v, correction)), eps))))
        }
      },
    },
    options,
  )
}
