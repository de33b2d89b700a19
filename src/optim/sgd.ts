/**
 * Stochastic gradient descent with momentum (Polyak 1964; Nesterov 1983; Sutskever et al. 2013), by PyTorch's rule:
 *
 *   g ← ∇L + λ w                   weight decay λ
 *   v ← μ v + (1 − τ) g            momentum μ, dampening τ; the first step takes v = g
 *   w ← w − η v                    or, with Nesterov's momentum, w ← w − η (g + μ v)
 *
 * The learning rate η is outside the velocity v; AlexNet's paper has it inside, see `classicMomentum.ts`.
 */
import { add, equal, mul, sub, where } from '../graph/ops/elementwise.ts'
import { full } from '../graph/ops/map.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Optimizer } from './optimizer.ts'
import { checkOption } from './options.ts'
import { type CommonOptions, optimizerOf } from './rule.ts'
import type { Slot } from './slots.ts'

/** Options of {@link sgd}. */
export interface SgdOptions extends CommonOptions {
  /** Learning rate η. */
  readonly lr: number
  /** Fraction μ of the velocity kept from step to step, 0 by default; 0.9 is usual. */
  readonly momentum?: number
  /** Nesterov's momentum, false by default. */
  readonly nesterov?: boolean
  /** Fraction τ of the gradient kept out of the velocity, 0 by default. */
  readonly dampening?: number
}

/**
 * Stochastic gradient descent. Its state is `momentum.<path>` for each parameter, when momentum is used.
 * @throws RangeError when an option is out of its range; Error when Nesterov's momentum lacks momentum or is dampened.
 * @example sgd({ lr: 0.05, momentum: 0.9, weightDecay: 5e-4 })
 */
export function sgd(options: SgdOptions): Optimizer {
  const { lr, momentum = 0, nesterov = false, dampening = 0 } = options
  checkOption('sgd', 'momentum', momentum, 1)
  checkOption('sgd', 'dampening', dampening)
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new Error(
      `sgd: nesterov requires momentum > 0 and dampening = 0, got momentum ${momentum} and dampening ${dampening}`,
    )
  }
  if (momentum === 0) {
    const begin =
      () =>
      ({ w, g, lr }: { w: Tensor; g: Tensor; lr: Tensor }) =>
        sub(w, mul(g, lr))
    return optimizerOf({ name: 'sgd', lr, begin }, options)
  }
  return optimizerOf(
    {
      name: 'sgd',
      lr,
      momentum,
      begin({ momentum: mu, slot: sharedSlot }) {
        // The first velocity is the undampened gradient, so a dampened rule must recognize its first step.
        const intake = dampening === 0 ? undefined : dampenedIntake(sharedSlot('started'), dampening)
        return ({ w, g, lr, slot }) => {
          const velocity = slot('momentum')
          const v = velocity.set(add(mul(velocity.value, mu), intake ? mul(g, intake) : g))
          return sub(w, mul(nesterov ? add(g, mul(v, mu)) : v, lr))
        }
      },
    },
    options,
  )
}

/** The factor of the gradient in the velocity: 1 in the first step, then 1 − τ. */
function dampenedIntake(started: Slot, dampening: number): Tensor {
  started.set(full([], 1))
  return where(equal(started.value, 0), 1, 1 - dampening)
}
