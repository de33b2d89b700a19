/**
 * RAdam (Liu et al. 2020), by PyTorch's rule: Adam that scales its adaptive step by r while the mean square covers few
 * steps, and takes plain momentum steps while it covers too few to be useful (ρ ≤ 5).
 *
 *   ρ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ),  ρ∞ = 2 / (1 − β₂) − 1
 *   r = √( (ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ) )
 *   w ← w − η · m / c₁ · r · √c₂ / (√v + ε)        for ρ > 5, else w ← w − η · m / c₁
 *
 * ρ is a difference of nearly equal numbers. It equals Σ (2 i − 1) β₂^(i−1) / Σ β₂^(i−1) over i = 1 … t: sums of
 * positive numbers, for which single precision suffices.
 */
import { add, div, greater, maximum, mul, sqrt, square, sub, where } from '../graph/ops/elementwise.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type MomentOptions, momentOptions } from './adam.ts'
import type { Optimizer } from './optimizer.ts'
import { optimizerOf, type SharedStep } from './rule.ts'
import { countSteps, track } from './slots.ts'

/**
 * RAdam; learning rate 0.001 by default. Its state is `firstMoment.<path>` and `secondMoment.<path>` for each
 * parameter, and the scalars `firstCorrection`, `secondCorrection`, `steps`, `power` and `weighted`.
 * @throws RangeError when an option is out of its range.
 * @example radam({ lr: 1e-3 })
 */
export function radam(options: MomentOptions = {}): Optimizer {
  const { betas, eps } = momentOptions('radam', options)
  return optimizerOf(
    {
      name: 'radam',
      lr: options.lr ?? 1e-3,
      momentum: betas[0],
      begin(shared) {
        const { momentum: beta, slot: sharedSlot } = shared
        const firstCorrection = track(sharedSlot('firstCorrection'), 1, beta)
        const secondCorrection = track(sharedSlot('secondCorrection'), 1, betas[1])
        const { rho, limit } = lengthOfMean(shared, betas[1], secondCorrection)
        const scale = limit / ((limit - 4) * (limit - 2))
        const rectified = sqrt(maximum(div(mul(mul(sub(rho, 4), sub(rho, 2)), scale), rho), 0))
        const adaptive = mul(rectified, sqrt(secondCorrection))
        const matured = greater(rho, 5)
        return ({ w, g, lr, slot }) => {
          const m = track(slot('firstMoment'), g, beta)
          const v = track(slot('secondMoment'), square(g), betas[1])
          const scaled = where(matured, div(adaptive, add(sqrt(v), eps)), 1)
          return sub(w, mul(mul(lr, div(m, firstCorrection)), scaled))
        }
      },
    },
    options,
  )
}

/** ρ, the effective number of gradients in the mean square, and ρ∞. `correction` is 1 − βᵗ = (1 − β) Σ β^(i−1). */
function lengthOfMean({ slot }: SharedStep, beta: number, correction: Tensor): { rho: Tensor; limit: number } {
  const steps = countSteps(slot('steps'))
  const power = slot('power', 1) // β^(t−1)
  power.set(mul(power.value, beta))
  const sum = slot('weighted')
  const weighted = sum.set(add(sum.value, mul(sub(mul(steps, 2), 1), power.value)))
  return { rho: div(mul(weighted, 1 - beta), correction), limit: 2 / (1 - beta) - 1 }
}
