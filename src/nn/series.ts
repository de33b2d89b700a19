/**
 * Convolution and pooling of series `[N, C, L]` (time series, sound), with PyTorch's parameter names and shapes: images of
 * one row to the operations below.
 */
import { averagePool2d } from '../graph/ops/averagePool2d.ts'
import { conv2d } from '../graph/ops/conv2d.ts'
import { add } from '../graph/ops/elementwise.ts'
import { maxPool2d } from '../graph/ops/maxPool2d.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Tensor, Volume } from '../graph/tensor.ts'
import { type Window2d, windowOf } from '../graph/window.ts'
import { checkChannels } from './convolution.ts'
import { fanInUniform, zeros } from './initializers.ts'
import { type ForwardContext, type Initializer, Module, Parameter } from './module.ts'

/** Options of {@link conv1d}. */
export interface Conv1dOptions {
  /** Step between windows, 1 by default. */
  readonly stride?: number
  /**
   * Zeros at both ends, 0 by default: a number, before and after, or `'same'`: as many as keep the length at stride 1, an
   * odd one at the end.
   */
  readonly padding?: number | readonly [before: number, after: number] | 'same'
  /** Distance between the taps of the kernel, 1 by default. */
  readonly dilation?: number
  /** Groups of channels that do not see each other, 1 by default. */
  readonly groups?: number
  /** Whether a number per output channel is added, true by default. */
  readonly bias?: boolean
  /** Initial weights; PyTorch's default U(±1/√fan_in) when absent. */
  readonly init?: Initializer
  /** Initial biases; PyTorch's default U(±1/√fan_in), or zeros when `init` is given. */
  readonly biasInit?: Initializer
}

/** Options of {@link maxPool1d} and {@link averagePool1d}. */
export interface Pool1dOptions {
  /** Step between windows; the kernel by default. */
  readonly stride?: number
  /** Border at both ends, 0 by default: never wins a maximum, and counts as zeros in an average. */
  readonly padding?: number
}

/** A window over the last axis, as that of an image of one row. */
function rowWindow(kernel: number, stride: number, padding: readonly [number, number], dilation: number): Window2d {
  return windowOf({
    kernel: [1, kernel],
    stride: [1, stride],
    padding: { top: 0, bottom: 0, left: padding[0], right: padding[1] },
    dilation: [1, dilation],
  })
}

/** `[N, C, L]` as `[N, C, 1, L]`. */
const asImage = (x: Tensor): Volume => reshape(x, [x.shape[0], x.shape[1], 1, x.shape[2]]) as Volume
/** `[N, C, 1, L]` as `[N, C, L]`. */
const asSeries = (y: Tensor): Tensor => reshape(y, [y.shape[0], y.shape[1], y.shape[3]])

/** Convolution of series `[N, C, L] → [N, O, L′]`; see {@link conv1d}. */
export class Conv1d extends Module {
  readonly inChannels: number
  readonly outChannels: number
  readonly groups: number
  /** The window of the same convolution over an image of one row. */
  readonly window: Window2d
  /** `[O, C / groups, K]` */
  readonly weight: Parameter<readonly [number, number, number]>
  /** `[O]`, absent with `bias: false`. */
  readonly bias: Parameter<readonly [number]> | undefined

