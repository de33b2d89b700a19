/** Other ways to sum up a window: by distance from its center, by L2 norm, and at random (Zeiler and Fergus 2013). */
import { averagePool2d } from '../graph/ops/averagePool2d.ts'
import { conv2d } from '../graph/ops/conv2d.ts'
import { add, div, greater, less, lessEqual, mul, sqrt, square, where } from '../graph/ops/elementwise.ts'
import { pad } from '../graph/ops/pad.ts'
import { randomUniform } from '../graph/ops/random.ts'
import { slice } from '../graph/ops/slice.ts'
import { constantTensor } from '../graph/sources.ts'
import type { Tensor, Vector, Volume } from '../graph/tensor.ts'
import { outputSize, type Padding, type Pair } from '../graph/window.ts'
import type { ForwardContext } from './module.ts'
import { Pool2d } from './pooling.ts'

/** Options of the pools of this file. */
export interface PoolOptions {
  /** Step between windows; the kernel by default, so that windows do not overlap. */
  readonly stride?: Pair
  /** Zeros around the image, 0 by default. */
  readonly padding?: Pair | Padding
}

/** Options of {@link distanceWeightedAveragePool2d}. */
export interface DistanceWeightedPoolOptions extends PoolOptions {
  /** Weight of an element by its distance from the window's center, in elements; 1 / (1 + distance) by default. */
  readonly weight?: (distance: number) => number
}

/** Weighted mean of each window; see {@link distanceWeightedAveragePool2d}. */
export class DistanceWeightedAveragePool2d extends Pool2d {
  /** Weights of the window, row by row; their sum is 1. */
  readonly weights: readonly number[]

  constructor(kernel: Pair, options: DistanceWeightedPoolOptions = {}) {
    const { weight = distance => 1 / (1 + distance), ...geometry } = options
    super(kernel, geometry)
    const [height, width] = this.window.kernel
    const raw = Array.from({ length: height * width }, (_, k) =>
      weight(Math.hypot(Math.floor(k / width) - (height - 1) / 2, (k % width) - (width - 1) / 2)),
    )
    const total = raw.reduce((sum, value) => sum + value, 0)
    if (!(total > 0 && raw.every(value => value >= 0 && Number.isFinite(value)))) {
      throw new RangeError(
        `distanceWeightedAveragePool2d: weights (=${raw.join(', ')}) must be ≥ 0 with a positive sum`,
      )
    }
    this.weights = raw.map(value => value / total)
  }

  protected override pool(x: Volume): Tensor {
    // Each channel separately: a convolution with as many groups as channels and the same weights in each.
    const { kernel, stride, padding } = this.window
    const channels = x.shape[1]
    const values = Array.from({ length: channels }, () => this.weights).flat()
    const weights = constantTensor(values, [channels, 1, kernel[0], kernel[1]])
    return conv2d(x, weights as Volume, { stride, padding, groups: channels })
  }
}

/** √Σ x² of each window; see {@link l2Pool2d}. */
export class L2Pool2d extends Pool2d {
  constructor(kernel: Pair, options: PoolOptions = {}) {
    super(kernel, options)
  }
  protected override pool(x: Volume): Tensor {
    const { kernel, stride, padding } = this.window
    const sums = mul(averagePool2d(square(x), kernel, { stride, padding }), kernel[0] * kernel[1])
    // The slope of √ at 0 is infinite; a window of zeros gets the subgradient 0.
    const positive = greater(sums, 0)
    return where(positive, sqrt(where(positive, sums, 1)), 0)
  }
}

/** A random element of each window; see {@link stochasticPool2d}. */
export class StochasticPool2d extends Pool2d {
  constructor(kernel: Pair, options: PoolOptions = {}) {
    super(kernel, options)
  }

