/** Pooling layers: each output is the largest value, or the mean, of a window of one channel. */
import { averagePool2d as poolAverage } from '../graph/ops/averagePool2d.ts'
import { mul } from '../graph/ops/elementwise.ts'
import { maxPool2d as poolMax } from '../graph/ops/maxPool2d.ts'
import { pad } from '../graph/ops/pad.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import { constantTensor } from '../graph/sources.ts'
import type { Tensor, Volume } from '../graph/tensor.ts'
import { type Padding, type Pair, type Window2d, windowOf } from '../graph/window.ts'
import { type ForwardContext, Module } from './module.ts'
import { ceilPadding, coveredCounts, isWithinHalf } from './poolGeometry.ts'

/** Options of {@link maxPool2d}. */
export interface MaxPoolOptions {
  /** Step between windows; the kernel by default, so that windows do not overlap. */
  readonly stride?: Pair
  /** Border that never wins (−∞), 0 by default. */
  readonly padding?: Pair | Padding
  /** Distance between the taps of the window, 1 by default. */
  readonly dilation?: Pair
  /**
   * True when a last window that reaches beyond the image still counts, as long as it begins inside: the output size is
   * rounded up. False by default: the last rows and columns are then left out.
   */
  readonly ceilMode?: boolean
}

/** Options of {@link averagePool2d}. */
export interface AveragePoolOptions {
  /** Step between windows; the kernel by default, so that windows do not overlap. */
  readonly stride?: Pair
  /** Zeros around the image, 0 by default. */
  readonly padding?: Pair | Padding
  /** True (the default, as in PyTorch) when the padding counts in the divisor. */
  readonly countPadding?: boolean
  /** As for {@link maxPool2d}; what the last windows see beyond the padding never counts in the divisor. */
  readonly ceilMode?: boolean
}

/** A window moved over every channel of `[N, C, H, W]`. */
export abstract class Pool2d extends Module {
  readonly window: Window2d
  /** True when the output size is rounded up. */
  readonly ceilMode: boolean

  constructor(kernel: Pair, { stride = kernel, ceilMode = false, ...options }: MaxPoolOptions) {
    super()
    this.window = windowOf({ ...options, kernel, stride })
    this.ceilMode = ceilMode
  }

  /** Pools `[N, C, H, W]` over the windows. */
  protected abstract pool(x: Volume, context: ForwardContext): Tensor

  /** @throws ShapeError when `x` is not `[N, C, H, W]` or smaller than the window. */
  override forward(x: Tensor, context: ForwardContext): Tensor {
    if (x.shape.length !== 4) {
      throw new ShapeError(`${this.displayName}: expected an input [N, C, H, W], got ${formatShape(x.shape)}`)
    }
    return this.label(this.located(() => this.pool(x as Volume, context)))
  }
}

/** Largest value of each window; see {@link maxPool2d}. */
export class MaxPool2d extends Pool2d {
  constructor(kernel: Pair, options: MaxPoolOptions = {}) {
    super(kernel, options)
  }
  protected override pool(x: Volume): Tensor {
    const { kernel, ...options } = this.window
    if (!this.ceilMode) return poolMax(x, kernel, options)
    const padding = ceilPadding(this.window, x.shape[2], x.shape[3])
    if (isWithinHalf(this.window, padding)) return poolMax(x, kernel, { ...options, padding })
    // The border is wider than a pool's padding may be, so it is laid around the image first; it never wins.
    const { top, bottom, left, right } = padding
    const framed = pad(x, { before: [0, 0, top, left], after: [0, 0, bottom, right], value: Number.NEGATIVE_INFINITY })
    return poolMax(framed as Volume, kernel, { ...options, padding: 0 })
  }
}

/** Mean of each window; see {@link averagePool2d}. */
export class AveragePool2d extends Pool2d {
  /** True when the padding counts in the divisor. */
  readonly countPadding: boolean
  constructor(kernel: Pair, { countPadding = true, ...options }: AveragePoolOptions = {}) {
    super(kernel, options)
    this.countPadding = countPadding
  }
  protected override pool(x: Volume): Tensor {
    const { kernel, stride, padding } = this.window
    if (!this.ceilMode) return poolAverage(x, kernel, { stride, padding, countPadding: this.countPadding })
    const { top, bottom, left, right } = ceilPadding(this.window, x.shape[2], x.shape[3])
    const framed = pad(x, { before: [0, 0, top, left], after: [0, 0, bottom, right] })
    const averaged = poolAverage(framed as Volume, kernel, { stride })
    // Averages over whole windows become averages over the part that counts.
    const counts = coveredCounts(this.window, x.shape, averaged.shape, this.countPadding)
    const share = counts.map(count => (kernel[0] * kernel[1]) / count)
    return mul(averaged, constantTensor(share, [averaged.shape[2], averaged.shape[3]]))
  }
}

/**
 * A max pooling layer `[N, C, H, W] → [N, C, H′, W′]`, H′ = ⌊(H + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1.
 * The gradient goes to the element that won (the first of equals).
 * @throws RangeError when a number is out of its range.
 * @example maxPool2d(3, { stride: 2 }) // AlexNet's overlapping pooling: [N, 96, 55, 55] → [N, 96, 27, 27]
 */
export const maxPool2d = (kernel: Pair, options?: MaxPoolOptions): MaxPool2d => new MaxPool2d(kernel, options)

/**
 * An average pooling layer `[N, C, H, W] → [N, C, H′, W′]`; the zeros of the padding count unless
 * `countPadding` is false.
 * @throws RangeError when a number is out of its range.
 * @example averagePool2d(7) // [N, 512, 7, 7] → [N, 512, 1, 1]
 */
export const averagePool2d = (kernel: Pair, options?: AveragePoolOptions): AveragePool2d =>
  new AveragePool2d(kernel, options)
