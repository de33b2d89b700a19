/**
 * A layer of one's own: LayerScale (Touvron et al. 2021, "Going deeper with image transformers"), a learned factor for each
 * channel of a residual branch that starts near zero.
 */
import { formatShape, mul, reshape, ShapeError, type Tensor } from 'fovea'
import { constant, type ForwardContext, Module, Parameter } from 'fovea/nn'

/** y = γ ⊙ x with one γ per channel; see {@link layerScale}. */
export class LayerScale extends Module {
  /** γ, `[C]`. */
  readonly weight: Parameter<readonly [number]>

  constructor(channels: number, start = 1e-2) {
    super()
    if (!Number.isInteger(channels) || channels < 1) {
      throw new ShapeError(`layerScale: channels (=${channels}) must be a whole number ≥ 1`)
    }
    this.weight = new Parameter([channels], constant(start))
  }

  /** @throws ShapeError when the input is not `[N, C, …]` with a channel for each factor. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    const [channels] = this.weight.shape
    if (x.shape[1] !== channels) {
      throw new ShapeError(`${this.displayName}: expected ${channels} channels, got an input ${formatShape(x.shape)}`)
    }
    return this.label(mul(x, reshape(this.weight.tensor, [channels, ...x.shape.slice(2).map(() => 1)])))
  }
}

/**
 * A layer that scales each channel: `[N, C, …] → [N, C, …]`; parameter `weight` `[C]`.
 * @throws ShapeError when `channels` is not a whole number ≥ 1.
 * @example layerScale(64)
 */
export const layerScale = (channels: number, start?: number): LayerScale => new LayerScale(channels, start)
