/** Pools of series `[N, C, L]`: the pools of images, applied to images of one row (views, no copies). */
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Window2d } from '../graph/window.ts'
import { AdaptiveAveragePool2d, AdaptiveMaxPool2d } from './adaptivePooling.ts'
import { type ForwardContext, Module } from './module.ts'
import { AveragePool2d, MaxPool2d, type Pool2d } from './pooling.ts'
import { L2Pool2d } from './poolingVariants.ts'
import { asImage, asSeries, rowWindow } from './series.ts'

/** Options of {@link l2Pool1d}, and of the other pools of series. */
export interface Pool1dOptions {
  /** Step between windows; the kernel by default, so that windows do not overlap. */
  readonly stride?: number
  /** Border at both ends, 0 by default: never wins a maximum, and counts as zeros in an average or a norm. */
  readonly padding?: number
}

/** Options of {@link maxPool1d}. */
export interface MaxPool1dOptions extends Pool1dOptions {
  /** Distance between the taps of the window, 1 by default. */
  readonly dilation?: number
  /** True when the output size is rounded up; see `maxPool2d`. */
  readonly ceilMode?: boolean
}

/** Options of {@link averagePool1d}. */
export interface AveragePool1dOptions extends Pool1dOptions {
  /** True (the default, as in PyTorch) when the padding counts in the divisor. */
  readonly countPadding?: boolean
  /** True when the output size is rounded up; see `averagePool2d`. */
  readonly ceilMode?: boolean
}

/** A pool of series that is a pool of images of one row. */
abstract class SeriesPool extends Module {
  /** Not a child: it has no weights, and no path of its own. */
  readonly #image: Module

  constructor(image: Module) {
    super()
    this.#image = image
  }

  /** @throws ShapeError when `x` is not `[N, C, L]` or shorter than the window. */
  override forward(x: Tensor, context: ForwardContext): Tensor {
    if (x.shape.length !== 3) {
      throw new ShapeError(`${this.displayName}: expected an input [N, C, L], got ${formatShape(x.shape)}`)
    }
    return this.label(asSeries(this.located(() => this.#image.forward(asImage(x), context))))
  }
}

/** A window moved over every channel of `[N, C, L]`. */
abstract class Pool1d extends SeriesPool {
  /** The window of the same pool over an image of one row. */
  readonly window: Window2d

  constructor(image: Pool2d) {
    super(image)
    this.window = image.window
  }
}

/** Largest value of each window of a series; see {@link maxPool1d}. */
export class MaxPool1d extends Pool1d {
  constructor(kernel: number, { ceilMode = false, ...options }: MaxPool1dOptions = {}) {
    const { kernel: row, ...window } = windowFor(kernel, options)
    super(new MaxPool2d(row, { ...window, ceilMode }))
  }
}

/** Mean of each window of a series; see {@link averagePool1d}. */
export class AveragePool1d extends Pool1d {
  constructor(kernel: number, { countPadding = true, ceilMode = false, ...options }: AveragePool1dOptions = {}) {
    const { kernel: row, stride, padding } = windowFor(kernel, options)
    super(new AveragePool2d(row, { stride, padding, countPadding, ceilMode }))
  }
}

/** √Σ x² of each window of a series; see {@link l2Pool1d}. */
export class L2Pool1d extends Pool1d {
  constructor(kernel: number, options: Pool1dOptions = {}) {
    const { kernel: row, stride, padding } = windowFor(kernel, options)
    super(new L2Pool2d(row, { stride, padding }))
  }
}

/** Mean of each bin of a series; see {@link adaptiveAveragePool1d}. */
export class AdaptiveAveragePool1d extends SeriesPool {
  /** Output length. */
  readonly outputSize: number
  constructor(outputSize: number) {
    checkLength('adaptiveAveragePool1d', outputSize)
    super(new AdaptiveAveragePool2d([1, outputSize]))
    this.outputSize = outputSize
  }
}

/** Largest element of each bin of a series; see {@link adaptiveMaxPool1d}. */
export class AdaptiveMaxPool1d extends SeriesPool {
  /** Output length. */
  readonly outputSize: number
  constructor(outputSize: number) {
    checkLength('adaptiveMaxPool1d', outputSize)
    super(new AdaptiveMaxPool2d([1, outputSize]))
    this.outputSize = outputSize
  }
}

/**
 * A max pooling layer for series `[N, C, L] → [N, C, L′]`, L′ = ⌊(L + padding − dilation·(kernel − 1) − 1) / stride⌋ +
 * 1. The gradient goes to the element that won (the first of equals).
 * @throws RangeError when a number is out of its range.
 * @example maxPool1d(2) // [N, 16, 100] → [N, 16, 50]
 */
export const maxPool1d = (kernel: number, options?: MaxPool1dOptions): MaxPool1d => new MaxPool1d(kernel, options)

/**
 * An average pooling layer for series `[N, C, L] → [N, C, L′]`; the zeros of the padding count unless `countPadding` is
 * false.
 * @throws RangeError when a number is out of its range.
 */
export const averagePool1d = (kernel: number, options?: AveragePool1dOptions): AveragePool1d =>
  new AveragePool1d(kernel, options)

/**
 * An L2-norm pooling layer for series `[N, C, L] → [N, C, L′]`: √Σ x² over each window (PyTorch's `LPPool1d(2, …)`).
 * @throws RangeError when a number is out of its range.
 */
export const l2Pool1d = (kernel: number, options?: Pool1dOptions): L2Pool1d => new L2Pool1d(kernel, options)

/**
 * An average pooling layer for series `[N, C, L] → [N, C, outputSize]`, by PyTorch's bins.
 * @throws RangeError when `outputSize` is not a whole number ≥ 1.
 * @example adaptiveAveragePool1d(8) // series of any length give 8 numbers a channel
 */
export const adaptiveAveragePool1d = (outputSize: number): AdaptiveAveragePool1d =>
  new AdaptiveAveragePool1d(outputSize)

/**
 * A max pooling layer for series `[N, C, L] → [N, C, outputSize]`, by PyTorch's bins.
 * @throws RangeError when `outputSize` is not a whole number ≥ 1.
 */
export const adaptiveMaxPool1d = (outputSize: number): AdaptiveMaxPool1d => new AdaptiveMaxPool1d(outputSize)

/** Global average pooling of series: `[N, C, L] → [N, C, 1]`, the mean of each channel. */
export const globalAveragePool1d = (): AdaptiveAveragePool1d => new AdaptiveAveragePool1d(1)

/** Global max pooling of series: `[N, C, L] → [N, C, 1]`. The gradient goes to the first of equal maxima. */
export const globalMaxPool1d = (): AdaptiveMaxPool1d => new AdaptiveMaxPool1d(1)

function windowFor(kernel: number, options: Pool1dOptions & { readonly dilation?: number }): Window2d {
  const { stride = kernel, padding = 0, dilation = 1 } = options
  return rowWindow(kernel, stride, [padding, padding], dilation)
}

function checkLength(label: string, outputSize: number): void {
  if (!Number.isInteger(outputSize) || outputSize < 1) {
    throw new RangeError(`${label}: outputSize (=${outputSize}) must be a whole number ≥ 1`)
  }
}
