/**
 * Normalizations that look at one sample at a time and so compute the same in training and at test time:
 *
 *   y = γ · (x − μ) / √(σ² + ε) + β
 *
 * with μ and σ² (divided by the count) over all features of a sample (layer norm, Ba et al. 2016), over one channel
 * (instance norm, Ulyanov et al. 2016) or over a group of channels (group norm, Wu and He 2018).
 */
import { add, div, mul, sqrt, square, sub } from '../graph/ops/elementwise.ts'
import { stopGradient } from '../graph/ops/map.ts'
import { sum } from '../graph/ops/reduce.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { checkShape, formatShape, ShapeError } from '../graph/shape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { constant, zeros } from './initializers.ts'
import { type ForwardContext, Module, type OverParts, Parameter } from './module.ts'

/** Options of the normalization layers. */
export interface NormalizationOptions {
  /** ε, added to the variance, 1e-5 by default. */
  readonly eps?: number
  /** Learn γ and β: true by default, false for instance norm (as in PyTorch). */
  readonly affine?: boolean
}

/** Mean and deviations of a tensor along some axes, which are kept with size 1; see {@link momentsOf}. */
export interface Moments {
  /** μ, rounded like any value; c is the same number, treated as a constant. */
  readonly average: Tensor
  /** x − c */
  readonly centered: Tensor
  /** μ − c: the part of μ that was lost to rounding. */
  readonly offset: Tensor
  /** σ², the mean of (x − μ)². */
  readonly variance: Tensor
}

/**
 * The moments of `x` over `axes` that a normalization needs, written so that little is rounded and the gradient is
 * cheap.
 *
 * The mean has a limited number of digits; where μ is a hundred σ, few of them resolve σ. So the rounded mean c is
 * treated as a constant: x − c is exact for x near c, and the mean of x − c is the part that c lacks, μ − c. Then
 * x − μ = (x − c) − (μ − c) and σ² = mean (x − c)² − (μ − c)², where the second terms are tiny.
 *
 * Differentiating (x − μ) · s directly sums over all of x for the slope of μ, and once more through σ², although
 * Σ (x − μ) = 0 makes that second sum zero. Here the slopes of μ are computed from μ − c, a tensor of the size of μ.
 * Nothing is left out, so the result can be differentiated any number of times.
 *
 * @param overParts for the moments of the whole batch that `x` is a part of: means are those of the parts, weighted by
 *   their shares
 */
export function momentsOf(x: Tensor, axes: readonly number[], overParts?: OverParts): Moments {
  const broadcastShape = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent))
  // Reductions that drop the axes can compute the operations that follow as they store their results.
  const along = (perMean: Tensor): Tensor => reshape(perMean, broadcastShape)
  // A division rounds once, a product with 1 / count twice.
  const count = axes.reduce((product, axis) => product * x.shape[axis], 1)
  const meanOf = (values: Tensor): Tensor => div(sum(values, axes), count)
  const whole = (means: readonly Tensor[], isConstant = false): readonly Tensor[] =>
    overParts
      ? overParts.sum(
          means.map(mean => mul(mean, overParts.share)),
          isConstant,
        )
      : means
  const average = along(whole([meanOf(x)], true)[0])
  const centered = sub(x, stopGradient(average))
  const [offset, squares] = whole([meanOf(centered), meanOf(square(centered))])
  const variance = sub(squares, square(offset))
  return { average, centered, offset: along(offset), variance: along(variance) }
}

/** (x − μ) / √(σ² + ε) with the statistics over `axes`. */
export function standardize(x: Tensor, axes: readonly number[], eps: number): Tensor {
  const { centered, offset, variance } = momentsOf(x, axes)
  const inverse = div(1, sqrt(add(variance, eps)))
  return sub(mul(centered, inverse), mul(offset, inverse))
}

/** Normalization over the last axes; see {@link layerNorm}. */
export class LayerNorm extends Module {
  /** Sizes of the last axes. */
  readonly normalizedShape: readonly number[]
  readonly eps: number
  /** γ, of `normalizedShape`, initially ones; absent with `affine: false`. */
  readonly weight: Parameter | undefined
  /** β, of `normalizedShape`, initially zeros; absent with `affine: false`. */
  readonly bias: Parameter | undefined

  constructor(normalizedShape: number | readonly number[], options: NormalizationOptions = {}) {
    super()
    const { eps = 1e-5, affine = true } = options
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
    checkShape(this.normalizedShape, 'layerNorm')
    if (this.normalizedShape.length === 0) throw new ShapeError('layerNorm: expected at least one axis')
    checkEps('layerNorm', eps)
    this.eps = eps
    this.weight = affine ? new Parameter(this.normalizedShape, constant(1)) : undefined
    this.bias = affine ? new Parameter(this.normalizedShape, zeros()) : undefined
  }

