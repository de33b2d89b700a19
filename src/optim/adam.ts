/**
 * Adam (Kingma and Ba 2015), AMSGrad (Reddi et al. 2018) and AdamW (Loshchilov and Hutter 2019), by PyTorch's rule:
 *
 *   m ← β₁ m + (1 − β₁) g          mean of the gradient
 *   v ← β₂ v + (1 − β₂) g²         mean of its square (AMSGrad divides by the largest v so far)
 *   w ← w − η · (m / c₁) / (√(v / c₂) + ε)
 *
 * where c = 1 − βᵗ corrects for the means' start at zero. c is itself such a mean, of the constant 1:
 * c ← β c + (1 − β). Computed this way it avoids the cancellation of 1 − βᵗ for small t in single precision, and stays
 * correct when a schedule changes β₁ (PyTorch then uses 1 − βᵗ with the current β₁).
 */
import { add, div, maximum, mul, sqrt, square, sub } from '../graph/ops/elementwise.ts'
import type { Optimizer } from './optimizer.ts'
import { checkOption } from './options.ts'
import { type CommonOptions, optimizerOf } from './rule.ts'
import { track } from './slots.ts'

/** Options of the Adam family. */
export interface MomentOptions extends CommonOptions {
  /** Learning rate η. */
  readonly lr?: number
  /** β₁ and β₂, [0.9, 0.999] by default. */
  readonly betas?: readonly [number, number]
  /** ε, 1e-8 by default. */
  readonly eps?: number
}

/** Options of {@link adam} and {@link adamW}. */
export interface AdamOptions extends MomentOptions {
  /** Learning rate η, 0.001 by default. */
  readonly lr?: number
  /**
   * λ: 0 by default in `adam`, where λ w joins the gradient; 0.01 in `adamW`, where w shrinks by the factor 1 − η λ.
   */
  readonly weightDecay?: number
  /** Divide by the largest mean square so far, false by default. */
  readonly amsgrad?: boolean
}

/**
 * Adam, with weight decay in the gradient. Its state is `firstMoment.<path>` and `secondMoment.<path>` for each
 * parameter (and `largestMoment.<path>` for AMSGrad), and the scalars `firstCorrection` and `secondCorrection`.
 * @throws RangeError when an option is out of its range.
 * @example adam({ lr: 1e-3 })
 */
export const adam = (options: AdamOptions = {}): Optimizer => build('adam', options)

/**
 * Adam with decoupled weight decay; state as {@link adam}.
 * @throws RangeError when an option is out of its range.
 * @example adamW({ lr: 1e-3, weightDecay: 0.05 })
 */
export const adamW = (options: AdamOptions = {}): Optimizer =>
  build('adamW', { weightDecay: 0.01, decoupled: true, ...options })

function build(name: string, options: AdamOptions): Optimizer {
  const { lr = 1e-3, amsgrad = false } = options
  const { betas, eps } = momentOptions(name, options)
  return optimizerOf(
    {
      name,
      lr,
      momentum: betas[0],
      begin({ momentum: beta, slot: sharedSlot }) {
        const firstCorrection = track(sharedSlot('firstCorrection'), 1, beta)
        const secondCorrection = track(sharedSlot('secondCorrection'), 1, betas[1])
        return ({ w, g, lr, slot }) => {
          const m = track(slot('firstMoment'), g, beta)
          const v = track(slot('secondMoment'), square(g), betas[1])
          const largest = amsgrad ? slot('largestMoment') : undefined
          const secondMoment = largest ? largest.set(maximum(largest.value, v)) : v
          return sub(w, mul(div(div(m, firstCorrection), add(sqrt(div(secondMoment, secondCorrection)), eps)), lr))
        }
      },
    },
    options,
  )
}

/** β and ε of the Adam family with their defaults. @throws RangeError when either is out of its range. */
export function momentOptions(name: string, options: MomentOptions): { betas: readonly [number, number]; eps: number } {
  const { betas = [0.9, 0.999], eps = 1e-8 } = options
  checkOption(name, 'betas[0]', betas[0], 1)
  checkOption(name, 'betas[1]', betas[1], 1)
  checkOption(name, 'eps', eps)
  return { betas, eps }
}
