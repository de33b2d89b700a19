/**
 * Convolution of series `[N, C, L]` (time series, sound) and its transpose, with PyTorch's parameter names and shapes: images
 * of one row to the operations below, as views. Pools of series are in `seriesPooling.ts`.
 */
import { conv2d } from '../graph/ops/conv2d.ts'
import { convTranspose2d } from '../graph/ops/convTranspose2d.ts'
import { add } from '../graph/ops/elementwise.ts'
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

/** Options of {@link convTranspose1d}; geometry is that of the convolution whose transpose the layer is. */
export interface ConvTranspose1dOptions extends Omit<Conv1dOptions, 'padding'> {
  /** Elements cut off both ends of the output, 0 by default: a number, or before and after. */
  readonly padding?: number | readonly [before: number, after: number]
  /** Elements added at the end, 0 by default; less than the stride or the dilation. */
  readonly outputPadding?: number
}

/** A window over the last axis, as that of an image of one row. */
export function rowWindow(
  kernel: number,
  stride: number,
  padding: readonly [number, number],
  dilation: number,
): Window2d {
  return windowOf({
    kernel: [1, kernel],
    stride: [1, stride],
    padding: { top: 0, bottom: 0, left: padding[0], right: padding[1] },
    dilation: [1, dilation],
  })
}

/** `[N, C, L]` as `[N, C, 1, L]`. */
export const asImage = (x: Tensor): Volume => reshape(x, [x.shape[0], x.shape[1], 1, x.shape[2]]) as Volume
/** `[N, C, 1, L]` as `[N, C, L]`. */
export const asSeries = (y: Tensor): Tensor => reshape(y, [y.shape[0], y.shape[1], y.shape[3]])

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

/** Transposed convolution of series `[N, C, L] → [N, O, L′]`; see {@link convTranspose1d}. */
export class ConvTranspose1d extends Module {
  readonly inChannels: number
  readonly outChannels: number
  readonly groups: number
  /** The window of the same convolution over an image of one row. */
  readonly window: Window2d
  readonly outputPadding: number
  /** `[C, O / groups, K]` */
  readonly weight: Parameter<readonly [number, number, number]>
  /** `[O]`, absent with `bias: false`. */
  readonly bias: Parameter<readonly [number]> | undefined

  constructor(inChannels: number, outChannels: number, kernel: number, options: ConvTranspose1dOptions = {}) {
    super()
    const { stride = 1, padding = 0, dilation = 1, groups = 1, outputPadding = 0, bias = true, init } = options
    checkChannels('convTranspose1d', inChannels, outChannels, groups)
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.groups = groups
    this.window = rowWindow(kernel, stride, typeof padding === 'number' ? [padding, padding] : padding, dilation)
    this.outputPadding = outputPadding
    // PyTorch takes the second axis of the weights for the inputs here too.
    const fanIn = (outChannels / groups) * kernel
    this.weight = new Parameter([inChannels, outChannels / groups, kernel], init ?? fanInUniform(fanIn))
    const biasInit = options.biasInit ?? (init ? zeros() : fanInUniform(fanIn))
    this.bias = bias ? new Parameter([outChannels], biasInit) : undefined
  }

  /** @throws ShapeError when `x` is not `[N, C, L]` with the layer's channels, or the output would be empty. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    if (x.shape.length !== 3 || x.shape[1] !== this.inChannels) {
      throw new ShapeError(
        `${this.displayName}: expected an input [N, ${this.inChannels}, L], got ${formatShape(x.shape)}`,
      )
    }
    const { stride, padding, dilation } = this.window
    const [inputs, outputs, kernel] = this.weight.shape
    const weights = reshape(this.weight.tensor, [inputs, outputs, 1, kernel]) as Volume
    const outputPadding = [0, this.outputPadding] as const
    const y = this.located(() =>
      convTranspose2d(asImage(x), weights, { stride, padding, dilation, groups: this.groups, outputPadding }),
    )
    return this.label(asSeries(this.bias ? add(y, reshape(this.bias.tensor, [this.outChannels, 1, 1])) : y))
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
 * A transposed convolution layer for series `[N, inChannels, L] → [N, outChannels, L′]`,
 * L′ = (L − 1)·stride − padding + dilation·(kernel − 1) + outputPadding + 1, with parameters `weight` `[C, O / groups, K]` and
 * `bias` `[O]`. It lengthens by its stride.
 * @throws ShapeError when a number is out of its range or the channels are not divisible by `groups`.
 * @example convTranspose1d(16, 8, 4, { stride: 2, padding: 1 }) // [N, 16, 50] → [N, 8, 100]
 */
export const convTranspose1d = (
  inChannels: number,
  outChannels: number,
  kernel: number,
  options?: ConvTranspose1dOptions,
): ConvTranspose1d => new ConvTranspose1d(inChannels, outChannels, kernel, options)
