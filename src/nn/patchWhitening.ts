/**
 * A first layer that is set, not learned: a convolution whose filters whiten the patches of the training images (Page
 * 2019; Jordan 2024). It spares a network the epochs in which its first layer finds edges and colors.
 */
import { conv2d as convolve } from '../graph/ops/conv2d.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Tensor, Volume } from '../graph/tensor.ts'
import { checkChannels, withBias } from './convolution.ts'
import { zeros } from './initializers.ts'
import { type ForwardContext, ModelBuffer, Module, Parameter } from './module.ts'

/** Options of {@link patchWhitening}. */
export interface PatchWhiteningOptions {
  /** Add a learned number per output channel, 0 at first; true by default. */
  readonly bias?: boolean
}

/** `[N, C, H, W] → [N, 2 C k², H − k + 1, W − k + 1]`; see {@link patchWhitening}. */
export class PatchWhitening extends Module {
  readonly inChannels: number
  readonly outChannels: number
  /** k, the side of a patch. */
  readonly kernel: number
  /** `[2 C k², C, k, k]`, the filters and then the same negated; the values of a patch until they are fitted. */
  readonly weight: ModelBuffer<readonly [number, number, number, number]>
  /** `[2 C k²]`, absent with `bias: false`. */
  readonly bias: Parameter<readonly [number]> | undefined

  constructor(inChannels: number, kernel: number, { bias = true }: PatchWhiteningOptions = {}) {
    super()
    if (!Number.isInteger(kernel) || kernel < 1) {
      throw new RangeError(`patchWhitening: kernel (=${kernel}) must be a whole number ≥ 1`)
    }
    checkChannels('patchWhitening', inChannels, 1, 1)
    const size = inChannels * kernel ** 2
    this.inChannels = inChannels
    this.outChannels = 2 * size
    this.kernel = kernel
    this.weight = new ModelBuffer([2 * size, inChannels, kernel, kernel], 0)
    this.setFilters(Float64Array.from({ length: size ** 2 }, (_, i) => (i % (size + 1) === 0 ? 1 : 0)))
    this.bias = bias ? new Parameter([2 * size], zeros()) : undefined
  }

  /**
   * Sets the filters; their negatives follow from them.
   * @param filters `[C k², C, k, k]`, such as those of `fitPatchFilters`
   * @throws ShapeError when there are more or fewer numbers
   */
  setFilters(filters: ArrayLike<number>): void {
    if (2 * filters.length !== this.weight.value.length) {
      throw new ShapeError(
        `patchWhitening: expected ${this.weight.value.length / 2} numbers for ${formatShape(this.weight.shape)} and its negatives, got ${filters.length}`,
      )
    }
    this.weight.setValue([...Array.from(filters), ...Array.from(filters, value => -value)])
  }

  /** @throws ShapeError when `x` is not `[N, C, H, W]` with the layer's channels, or smaller than a patch. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    if (x.shape.length !== 4 || x.shape[1] !== this.inChannels) {
      throw new ShapeError(
        `${this.displayName}: expected an input [N, ${this.inChannels}, H, W], got ${formatShape(x.shape)}`,
      )
    }
    const y = this.located(() => convolve(x as Volume, this.weight.tensor))
    return this.label(withBias(y, this.bias))
  }
}

/**
 * A layer `[N, inChannels, H, W] → [N, 2 C k², H − k + 1, W − k + 1]`, C = inChannels and k = kernel: the coordinates of
 * every patch along the principal components of all patches, divided by their deviations, and the negatives of these
 * coordinates, so that a rectifier loses nothing. The filters are a buffer, not a parameter. As the first layer of a
 * recipe's network it is fitted to the training images before the first step; elsewhere `fitPatchFilters` and
 * `setFilters` do that, and until then it copies the values of a patch.
 * @throws RangeError when a number is not a whole number ≥ 1.
 * @example sequential(patchWhitening(3, 2), gelu(), conv2d(24, 64, 3, { padding: 1 }), …)
 */
export const patchWhitening = (inChannels: number, kernel: number, options?: PatchWhiteningOptions): PatchWhitening =>
  new PatchWhitening(inChannels, kernel, options)
