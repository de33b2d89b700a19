/**
 * Convolution of series `[N, C, L]` (time series, sound) and its transpose, with PyTorch's parameter names and shapes.
 * The operations below see a series as an image of one row, a view. Pools of series are in `seriesPooling.ts`.
 */
import { conv2d } from '../graph/ops/conv2d.ts'
import { convTranspose2d } from '../graph/ops/convTranspose2d.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Tensor, Volume } from '../graph/tensor.ts'
import { type Window2d, windowOf } from '../graph/window.ts'
import { checkChannels, withBias } from './convolution.ts'
import { fanInUniform, zeros } from './initializers.ts'
import { type ForwardContext, type Initializer, Module, Parameter } from './module.ts'

/** Options of {@link conv1d}. */
export interface Conv1dOptions {
  /** Step between windows, 1 by default. */
  readonly stride?: number
  /**
   * Zeros at both ends, 0 by default: a number, before and after, or `'same'`, which keeps the length at stride 1; an
   * odd zero goes to the end.
   */
  readonly padding?: number | readonly [before: number, after: number] | 'same'
  /** Distance between the taps of the kernel, 1 by default. */
  readonly dilation?: number
  /** Groups of channels that do not see each other, 1 by default. */
  readonly groups?: number
  /** Add a learned number per output channel; true by default. */
  readonly bias?: boolean
  /** Initial weights; PyTorch's default U(±1/√fan_in) when absent. */
  readonly init?: Initializer
  /** Initial biases; PyTorch's default U(±1/√fan_in), or zeros when `init` is given. */
  readonly biasInit?: Initializer
}

/** Options of {@link convTranspose1d}; the geometry is that of the convolution that the layer transposes. */
export interface ConvTranspose1dOptions extends Omit<Conv1dOptions, 'padding'> {
  /** Elements cut off both ends of the output, 0 by default: a number, or before and after. */
  readonly padding?: number | readonly [before: number, after: number]
  /** Elements added at the end, 0 by default; less than the stride or the dilation. */
  readonly outputPadding?: number
}

/** A window over the last axis, as the window of an image of one row. */
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

/**
 * The parameters and checks that a convolution of series and its transpose share; both compute on images of one row.
 */
abstract class SeriesConvolution extends Module {
  readonly inChannels: number
  readonly outChannels: number
  readonly groups: number
  /** The window of the same convolution over an image of one row. */
  readonly window: Window2d
  /** `[O, C / groups, K]`; transposed, `[C, O / groups, K]`. */
  readonly weight: Parameter<readonly [number, number, number]>
  /** `[O]`, absent with `bias: false`. */
  readonly bias: Parameter<readonly [number]> | undefined

  constructor(
    channels: { readonly in: number; readonly out: number },
    window: Window2d,
    weightShape: readonly [number, number, number],
    { groups = 1, bias = true, init, biasInit }: Omit<Conv1dOptions, 'padding'>,
  ) {
    super()
    this.inChannels = channels.in
    this.outChannels = channels.out
    this.groups = groups
    this.window = window
    // Transposed or not, PyTorch counts the second axis of the weights as the inputs.
    const fanIn = weightShape[1] * weightShape[2]
    this.weight = new Parameter(weightShape, init ?? fanInUniform(fanIn))
    this.bias = bias ? new Parameter([channels.out], biasInit ?? (init ? zeros() : fanInUniform(fanIn))) : undefined
  }

  /** The operation on images of one row, `[N, C, 1, L] → [N, O, 1, L′]`, without the bias. */
  protected abstract convolve(image: Volume, weights: Volume): Tensor

