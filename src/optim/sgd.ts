/**
 * Stochastic gradient descent with momentum (Polyak 1964; Nesterov 1983; Sutskever et al. 2013), by PyTorch's rule:
 *
 *   g ← ∇L + λ w                   weight decay λ
 *   v ← μ v + (1 − τ) g            momentum μ, dampening τ; the first step takes v = g
 *   w ← w − η v                    or, with Nesterov's momentum, w ← w − η (g + μ v)
 *
 * The learning rate η stands outside the velocity v; AlexNet's paper has it inside, which differs when η changes.
 */
import { add, equal, mul, sub, where } from '../graph/ops/elementwise.ts'
import { full } from '../graph/ops/map.ts'
import type { Scalar, Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import { checkOption, gradientOf, type Optimizer, OptimizerState } from './optimizer.ts'

/** Options of {@link sgd}. */
export interface SgdOptions {
  /** Learning rate η. */
  readonly lr: number
  /** Share μ of the velocity that survives a step, 0 by default; 0.9 is usual. */
  readonly momentum?: number
  /** Nesterov's momentum, false by default. */
  readonly nesterov?: boolean
  /** L2 penalty λ added to the gradient as λ w, 0 by default. */
  readonly weightDecay?: number
  /** Share τ of the gradient kept out of the velocity, 0 by default. */
  readonly dampening?: number
}

/**
 * Stochastic gradient descent. Its state is `momentum.<path>` for each parameter, when momentum is used.
 * @throws RangeError when an option is out of its range; Error when Nesterov's momentum lacks momentum or is dampened.
 * @example sgd({ lr: 0.05, momentum: 0.9, weightDecay: 5e-4 })
 */
export function sgd(options: SgdOptions): Optimizer {
  const { lr, momentum = 0, nesterov = false, weightDecay = 0, dampening = 0 } = options
  checkOption('sgd', 'lr', lr)
  checkOption('sgd', 'momentum', momentum, 1)
  checkOption('sgd', 'weightDecay', weightDecay)
  checkOption('sgd', 'dampening', dampening)
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new Error(
      `sgd: nesterov requires momentum > 0 and dampening = 0, got momentum ${momentum} and dampening ${dampening}`,
    )
  }
  const state = new OptimizerState('sgd')

  return {
    name: 'sgd',
    defaults: { lr },
    state: () => state.all(),
    update(parameters, gradients, rate) {
      const updates = new Map<Variable, Tensor>()
      // The first velocity is the undampened gradient, so a dampened rule has to know its first step.
      const dampened = momentum !== 0 && dampening !== 0
      const intake: Scalar | number = dampened ? dampenedIntake(state, dampening, updates) : 1
      for (const [path, parameter] of parameters) {
        const w = parameter.tensor
        const gradient = gradientOf(gradients, path, 'sgd')
        const g = weightDecay === 0 ? gradient : add(gradient, mul(w, weightDecay))
        if (momentum === 0) {
          updates.set(parameter, sub(w, mul(g, rate)))
          continue
        }
        const velocity = state.variable(`momentum.${path}`, parameter.shape)
        const v = add(mul(velocity.tensor, momentum), dampened ? mul(g, intake) : g)
        updates.set(velocity, v)
        updates.set(parameter, sub(w, mul(nesterov ? add(g, mul(v, momentum)) : v, rate)))
      }
      return updates
    },
  }
}

/** The factor of the gradient in the velocity: 1 in the first step, then 1 − τ. */
function dampenedIntake(state: OptimizerState, dampening: number, updates: Map<Variable, Tensor>): Scalar {
  const started = state.variable('started', [])
  updates.set(started, full([], 1))
  return where(equal(started.tensor, 0), 1, 1 - dampening) as Scalar
}
