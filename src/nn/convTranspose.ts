/** The transposed convolution layer, with PyTorch's parameter names and shapes. */
import { convTranspose2d as transposed } from '../graph/ops/convTranspose2d.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Tensor, Volume } from '../graph/tensor.ts'
import { type Padding, type Pair, type Window2d, windowOf } from '../graph/window.ts'
import { type Conv2dLayerOptions, checkChannels, withBias } from './convolution.ts'
import { fanInUniform, zeros } from './initializers.ts'
import { type ForwardContext, Module, Parameter } from './module.ts'

/** Options of {@link convTranspose2d}; the geometry is that of the convolution that the layer transposes. */
export interface ConvTranspose2dLayerOptions extends Omit<Conv2dLayerOptions, 'padding'> {
  /** Rows and columns cut off the output, 0 by default. */
  readonly padding?: Pair | Padding
  /** Rows and columns added at the bottom and right, 0 by default; less than the stride or the dilation. */
  readonly outputPadding?: Pair
}

/** Transposed convolution `[N, C, H, W] → [N, O, H′, W′]`; see {@link convTranspose2d}. */
export class ConvTranspose2d extends Module {
  readonly inChannels: number
  readonly outChannels: number
  readonly groups: number
  readonly window: Window2d
  readonly outputPadding: Pair
  /** `[C, O / groups, KH, KW]` */
  readonly weight: Parameter<readonly [number, number, number, number]>
  /** `[O]`, absent with `bias: false`. */
  readonly bias: Parameter<readonly [number]> | undefined

  constructor(inChannels: number, outChannels: number, kernel: Pair, options: ConvTranspose2dLayerOptions = {}) {
    super()
    const { stride = 1, padding = 0, dilation = 1, groups = 1, outputPadding = 0, bias = true, init } = options
    checkChannels('convTranspose2d', inChannels, outChannels, groups)
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.groups = groups
    this.window = windowOf({ kernel, stride, padding, dilation })
    this.outputPadding = outputPadding
    const [height, width] = this.window.kernel
    // Here too, PyTorch counts the second axis of the weights as the inputs.
    const fanIn = (outChannels / groups) * height * width
    this.weight = new Parameter([inChannels, outChannels / groups, height, width], init ?? fanInUniform(fanIn))
    const biasInit = options.biasInit ?? (init ? zeros() : fanInUniform(fanIn))
    this.bias = bias ? new Parameter([outChannels], biasInit) : undefined
  }

  /** @throws ShapeError when `x` is not `[N, C, H, W]` with the layer's channels, or the output would be empty. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    if (x.shape.length !== 4 || x.shape[1] !== this.inChannels) {
      throw new ShapeError(
        `${this.displayName}: expected an input [N, ${this.inChannels}, H, W], got ${formatShape(x.shape)}`,
      )
    }
    const { stride, padding, dilation } = this.window
    const { groups, outputPadding } = this
    const y = this.located(() =>
      transposed(x as Volume, this.weight.tensor, { stride, padding, dilation, groups, outputPadding }),
    )
    return this.label(withBias(y, this.bias))
  }
}

/**
 * A transposed convolution layer `[N, inChannels, H, W] → [N, outChannels, H′, W′]`,
 * H′ = (H − 1)·stride − padding + dilation·(kernel − 1) + outputPadding + 1, with parameters `weight`
 * `[C, O / groups, KH, KW]` and `bias` `[O]`. It enlarges the image by its stride.
 * @throws RangeError when a number is out of its range or the channels are not divisible by `groups`.
 * @example convTranspose2d(64, 32, 4, { stride: 2, padding: 1 }) // [N, 64, 14, 14] → [N, 32, 28, 28]
 */
export const convTranspose2d = (
  inChannels: number,
  outChannels: number,
  kernel: Pair,
  options?: ConvTranspose2dLayerOptions,
): ConvTranspose2d => new ConvTranspose2d(inChannels, outChannels, kernel, options)