  /** @throws ShapeError when `x` is not `[N, C, L]` with the layer's channels, or the output would be empty. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    if (x.shape.length !== 3 || x.shape[1] !== this.inChannels) {
      throw new ShapeError(
        `${this.displayName}: expected an input [N, ${this.inChannels}, L], got ${formatShape(x.shape)}`,
      )
    }
    const [first, second, kernel] = this.weight.shape
    const weights = reshape(this.weight.tensor, [first, second, 1, kernel]) as Volume
    const y = this.located(() => this.convolve(asImage(x), weights))
    return this.label(asSeries(withBias(y, this.bias)))
  }
}

/** Convolution of series `[N, C, L] → [N, O, L′]`; see {@link conv1d}. */
export class Conv1d extends SeriesConvolution {
  constructor(inChannels: number, outChannels: number, kernel: number, options: Conv1dOptions = {}) {
    const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options
    checkChannels('conv1d', inChannels, outChannels, groups)
    if (padding === 'same' && stride !== 1) {
      throw new ShapeError(`conv1d: padding 'same' needs stride 1, got ${stride}`)
    }
    const total = dilation * (kernel - 1)
    const ends = padding === 'same' ? ([Math.floor(total / 2), Math.ceil(total / 2)] as const) : bothEnds(padding)
    const window = rowWindow(kernel, stride, ends, dilation)
    super({ in: inChannels, out: outChannels }, window, [outChannels, inChannels / groups, kernel], options)
  }

  protected override convolve(image: Volume, weights: Volume): Tensor {
    const { stride, padding, dilation } = this.window
    return conv2d(image, weights, { stride, padding, dilation, groups: this.groups })
  }
}

/** Transposed convolution of series `[N, C, L] → [N, O, L′]`; see {@link convTranspose1d}. */
export class ConvTranspose1d extends SeriesConvolution {
  readonly outputPadding: number

  constructor(inChannels: number, outChannels: number, kernel: number, options: ConvTranspose1dOptions = {}) {
    const { stride = 1, padding = 0, dilation = 1, groups = 1, outputPadding = 0 } = options
    checkChannels('convTranspose1d', inChannels, outChannels, groups)
    const window = rowWindow(kernel, stride, bothEnds(padding), dilation)
    super({ in: inChannels, out: outChannels }, window, [inChannels, outChannels / groups, kernel], options)
    this.outputPadding = outputPadding
  }

  protected override convolve(image: Volume, weights: Volume): Tensor {
    const { stride, padding, dilation } = this.window
    const outputPadding = [0, this.outputPadding] as const
    return convTranspose2d(image, weights, { stride, padding, dilation, groups: this.groups, outputPadding })
  }
}

/** Padding before and after, from one number or both. */
const bothEnds = (padding: number | readonly [number, number]): readonly [number, number] =>
  typeof padding === 'number' ? [padding, padding] : padding

/**
 * A convolution layer for series `[N, inChannels, L] → [N, outChannels, L′]`,
 * L′ = ⌊(L + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1, with parameters `weight` `[O, C / groups, K]` and
 * `bias` `[O]`.
 * @throws RangeError when a number is out of its range or the channels are not divisible by `groups`.
 * @example conv1d(1, 16, 9, { padding: 'same' })
 */
export const conv1d = (inChannels: number, outChannels: number, kernel: number, options?: Conv1dOptions): Conv1d =>
  new Conv1d(inChannels, outChannels, kernel, options)

/**
 * A transposed convolution layer for series `[N, inChannels, L] → [N, outChannels, L′]`,
 * L′ = (L − 1)·stride − padding + dilation·(kernel − 1) + outputPadding + 1, with parameters `weight`
 * `[C, O / groups, K]` and
 * `bias` `[O]`. It lengthens the series by its stride.
 * @throws RangeError when a number is out of its range or the channels are not divisible by `groups`.
 * @example convTranspose1d(16, 8, 4, { stride: 2, padding: 1 }) // [N, 16, 50] → [N, 8, 100]
 */
export const convTranspose1d = (
  inChannels: number,
  outChannels: number,
  kernel: number,
  options?: ConvTranspose1dOptions,
): ConvTranspose1d => new ConvTranspose1d(inChannels, outChannels, kernel, options)