  constructor(inChannels: number, outChannels: number, kernel: number, options: Conv1dOptions = {}) {
    super()
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, init } = options
    checkChannels('conv1d', inChannels, outChannels, groups)
    if (padding === 'same' && stride !== 1) {
      throw new ShapeError(`conv1d: padding 'same' needs stride 1, got ${stride}`)
    }
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.groups = groups
    const total = dilation * (kernel - 1)
    const same = [Math.floor(total / 2), Math.ceil(total / 2)] as const
    const ends = padding === 'same' ? same : typeof padding === 'number' ? ([padding, padding] as const) : padding
    this.window = rowWindow(kernel, stride, ends, dilation)
    const fanIn = (inChannels / groups) * kernel
    this.weight = new Parameter([outChannels, inChannels / groups, kernel], init ?? fanInUniform(fanIn))
    const biasInit = options.biasInit ?? (init ? zeros() : fanInUniform(fanIn))
    this.bias = bias ? new Parameter([outChannels], biasInit) : undefined
  }

  /** @throws ShapeError when `x` is not `[N, C, L]` with the layer's channels, or shorter than the kernel. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    if (x.shape.length !== 3 || x.shape[1] !== this.inChannels) {
      throw new ShapeError(
        `${this.displayName}: expected an input [N, ${this.inChannels}, L], got ${formatShape(x.shape)}`,
      )
    }
    const { stride, padding, dilation } = this.window
    const [outputs, inputs, kernel] = this.weight.shape
    const weights = reshape(this.weight.tensor, [outputs, inputs, 1, kernel]) as Volume
    const y = this.located(() => conv2d(asImage(x), weights, { stride, padding, dilation, groups: this.groups }))
    return this.label(asSeries(this.bias ? add(y, reshape(this.bias.tensor, [outputs, 1, 1])) : y))
  }
}

/** A window moved over every channel of `[N, C, L]`. */
abstract class Pool1d extends Module {
  /** The window of the same pool over an image of one row. */
  readonly window: Window2d

  constructor(kernel: number, { stride = kernel, padding = 0 }: Pool1dOptions) {
    super()
    this.window = rowWindow(kernel, stride, [padding, padding], 1)
  }

  /** Pools an image of one row. */
  protected abstract pool(x: Volume): Volume

  /** @throws ShapeError when `x` is not `[N, C, L]` or shorter than the window. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    if (x.shape.length !== 3) {
      throw new ShapeError(`${this.displayName}: expected an input [N, C, L], got ${formatShape(x.shape)}`)
    }
    return this.label(asSeries(this.located(() => this.pool(asImage(x)))))
  }
}

/** Largest value of each window of a series; see {@link maxPool1d}. */
export class MaxPool1d extends Pool1d {
  constructor(kernel: number, options: Pool1dOptions = {}) {
    super(kernel, options)
  }
  protected override pool(x: Volume): Volume {
    const { kernel, stride, padding } = this.window
    return maxPool2d(x, kernel, { stride, padding })
  }
}

/** Mean of each window of a series; see {@link averagePool1d}. */
export class AveragePool1d extends Pool1d {
  constructor(kernel: number, options: Pool1dOptions = {}) {
    super(kernel, options)
  }
  protected override pool(x: Volume): Volume {
    const { kernel, stride, padding } = this.window
    return averagePool2d(x, kernel, { stride, padding })
  }
}

/**
 * A convolution layer for series `[N, inChannels, L] → [N, outChannels, L′]`,
 * L′ = ⌊(L + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1, with parameters `weight` `[O, C / groups, K]` and `bias` `[O]`.
 * @throws ShapeError when a number is out of its range or the channels are not divisible by `groups`.
 * @example conv1d(1, 16, 9, { padding: 'same' })
 */
export const conv1d = (inChannels: number, outChannels: number, kernel: number, options?: Conv1dOptions): Conv1d =>
  new Conv1d(inChannels, outChannels, kernel, options)

/**
 * A max pooling layer for series `[N, C, L] → [N, C, L′]`.
 * @throws ShapeError when a number is out of its range.
 */
export const maxPool1d = (kernel: number, options?: Pool1dOptions): MaxPool1d => new MaxPool1d(kernel, options)

/**
 * An average pooling layer for series `[N, C, L] → [N, C, L′]`; the zeros of the padding count.
 * @throws ShapeError when a number is out of its range.
 */
export const averagePool1d = (kernel: number, options?: Pool1dOptions): AveragePool1d =>
  new AveragePool1d(kernel, options)
