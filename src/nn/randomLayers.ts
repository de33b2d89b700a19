/**
 * Layers that leave something out at random while training, besides inverted dropout: vanilla dropout, DropConnect and
 * stochastic depth.
 */
import { add, mul, sqrt, square } from '../graph/ops/elementwise.ts'
import { matmul } from '../graph/ops/matmul.ts'
import { randomBernoulli } from '../graph/ops/random.ts'
import { mean } from '../graph/ops/reduce.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { formatShape, type Shape, ShapeError } from '../graph/shape.ts'
import { constantTensor } from '../graph/sources.ts'
import type { Matrix, Tensor, Vector } from '../graph/tensor.ts'
import { type Activation, Softmax } from './activations.ts'
import { Linear, type LinearOptions } from './linear.ts'
import { type ForwardContext, Module } from './module.ts'
import { normalPartMeans } from './normalParts.ts'

/** Zeroes elements while training and scales all at test time; see {@link vanillaDropout}. */
export class VanillaDropout extends Module {
  /** Probability that an element is dropped. */
  readonly probability: number
  constructor(probability = 0.5) {
    super()
    checkProbability('vanillaDropout', probability)
    this.probability = probability
  }

  /** The output has the shape of the input. @throws Error while training without a key or path. */
  override forward(x: Tensor, context: ForwardContext): Tensor {
    const keep = 1 - this.probability
    if (keep === 1) return x
    if (!context.training) return this.label(mul(x, keep))
    return this.label(mul(x, keptAtRandom(this, 'vanillaDropout', context, x.shape, keep)))
  }
}

/** A fully connected layer that drops weights; see {@link dropConnect}. */
export class DropConnect extends Linear {
  /** Probability that a weight or bias is dropped. */
  readonly probability: number
  /** The activation after the sum, if it is part of the layer. */
  readonly activation: Activation | undefined

  constructor(inFeatures: number, outFeatures: number, options: DropConnectOptions = {}) {
    const { probability = 0.5, activation, ...linearOptions } = options
    super(inFeatures, outFeatures, linearOptions)
    checkProbability('dropConnect', probability)
    if (activation instanceof Softmax) {
      throw new TypeError('dropConnect: the activation must be a function of one number; put softmax() after the layer')
    }
    this.probability = probability
    this.activation = activation
  }

  /** @throws ShapeError when `x` is not `[N, I]`; Error while training without a key or path. */
  override forward(x: Tensor, context: ForwardContext): Tensor {
    const { activation } = this
    if (!context.training && activation && this.probability > 0)
      return this.label(this.#expected(x, activation, context))
    const y = this.#sums(x, context)
    return activation ? this.label(activation.forward(y, context)) : y
  }

  /** The weighted sums; while training, only over the weights that were kept. */
  #sums(x: Tensor, context: ForwardContext): Tensor {
    if (!context.training || this.probability === 0) return super.forward(x, context)
    if (x.shape.length !== 2 || x.shape[1] !== this.inFeatures) {
      throw new ShapeError(
        `${this.displayName}: expected an input [N, ${this.inFeatures}], got ${formatShape(x.shape)}`,
      )
    }
    const keep = 1 - this.probability
    const masked = (values: Tensor, part: string): Tensor =>
      mul(values, mul(keptAtRandom(this, 'dropConnect', context, values.shape, keep, part), 1 / keep))
    const y = matmul(x as Matrix, masked(this.weight.tensor, '.weight') as Matrix, { transposeB: true })
    return this.label(this.bias ? add(y, masked(this.bias.tensor, '.bias')) : y)
  }

  /**
   * The paper's inference (section 3.2): over all masks a sum has the mean of the whole layer and the variance
   * p / (1 − p) · Σ (w x)². As a sum of many terms it is nearly normal; the activation is averaged over that
   * distribution.
   */
  #expected(x: Tensor, activation: Activation, context: ForwardContext): Tensor {
    const average = super.forward(x, context)
    const squares = matmul(square(x) as Matrix, square(this.weight.tensor) as Matrix, { transposeB: true })
    const odds = this.probability / (1 - this.probability)
    const deviation = sqrt(mul(this.bias ? add(squares, square(this.bias.tensor)) : squares, odds))
    const column = (y: Tensor): Tensor => reshape(y, [...y.shape, 1])
    const points = constantTensor(normalPartMeans(inferenceParts), [inferenceParts])
    return mean(activation.forward(add(column(average), mul(column(deviation), points)), context), -1)
  }
}

