/**
 * Adadelta (Zeiler 2012), by PyTorch's rule:
 *
 *   s ← ρ s + (1 − ρ) g²           mean of the squared gradient
 *   Δ = √(u + ε) / √(s + ε) · g
 *   u ← ρ u + (1 − ρ) Δ²           mean of the squared step
 *   w ← w − η Δ
 */
import { add, div, mul, sqrt, square, sub } from '../graph/ops/elementwise.ts'
import type { Optimizer } from './optimizer.ts'
import { checkOption } from './options.ts'
import { type CommonOptions, optimizerOf } from './rule.ts'
import { track } from './slots.ts'

/** Options of {@link adadelta}. */
export interface AdadeltaOptions extends CommonOptions {
  /** Learning rate η; 1 by default, which gives the paper's rule without a learning rate. */
  readonly lr?: number
  /** ρ, 0.9 by default. */
  readonly rho?: number
  /** ε, 1e-6 by default. */
  readonly eps?: number
}

/**
 * Adadelta. Its state is `squareMean.<path>` and `stepMean.<path>` for each parameter.
 * @throws RangeError when an option is out of its range.
 * @example adadelta({ rho: 0.95 })
 */
export function adadelta(options: AdadeltaOptions = {}): Optimizer {
  const { lr = 1, rho = 0.9, eps = 1e-6 } = options
  checkOption('adadelta', 'rho', rho, 1)
  checkOption('adadelta', 'eps', eps)
  return optimizerOf(
    {
      name: 'adadelta',
      lr,
      begin:
        () =>
        ({ w, g, lr, slot }) => {
          const s = track(slot('squareMean'), square(g), rho)
          const steps = slot('stepMean')
          const delta = mul(div(sqrt(add(steps.value, eps)), sqrt(add(s, eps))), g)
          track(steps, square(delta), rho)
          return sub(w, mul(lr, delta))
        },
    },
    options,
  )
}