  protected override pool(x: Volume, context: ForwardContext): Tensor {
    const taps = this.#taps(x)
    const total = taps.reduce(add)
    if (!context.training) {
      const squares = taps.map(square).reduce(add)
      return where(greater(total, 0), div(squares, where(greater(total, 0), total, 1)), 0)
    }
    if (!context.key) throw new Error(`${this.displayName}: training needs context.key, an i32 [2] tensor (seed, step)`)
    if (this.path === undefined) {
      throw new Error(
        'stochasticPool2d: the layer has no path; call initialize(seed) or assignPaths() on the model first',
      )
    }
    // Each element has an interval as long as its value, and a point of [0, total) is in exactly one of them.
    // Comparisons have no slope, so the gradient goes only to the element that was drawn.
    const point = mul(randomUniform(context.key as Vector, total.shape, this.path), total)
    let before: Tensor | undefined
    let result: Tensor | undefined
    taps.forEach((tap, k) => {
      const after: Tensor = before ? add(before, tap) : tap
      const fromHere = before ? lessEqual(before, point) : 1
      // Rounding may put the point at the end of the last interval, so that interval has no upper end.
      const toHere = k === taps.length - 1 ? 1 : less(point, after)
      const chosen = mul(mul(fromHere, toHere), tap)
      result = result ? add(result, chosen) : chosen
      before = after
    })
    return result as Tensor
  }

  /** The element at each place of the window, for all windows together: a tensor `[N, C, H′, W′]` for each place. */
  #taps(x: Volume): Tensor[] {
    const { kernel, stride, padding } = this.window
    const [batch, channels, height, width] = x.shape
    const [rows, columns] = outputSize(this.window, height, width, this.displayName)
    const { top, bottom, left, right } = padding
    const framed = pad(x, { before: [0, 0, top, left], after: [0, 0, bottom, right] })
    return Array.from({ length: kernel[0] * kernel[1] }, (_, k) => {
      const at = [Math.floor(k / kernel[1]), k % kernel[1]]
      const ends = [at[0] + (rows - 1) * stride[0] + 1, at[1] + (columns - 1) * stride[1] + 1]
      return slice(framed, [0, 0, ...at], [batch, channels, ...ends], [1, 1, ...stride])
    })
  }
}

/**
 * A pooling layer `[N, C, H, W] → [N, C, H′, W′]`: the mean of each window, weighted by the distance from its center.
 * The padding counts as zeros.
 * @throws RangeError when a number is out of its range, a weight is negative or all weights are zero.
 * @example distanceWeightedAveragePool2d(3, { weight: d => Math.exp((-d * d) / 2) }) // Gaussian, σ = 1
 */
export const distanceWeightedAveragePool2d = (
  kernel: Pair,
  options?: DistanceWeightedPoolOptions,
): DistanceWeightedAveragePool2d => new DistanceWeightedAveragePool2d(kernel, options)

/**
 * An L2-norm pooling layer `[N, C, H, W] → [N, C, H′, W′]`: √Σ x² over each window (PyTorch's `LPPool2d(2, …)`).
 * @throws RangeError when a number is out of its range.
 * @example l2Pool2d(2)
 */
export const l2Pool2d = (kernel: Pair, options?: PoolOptions): L2Pool2d => new L2Pool2d(kernel, options)

/**
 * A stochastic pooling layer (Zeiler and Fergus 2013) `[N, C, H, W] → [N, C, H′, W′]` for activations that are not
 * negative (after a ReLU). In training one element of each window is drawn with probability pᵢ = aᵢ / Σ a; at test time
 * the output is the expected value Σ pᵢ aᵢ. A window of zeros gives 0.
 * @throws RangeError when a number is out of its range. While training, `forward` throws an Error when the context has
 *   no key or the model has not been given paths.
 * @example sequential(conv2d(3, 64, 5), relu(), stochasticPool2d(3, { stride: 2 }))
 */
export const stochasticPool2d = (kernel: Pair, options?: PoolOptions): StochasticPool2d =>
  new StochasticPool2d(kernel, options)