/** Parts of the normal distribution over which {@link DropConnect} averages its activation. */
const inferenceParts = 32

/** Options of {@link dropConnect}. */
export interface DropConnectOptions extends LinearOptions {
  /** Probability that a weight or bias is dropped, 0.5 by default. */
  readonly probability?: number
  /**
   * The function that follows, such as `relu()`, as part of the layer; none by default. With it the layer computes at
   * test time what the paper does: the mean of the function's value over the random layers, not its value at the mean.
   */
  readonly activation?: Activation
}

/** Leaves out a whole branch; see {@link stochasticDepth}. */
export class StochasticDepth extends Module {
  /** Probability that the branch is left out. */
  readonly probability: number
  readonly mode: 'row' | 'batch'
  constructor(probability: number, mode: 'row' | 'batch' = 'row') {
    super()
    checkProbability('stochasticDepth', probability)
    this.probability = probability
    this.mode = mode
  }

  /** The output has the shape of the input. @throws Error while training without a key or path. */
  override forward(x: Tensor, context: ForwardContext): Tensor {
    if (!context.training || this.probability === 0) return x
    const keep = 1 - this.probability
    const shape = x.shape.map((extent, axis) => (axis === 0 && this.mode === 'row' ? extent : 1))
    return this.label(mul(x, mul(keptAtRandom(this, 'stochasticDepth', context, shape, keep), 1 / keep)))
  }
}

/**
 * A dropout layer as first published (Srivastava et al. 2014): drops each element with `probability` while training and
 * multiplies by 1 − probability at test time.
 * @throws RangeError when `probability` is not in [0, 1).
 */
export const vanillaDropout = (probability?: number): VanillaDropout => new VanillaDropout(probability)

/**
 * A fully connected layer with DropConnect (Wan et al. 2013): each training step uses a random part of the weights and
 * biases, y = f(x (M ∘ W)ᵀ / (1 − p) + …). At test time the paper averages f over a normal distribution with the mean
 * and variance of the random sums. Given f as `activation`, this layer does so too, over the means of 32 equally likely
 * parts of that distribution instead of random draws. Without an `activation` only the mean of the distribution is
 * left, which is the layer with all of its weights. One mask M serves all samples of a step (the paper draws one for
 * each). Parameters as in `linear`.
 * @throws RangeError when a size is not a whole number ≥ 1 or the probability is not in [0, 1), TypeError when the
 *   activation is a softmax.
 * @example dropConnect(800, 800, { probability: 0.5, activation: relu() })
 */
export const dropConnect = (inFeatures: number, outFeatures: number, options?: DropConnectOptions): DropConnect =>
  new DropConnect(inFeatures, outFeatures, options)

/**
 * A layer at the end of a residual branch (Huang et al. 2016): while training it gives zeros with `probability`, for
 * each sample separately (`'row'`) or for all together (`'batch'`), and otherwise x / (1 − probability); at test time
 * x. This is the inverted form of torchvision; the paper scales at test time.
 * @throws RangeError when `probability` is not in [0, 1).
 * @example add(x, drop.forward(branch, context))
 */
export const stochasticDepth = (probability: number, mode?: 'row' | 'batch'): StochasticDepth =>
  new StochasticDepth(probability, mode)

function checkProbability(label: string, probability: number): void {
  if (!(probability >= 0 && probability < 1)) {
    throw new RangeError(`${label}: probability (=${probability}) must be at least 0 and less than 1`)
  }
}

/** Ones with probability `keep`, else zeros, drawn from (seed, step, path of the layer). */
function keptAtRandom(
  { path }: Module,
  label: string,
  { key }: ForwardContext,
  shape: Shape,
  keep: number,
  part = '',
): Tensor {
  if (!key) throw new Error(`${path || label}: training needs context.key, an i32 [2] tensor (seed, step)`)
  if (path === undefined) {
    throw new Error(`${label}: the layer has no path; call initialize(seed) or assignPaths() on the model first`)
  }
  return randomBernoulli(key as Vector, shape, keep, path + part)
}