  /** The output has the shape of the input. @throws ShapeError when the last axes are not those of the layer. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    const lead = x.shape.length - this.normalizedShape.length
    if (lead < 0 || this.normalizedShape.some((extent, axis) => x.shape[lead + axis] !== extent)) {
      throw new ShapeError(
        `${this.displayName}: expected an input […, ${this.normalizedShape.join(', ')}], got ${formatShape(x.shape)}`,
      )
    }
    const axes = this.normalizedShape.map((_, axis) => lead + axis)
    const normalized = standardize(x, axes, this.eps)
    const scaled = this.weight ? mul(normalized, this.weight.tensor) : normalized
    return this.label(this.bias ? add(scaled, this.bias.tensor) : scaled)
  }
}

/** Normalization over groups of channels; see {@link groupNorm}. */
export class GroupNorm extends Module {
  readonly groups: number
  readonly channels: number
  readonly eps: number
  /** γ `[C]`, initially ones; absent with `affine: false`. */
  readonly weight: Parameter<readonly [number]> | undefined
  /** β `[C]`, initially zeros; absent with `affine: false`. */
  readonly bias: Parameter<readonly [number]> | undefined

  constructor(groups: number, channels: number, options: NormalizationOptions = {}) {
    super()
    const { eps = 1e-5, affine = true } = options
    for (const [name, value] of Object.entries({ groups, channels })) {
      if (!Number.isInteger(value) || value < 1) {
        throw new RangeError(`groupNorm: ${name} (=${value}) must be a whole number ≥ 1`)
      }
    }
    if (channels % groups !== 0) {
      throw new RangeError(`groupNorm: channels (=${channels}) must be divisible by groups (=${groups})`)
    }
    checkEps('groupNorm', eps)
    this.groups = groups
    this.channels = channels
    this.eps = eps
    this.weight = affine ? new Parameter([channels], constant(1)) : undefined
    this.bias = affine ? new Parameter([channels], zeros()) : undefined
  }

  /** The output has the shape of the input. @throws ShapeError when the input is not `[N, C, …]`. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    if (x.shape.length < 2 || x.shape[1] !== this.channels) {
      throw new ShapeError(
        `${this.displayName}: expected an input [N, ${this.channels}, …], got ${formatShape(x.shape)}`,
      )
    }
    const rows = reshape(x, [x.shape[0], this.groups, -1])
    if (rows.shape[2] === 1) {
      throw new ShapeError(
        `${this.displayName}: expected more than one value per group and sample, got ${formatShape(x.shape)}`,
      )
    }
    const normalized = reshape(standardize(rows, [2], this.eps), x.shape)
    const perChannel = [this.channels, ...x.shape.slice(2).map(() => 1)]
    const scaled = this.weight ? mul(normalized, reshape(this.weight.tensor, perChannel)) : normalized
    return this.label(this.bias ? add(scaled, reshape(this.bias.tensor, perChannel)) : scaled)
  }
}

/** Normalization of each channel of each sample. */
abstract class InstanceNorm extends GroupNorm {
  constructor(channels: number, { affine = false, ...options }: NormalizationOptions = {}) {
    super(channels, channels, { ...options, affine })
  }

  /** Names of the axes after the channels. */
  protected abstract readonly positions: readonly string[]

  /**
   * The output has the shape of the input.
   * @throws ShapeError when the input does not have the layer's axes and channels, or has only one position.
   */
  override forward(x: Tensor, context: ForwardContext): Tensor {
    if (x.shape.length !== 2 + this.positions.length) {
      throw new ShapeError(
        `${this.displayName}: expected an input [N, ${this.channels}, ${this.positions.join(', ')}], got ${formatShape(x.shape)}`,
      )
    }
    return super.forward(x, context)
  }
}

/** Normalization of each channel of each series; see {@link instanceNorm1d}. */
export class InstanceNorm1d extends InstanceNorm {
  protected override get positions(): readonly string[] {
    return ['L']
  }
}

/** Normalization of each channel of each image; see {@link instanceNorm2d}. */
export class InstanceNorm2d extends InstanceNorm {
  protected override get positions(): readonly string[] {
    return ['H', 'W']
  }
}

/**
 * A layer normalization over the last axes, whose sizes are `normalizedShape`; parameters `weight` and `bias` of that
 * shape.
 * @throws RangeError when a number is out of its range.
 * @example layerNorm(512) // [N, 512] → [N, 512]
 */
export const layerNorm = (normalizedShape: number | readonly number[], options?: NormalizationOptions): LayerNorm =>
  new LayerNorm(normalizedShape, options)

/**
 * A normalization of `[N, channels, …]` over each of `groups` groups of neighboring channels of each sample; parameters
 * `weight` and `bias` `[C]`. One group is layer norm over channels and positions, `channels` groups are instance norm.
 * @throws RangeError when a number is out of its range or `groups` does not divide the channels.
 * @example groupNorm(32, 256)
 */
export const groupNorm = (groups: number, channels: number, options?: NormalizationOptions): GroupNorm =>
  new GroupNorm(groups, channels, options)

/**
 * A normalization of each channel of each sample of `[N, channels, H, W]`, over its H·W positions; without parameters
 * unless `affine`.
 * @throws RangeError when a number is out of its range.
 * @example instanceNorm2d(64, { affine: true })
 */
export const instanceNorm2d = (channels: number, options?: NormalizationOptions): InstanceNorm2d =>
  new InstanceNorm2d(channels, options)

/**
 * A normalization of each channel of each sample of `[N, channels, L]`, over its L positions; without parameters unless
 * `affine`.
 * @throws RangeError when a number is out of its range.
 */
export const instanceNorm1d = (channels: number, options?: NormalizationOptions): InstanceNorm1d =>
  new InstanceNorm1d(channels, options)

function checkEps(label: string, eps: number): void {
  if (!(eps > 0)) throw new RangeError(`${label}: eps (=${eps}) must be positive`)
}
