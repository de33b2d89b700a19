/** The convolution layer, with PyTorch's parameter names and shapes. */
import { conv2d as convolve } from '../graph/ops/conv2d.ts'
import { add } from '../graph/ops/elementwise.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Tensor, Volume } from '../graph/tensor.ts'
import { type Padding, type Pair, type Window2d, windowOf } from '../graph/window.ts'
import { fanInUniform, zeros } from './initializers.ts'
import { type ForwardContext, type Initializer, Module, Parameter } from './module.ts'

/** Options of {@link conv2d}. */
export interface Conv2dLayerOptions {
  /** Step between windows, 1 by default: a number or `[vertical, horizontal]`. */
  readonly stride?: Pair
  /**
   * Zeros around the image, 0 by default: a number, `[vertical, horizontal]`, each side by name, or `'same'`, which
   * keeps the image's size at stride 1; an odd row or column goes to the bottom or right (PyTorch's rule).
   */
  readonly padding?: Pair | Padding | 'same'
  /** Distance between the taps of the kernel, 1 by default. */
  readonly dilation?: Pair
  /** Groups of channels that do not see each other, 1 by default (AlexNet's two towers). */
  readonly groups?: number
  /** Add a learned number per output channel; true by default. */
  readonly bias?: boolean
  /** Initial weights; PyTorch's default U(±1/√fan_in) when absent. */
  readonly init?: Initializer
  /** Initial biases; PyTorch's default U(±1/√fan_in), or zeros when `init` is given. */
  readonly biasInit?: Initializer
}

/** Two-dimensional convolution `[N, C, H, W] → [N, O, H′, W′]`; see {@link conv2d}. */
export class Conv2d extends Module {
  readonly inChannels: number
  readonly outChannels: number
  readonly groups: number
  readonly window: Window2d
  /** `[O, C / groups, KH, KW]` */
  readonly weight: Parameter<readonly [number, number, number, number]>
  /** `[O]`, absent with `bias: false`. */
  readonly bias: Parameter<readonly [number]> | undefined

  constructor(inChannels: number, outChannels: number, kernel: Pair, options: Conv2dLayerOptions = {}) {
    super()
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, init } = options
    checkChannels('conv2d', inChannels, outChannels, groups)
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.groups = groups
    this.window =
      padding === 'same' ? sameWindow(kernel, stride, dilation) : windowOf({ kernel, stride, padding, dilation })
    const [height, width] = this.window.kernel
    const fanIn = (inChannels / groups) * height * width
    this.weight = new Parameter([outChannels, inChannels / groups, height, width], init ?? fanInUniform(fanIn))
    const biasInit = options.biasInit ?? (init ? zeros() : fanInUniform(fanIn))
    this.bias = bias ? new Parameter([outChannels], biasInit) : undefined
  }

  /** A new layer with other output channels and the same inputs, window and initializers; see `replaceHead`. */
  withOutputs(outChannels: number): Conv2d {
    const { inChannels, window, groups, weight, bias } = this
    const { kernel, ...geometry } = window
    return new Conv2d(inChannels, outChannels, kernel, {
      ...geometry,
      groups,
      bias: bias !== undefined,
      init: weight.initializer,
      ...(bias && { biasInit: bias.initializer }),
    })
  }

  /** @throws ShapeError when `x` is not `[N, C, H, W]` with the layer's channels, or smaller than the kernel. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    if (x.shape.length !== 4) {
      throw new ShapeError(
        `${this.displayName}: expected an input [N, ${this.inChannels}, H, W], got ${formatShape(x.shape)}`,
      )
    }
    if (x.shape[1] !== this.inChannels) {
      throw new ShapeError(
        `${this.displayName}: expected ${this.inChannels} input channels, got ${x.shape[1]} (input ${formatShape(x.shape)})`,
      )
    }
    const { stride, padding, dilation } = this.window
    const y = this.located(() =>
      convolve(x as Volume, this.weight.tensor, { stride, padding, dilation, groups: this.groups }),
    )
    return this.label(withBias(y, this.bias))
  }
}

/** A volume with a bias `[O]` added along the channel axis, if there is one: `[O, 1, 1]` broadcasts over N, H′ and W′. */
export const withBias = (y: Tensor, bias: Parameter<readonly [number]> | undefined): Tensor =>
  bias ? add(y, reshape(bias.tensor, [bias.shape[0], 1, 1])) : y

/** The window whose padding, d(k − 1) in all, keeps the size. @throws ShapeError when the stride is not 1. */
function sameWindow(kernel: Pair, stride: Pair, dilation: Pair): Window2d {
  const window = windowOf({ kernel, stride, dilation })
  if (window.stride.some(step => step !== 1)) {
    throw new ShapeError(`conv2d: padding 'same' needs stride 1, got ${window.stride.join(', ')}`)
  }
  const [vertical, horizontal] = window.kernel.map((extent, axis) => window.dilation[axis] * (extent - 1))
  const [top, left] = [Math.floor(vertical / 2), Math.floor(horizontal / 2)]
  return { ...window, padding: { top, bottom: vertical - top, left, right: horizontal - left } }
}

/**
 * @throws RangeError naming `label` when a number is not a whole number ≥ 1 or `groups` does not divide the channels.
 */
export function checkChannels(label: string, inChannels: number, outChannels: number, groups: number): void {
  for (const [name, value] of Object.entries({ inChannels, outChannels, groups })) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`${label}: ${name} (=${value}) must be a whole number ≥ 1`)
  }
  for (const [name, value] of Object.entries({ inChannels, outChannels })) {
    if (value % groups !== 0)
      throw new RangeError(`${label}: ${name} (=${value}) must be divisible by groups (=${groups})`)
  }
}

/**
 * A convolution layer `[N, inChannels, H, W] → [N, outChannels, H′, W′]`,
 * H′ = ⌊(H + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1, with parameters `weight` `[O, C / groups, KH, KW]` and
 * `bias` `[O]`.
 * @throws RangeError when a number is out of its range or the channels are not divisible by `groups`.
 * @example conv2d(3, 96, 11, { stride: 4 }) // AlexNet's first layer: [N, 3, 227, 227] → [N, 96, 55, 55]
 */
export function conv2d(
  inChannels: number,
  outChannels: number,
  kernel: Pair,
  options: Conv2dLayerOptions = {},
): Conv2d {
  return new Conv2d(inChannels, outChannels, kernel, options)
}
