/**
 * Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019), by PyTorch's rule:
 *
 *   m ← β₁ m + (1 − β₁) g          mean of the gradient
 *   v ← β₂ v + (1 − β₂) g²         mean of its square
 *   w ← w − η · (m / c₁) / (√(v / c₂) + ε)
 *
 * where c = 1 − βᵗ corrects for the means' start at zero. c is itself such a mean, of the constant 1:
 * c ← β c + (1 − β). Kept so, it has no cancellation in single precision, which 1 − βᵗ has for small t.
 */
import { add, div, mul, sqrt, square, sub } from '../graph/ops/elementwise.ts'
import type { Operand } from '../graph/ops/map.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Variable } from '../graph/variable.ts'
import { checkOption, gradientOf, type Optimizer, OptimizerState } from './optimizer.ts'

/** Options of {@link adam} and {@link adamW}. */
export interface AdamOptions {
  /** Learning rate η, 0.001 by default. */
  readonly lr?: number
  /** β₁ and β₂, [0.9, 0.999] by default. */
  readonly betas?: readonly [number, number]
  /** ε, 1e-8 by default. */
  readonly eps?: number
  /** λ: 0 by default in `adam`, where λ w joins the gradient; 0.01 in `adamW`, where w shrinks by the factor 1 − η λ. */
  readonly weightDecay?: number
}

/**
 * Adam, with weight decay in the gradient. Its state is `firstMoment.<path>` and `secondMoment.<path>` for each
 * parameter, and the scalars `firstCorrection` and `secondCorrection`.
 * @throws RangeError when an option is out of its range.
 * @example adam({ lr: 1e-3 })
 */
export const adam = (options: AdamOptions = {}): Optimizer => build('adam', options, false)

/**
 * Adam with decoupled weight decay; state as {@link adam}.
 * @throws RangeError when an option is out of its range.
 * @example adamW({ lr: 1e-3, weightDecay: 0.05 })
 */
export const adamW = (options: AdamOptions = {}): Optimizer => build('adamW', { weightDecay: 0.01, ...options }, true)

function build(name: string, options: AdamOptions, decoupled: boolean): Optimizer {
  const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options
  checkOption(name, 'lr', lr)
  checkOption(name, 'betas[0]', betas[0], 1)
  checkOption(name, 'betas[1]', betas[1], 1)
  checkOption(name, 'eps', eps)
  checkOption(name, 'weightDecay', weightDecay)
  const state = new OptimizerState(name)

  return {
    name,
    defaults: { lr },
    state: () => state.all(),
    update(parameters, gradients, rate) {
      const updates = new Map<Variable, Tensor>()
      /** Moves the mean kept in a variable towards `value` and returns its new value. */
      const track = (label: string, value: Operand, shape: readonly number[], beta: number): Tensor => {
        const variable = state.variable(label, shape)
        const share = typeof value === 'number' ? value * (1 - beta) : mul(value, 1 - beta)
        const mean = add(mul(variable.tensor, beta), share)
        updates.set(variable, mean)
        return mean
      }
      const firstCorrection = track('firstCorrection', 1, [], betas[0])
      const secondCorrection = track('secondCorrection', 1, [], betas[1])
      for (const [path, parameter] of parameters) {
        const gradient = gradientOf(gradients, path, name)
        const coupled = weightDecay !== 0 && !decoupled
        const g = coupled ? add(gradient, mul(parameter.tensor, weightDecay)) : gradient
        const m = track(`firstMoment.${path}`, g, parameter.shape, betas[0])
        const v = track(`secondMoment.${path}`, square(g), parameter.shape, betas[1])
        const step = div(div(m, firstCorrection), add(sqrt(div(v, secondCorrection)), eps))
        const shrink = decoupled && weightDecay !== 0
        const w = shrink ? mul(parameter.tensor, sub(1, mul(rate, weightDecay))) : parameter.tensor
        updates.set(parameter, sub(w, mul(step, rate)))
      }
      return updates
    },
  }
}
