/**
 * L1, L2 and elastic net (Zou and Hastie 2005), in two forms.
 *
 * As a *penalty*, λ₁ ‖w‖₁ + ½ λ₂ ‖w‖² is part of the loss, and its slope is part of the gradient. Under L1, weights
 * then hover around zero but are rarely exactly zero.
 *
 * As a *proximal step* after the update, it minimizes that penalty near the new weights (Beck and Teboulle 2009),
 *
 *   w ← sign(w) · max(0, |w| − η λ₁) / (1 + η λ₂)
 *
 * This is decoupled from the gradient and from the optimizer's changes to it, and produces exact zeros.
 */
import { abs, add, div, greater, mul, relu, square, sub, where } from '../graph/ops/elementwise.ts'
import { full } from '../graph/ops/map.ts'
import { sum } from '../graph/ops/reduce.ts'
import type { Scalar, Tensor } from '../graph/tensor.ts'
import type { Parameter } from '../nn/module.ts'
import { selectPaths, type Transform } from './chain.ts'
import { checkOption } from './options.ts'
import type { PathPattern } from './patterns.ts'

/** Strengths of {@link penalty} and {@link proximal}; both together are an elastic net. */
export interface ElasticNetOptions {
  /** λ₁ of λ₁ Σ |w|, 0 by default. */
  readonly l1?: number
  /** λ₂ of ½ λ₂ Σ w², 0 by default. */
  readonly l2?: number
  /** The parameters in the penalty; by default the weights, not biases or norms. */
  readonly match?: PathPattern
}

/** A term of the loss that depends only on the parameters. */
export interface Penalty {
  readonly name: string
  /** The term for these parameters, a scalar. */
  of(parameters: ReadonlyMap<string, Parameter>): Scalar
}

/**
 * λ₁ Σ |w| + ½ λ₂ Σ w² as a term of the loss. With `l2` alone its gradient equals the optimizer's `weightDecay` term,
 * but the reported loss includes it.
 * @throws RangeError when a strength is negative; Error (from `of`) when `match` matches no parameter.
 * @example new Trainer({ model, train, engine, optimizer, epochs: 3, penalty: penalty({ l2: 5e-4 }) })
 */
export function penalty({ l1 = 0, l2 = 0, match }: ElasticNetOptions): Penalty {
  checkOption('penalty', 'l1', l1)
  checkOption('penalty', 'l2', l2)
  return {
    name: 'penalty',
    of(parameters) {
      const terms = selectPaths('penalty', match, parameters).map(path => {
        const w = parameters.get(path)!.tensor
        const element = l1 === 0 ? mul(square(w), l2 / 2) : add(mul(abs(w), l1), mul(square(w), l2 / 2))
        return sum(element) as Tensor
      })
      return terms.reduce(add, full([], 0)) as Scalar
    },
  }
}

/**
 * The proximal step of λ₁ Σ |w| + ½ λ₂ Σ w², with each parameter's own learning rate η. Goes after the optimizer in a
 * chain.
 * @throws RangeError when a strength is negative; Error (from the update) when `match` matches no parameter.
 * @example chain(sgd({ lr: 0.05, momentum: 0.9 }), proximal({ l1: 1e-4 }))
 */
export function proximal({ l1 = 0, l2 = 0, match }: ElasticNetOptions): Transform {
  checkOption('proximal', 'l1', l1)
  checkOption('proximal', 'l2', l2)
  return {
    name: 'proximal',
    on: 'weights',
    apply(weights, { rateOf }) {
      const next = new Map(weights)
      for (const path of selectPaths('proximal', match, weights)) {
        const w = weights.get(path)!
        const rate = rateOf(path)
        const size = relu(sub(abs(w), mul(rate, l1)))
        const soft = l1 === 0 ? w : where(greater(w, 0), size, sub(0, size))
        next.set(path, l2 === 0 ? soft : div(soft, add(1, mul(rate, l2))))
      }
      return next
    },
  }
}
