/** Activations that learn their slope or choose among channels: PReLU and maxout. */
import { greater, mul, where } from '../graph/ops/elementwise.ts'
import { maxPool2d } from '../graph/ops/maxPool2d.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Tensor, Volume } from '../graph/tensor.ts'
import { constant } from './initializers.ts'
import { type ForwardContext, Module, Parameter } from './module.ts'

/** x for x > 0, else a · x with a learned; see {@link prelu}. */
export class PReLU extends Module {
  /** a `[1]` or `[C]`. */
  readonly weight: Parameter<readonly [number]>

  constructor(count = 1, slope = 0.25) {
    super()
    if (!Number.isInteger(count) || count < 1) {
      throw new RangeError(`prelu: count (=${count}) must be a whole number ≥ 1`)
    }
    this.weight = new Parameter([count], constant(slope))
  }

  /**
   * The output has the shape of the input.
   * @throws ShapeError when there is a slope per channel and the input does not have as many channels.
   */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    const [count] = this.weight.shape
    if (count > 1 && x.shape[1] !== count) {
      throw new ShapeError(
        `${this.displayName}: expected an input [N, ${count}, …], a channel per slope, got ${formatShape(x.shape)}`,
      )
    }
    const slope = reshape(this.weight.tensor, count > 1 ? [count, ...x.shape.slice(2).map(() => 1)] : [1])
    return this.label(where(greater(x, 0), x, mul(slope, x)))
  }
}

/** The largest of each group of channels; see {@link maxout}. */
export class Maxout extends Module {
  /** Channels that compete for one output. */
  readonly pieces: number

  constructor(pieces: number) {
    super()
    if (!Number.isInteger(pieces) || pieces < 1) {
      throw new RangeError(`maxout: pieces (=${pieces}) must be a whole number ≥ 1`)
    }
    this.pieces = pieces
  }

  /** @throws ShapeError when the input is not `[N, C, …]` or `pieces` does not divide C. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    const [batch, channels] = x.shape
    if (x.shape.length < 2 || channels % this.pieces !== 0) {
      throw new ShapeError(
        `${this.displayName}: expected an input [N, C, …] with C divisible by pieces (=${this.pieces}), got ${formatShape(x.shape)}`,
      )
    }
    // Groups become channels and their pieces rows of an image; an ordinary pool runs over the rows.
    const outputs = channels / this.pieces
    const rows = reshape(x, [batch, outputs, this.pieces, -1]) as Volume
    return this.label(reshape(maxPool2d(rows, [this.pieces, 1]), [batch, outputs, ...x.shape.slice(2)]))
  }
}

/**
 * A layer x for x > 0, else a · x, a learned (He et al. 2015); parameter `weight` `[count]`.
 * @param count one slope for all (1, the default) or one for each channel of `[N, count, …]`
 * @param slope where a starts, 0.25 by default
 * @throws RangeError when `count` is not a whole number ≥ 1.
 * @example prelu(64)
 */
export const prelu = (count?: number, slope?: number): PReLU => new PReLU(count, slope)

/**
 * A maxout layer (Goodfellow et al. 2013): `[N, C, …] → [N, C / pieces, …]`, the largest of each `pieces` neighboring
 * channels. After a linear layer it is maxⱼ (wⱼᵀx + bⱼ); on feature maps it is pooling across channels. The gradient
 * goes to the first of equal maxima, as with PyTorch's `x.view(N, C / pieces, pieces, …).max(2)`.
 * @throws RangeError when `pieces` is not a whole number ≥ 1.
 * @example sequential(linear(784, 240 * 5), maxout(5)) // [N, 784] → [N, 240]
 */
export const maxout = (pieces: number): Maxout => new Maxout(pieces)

/**
 * Cross-channel max pooling (Goodfellow et al. 2013): {@link maxout} under its name as a kind of pooling.
 * @throws RangeError when `channels` is not a whole number ≥ 1.
 * @example crossChannelMaxPool(2) // [N, 64, H, W] → [N, 32, H, W]
 */
export const crossChannelMaxPool = (channels: number): Maxout => new Maxout(channels)
