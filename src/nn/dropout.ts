/**
 * Dropout (Srivastava et al. 2014), inverted: while training, kept activations are divided by the probability of
 * keeping, so that nothing is left to do at test time.
 */
import { mul } from '../graph/ops/elementwise.ts'
import { randomBernoulli } from '../graph/ops/random.ts'
import type { Tensor, Vector } from '../graph/tensor.ts'
import { type ForwardContext, Module } from './module.ts'

/** Zeroes elements at random while training; the identity otherwise. */
export class Dropout extends Module {
  /** Probability that an element is dropped. */
  readonly probability: number

  /** @throws RangeError when `probability` is not in [0, 1). */
  constructor(probability = 0.5) {
    super()
    if (!(probability >= 0 && probability < 1)) {
      throw new RangeError(`dropout: probability (=${probability}) must be at least 0 and less than 1`)
    }
    this.probability = probability
  }

  /**
   * The output has the shape of the input.
   * @throws Error while training, when the context has no key or the model has not been given paths: the mask of each
   *   step is drawn from (seed, step, path), so two layers without a path would drop the same elements.
   */
  override forward(x: Tensor, context: ForwardContext): Tensor {
    if (!context.training || this.probability === 0) return x
    if (!context.key) throw new Error(`${this.displayName}: training needs context.key, an i32 [2] tensor (seed, step)`)
    if (this.path === undefined) {
      throw new Error('dropout: the layer has no path; call initialize(seed) or assignPaths() on the model first')
    }
    const keep = 1 - this.probability
    const mask = randomBernoulli(context.key as Vector, x.shape, keep, this.path)
    return this.label(mul(x, mul(mask, 1 / keep)))
  }
}

/**
 * A layer that drops each element with `probability` while training and divides the others by 1 − probability.
 * @throws RangeError when `probability` is not in [0, 1).
 * @example sequential(linear(9216, 4096), relu(), dropout(0.5))
 */
export const dropout = (probability?: number): Dropout => new Dropout(probability)
