/** Where images enter: from the bytes of a file to the numbers that a network was trained on. */
import { add, mul } from '../graph/ops/elementwise.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { transpose } from '../graph/ops/transpose.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import { constantTensor } from '../graph/sources.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type ForwardContext, Module } from './module.ts'

/** Options of {@link normalize}: one number per channel, of pixels scaled to 0 … 1. */
export interface NormalizeOptions {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** Bytes `u8 [N, H, W, C]` → `[N, C, H, W]`; see {@link normalize}. */
export class Normalize extends Module {
  readonly mean: readonly number[]
  readonly std: readonly number[]

  constructor({ mean, std }: NormalizeOptions) {
    super()
    if (mean.length === 0 || mean.length !== std.length) {
      throw new ShapeError(`normalize: mean (${mean.length}) and std (${std.length}) must have one number per channel`)
    }
    for (const value of mean) {
      if (!Number.isFinite(value)) throw new RangeError(`normalize: mean (=${mean.join(', ')}) must be finite`)
    }
    for (const value of std) {
      if (!(value > 0 && Number.isFinite(value))) {
        throw new RangeError(`normalize: std (=${std.join(', ')}) must be positive`)
      }
    }
    this.mean = mean
    this.std = std
  }

  /** @throws ShapeError when `x` is not `u8 [N, H, W, C]` with the layer's channels. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    const channels = this.mean.length
    if (x.shape.length !== 4 || x.shape[3] !== channels || x.dtype !== 'u8') {
      throw new ShapeError(
        `${this.displayName}: expected images u8 [N, H, W, ${channels}], got ${x.dtype} ${formatShape(x.shape)}`,
      )
    }
    const [batch, height, width] = x.shape
    // (x / 255 − mean) / std = x · scale + shift: one multiplication and one addition per pixel.
    const scale = this.std.map(std => 1 / (255 * std))
    const shift = this.mean.map((mean, c) => -mean / this.std[c])
    // With one channel both layouts are the same bytes in the same order.
    if (channels === 1) {
      return this.label(add(mul(reshape(x, [batch, 1, height, width]), scale[0]), shift[0]))
    }
    // Transposing bytes moves a quarter of what transposing floats would.
    const planes = transpose(x, [0, 3, 1, 2])
    const perChannel = (values: number[]): Tensor => constantTensor(values, [channels, 1, 1])
    return this.label(add(mul(planes, perChannel(scale)), perChannel(shift)))
  }
}

/**
 * A layer that turns image bytes `u8 [N, H, W, C]` into `[N, C, H, W]`: (x / 255 − mean[c]) / std[c].
 * @throws ShapeError or RangeError when mean and std differ in length, are not finite, or a std is not positive.
 * @example normalize({ mean: [0.1307], std: [0.3081] }) // MNIST
 */
export const normalize = (options: NormalizeOptions): Normalize => new Normalize(options)
