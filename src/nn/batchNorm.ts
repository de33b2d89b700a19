/**
 * Batch normalization (Ioffe and Szegedy 2015): every channel is brought to mean 0 and variance 1 over the batch, then
 * scaled and shifted by learned numbers,
 *
 *   y = γ · (x − μ) / √(σ² + ε) + β.
 *
 * While training, μ and σ² are those of the batch (σ² divided by the count m) and running averages of them are kept; at
 * test time the running averages take their place. The conventions and names are PyTorch's.
 */
import { add, div, mul, neg, sqrt, sub } from '../graph/ops/elementwise.ts'
import { increment } from '../graph/ops/increment.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { constant, zeros } from './initializers.ts'
import { type ForwardContext, ModelBuffer, Module, type OverParts, Parameter } from './module.ts'
import { momentsOf } from './normalization.ts'

/** Thrown when batch norm is trained on one value per channel, whose variance is 0: a batch of one. */
export class SmallBatchError extends ShapeError {
  /** The layer that refuses the batch. */
  readonly layer: string

  constructor(layer: string, shape: readonly number[]) {
    super(
      `${layer}: expected more than one value per channel when training, got ${formatShape(shape)}: train on larger batches`,
    )
    this.layer = layer
  }
}

/** Options of {@link batchNorm1d} and {@link batchNorm2d}. */
export interface BatchNormOptions {
  /** ε, added to the variance, 1e-5 by default. */
  readonly eps?: number
  /**
   * Weight of the newest batch in the running averages, 0.1 by default (one minus what other libraries call the decay);
   * `'cumulative'` takes the plain average of all batches (PyTorch's `momentum=None`).
   */
  readonly momentum?: number | 'cumulative'
  /** Learn γ and β; true by default. */
  readonly affine?: boolean
  /** Keep running averages; true by default. Without them, test time uses the batch's own statistics too. */
  readonly trackRunningStats?: boolean
}

/**
 * m / (m − 1), which makes a variance unbiased.
 * @param count values that it was computed from, or those of this part of a batch
 */
export function besselFactor(count: number, overParts?: OverParts): Tensor | number {
  if (!overParts) return count / (count - 1)
  const all = div(count, overParts.share)
  return div(all, sub(all, 1))
}

/** Normalization of axis 1 over all other axes; see {@link batchNorm2d}. */
export abstract class BatchNorm extends Module {
  readonly channels: number
  readonly eps: number
  readonly momentum: number | 'cumulative'
  /** γ `[C]`, initially ones; absent with `affine: false`. */
  readonly weight: Parameter<readonly [number]> | undefined
  /** β `[C]`, initially zeros; absent with `affine: false`. */
  readonly bias: Parameter<readonly [number]> | undefined
  /** Running mean `[C]`. */
  readonly running_mean: ModelBuffer<readonly [number]> | undefined
  /** Running variance `[C]`, unbiased: divided by m − 1. */
  readonly running_var: ModelBuffer<readonly [number]> | undefined
  /** Number of training batches seen, `i32`. */
  readonly num_batches_tracked: ModelBuffer<readonly []> | undefined

  constructor(label: string, channels: number, options: BatchNormOptions) {
    super()
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options
    if (!Number.isInteger(channels) || channels < 1) {
      throw new RangeError(`${label}: channels (=${channels}) must be a whole number ≥ 1`)
    }
    if (!(eps > 0)) throw new RangeError(`${label}: eps (=${eps}) must be positive`)
    if (momentum !== 'cumulative' && !(momentum >= 0 && momentum <= 1)) {
      throw new RangeError(`${label}: momentum (=${momentum}) must lie in 0 … 1, or be 'cumulative'`)
    }
    this.channels = channels
    this.eps = eps
    this.momentum = momentum
    this.weight = affine ? new Parameter([channels], constant(1)) : undefined
    this.bias = affine ? new Parameter([channels], zeros()) : undefined
    this.running_mean = trackRunningStats ? new ModelBuffer([channels], 0) : undefined
    this.running_var = trackRunningStats ? new ModelBuffer([channels], 1) : undefined
    this.num_batches_tracked = trackRunningStats ? new ModelBuffer([], 0, 'i32') : undefined
  }

  /** The accepted inputs in words, or undefined when `rank` is one of them. */
  protected abstract refusal(rank: number): string | undefined

  /**
   * The output has the shape of the input.
   * @throws ShapeError when the input does not have the layer's axes and channels; SmallBatchError when training with
   *   one value per channel, whose variance is 0.
   */
  override forward(x: Tensor, context: ForwardContext): Tensor {
    const expected = this.refusal(x.shape.length)
    if (expected)
      throw new ShapeError(`${this.displayName}: expected an input ${expected}, got ${formatShape(x.shape)}`)
    if (x.shape[1] !== this.channels) {
      throw new ShapeError(
        `${this.displayName}: expected ${this.channels} input channels, got ${x.shape[1]} (input ${formatShape(x.shape)})`,
      )
    }
    const isFrozen = context.frozen?.has(this) ?? false
    const useBatch = (context.training && !isFrozen) || !this.running_mean
    return this.label(useBatch ? this.#normalizeByBatch(x, context) : this.#normalizeByRunning(x))
  }

  #normalizeByBatch(x: Tensor, context: ForwardContext): Tensor {
    const axes = x.shape.map((_, axis) => axis).filter(axis => axis !== 1)
    const count = axes.reduce((product, axis) => product * x.shape[axis], 1)
    const { overParts } = context
    if (count === 1 && context.training && !overParts) throw new SmallBatchError(this.displayName, x.shape)
    const { average, centered, offset, variance } = momentsOf(x, axes, overParts)
    if (context.training) this.#track(average, mul(variance, besselFactor(count, overParts)), context)
    const deviation = sqrt(add(variance, this.eps))
    const scale = div(this.weight ? this.#along(this.weight.tensor, x) : 1, deviation)
    // γ (x − μ) / √(σ² + ε) + β, with everything that is one number per channel in the second term.
    const correction = mul(offset, scale)
    const shift = this.bias ? sub(this.#along(this.bias.tensor, x), correction) : neg(correction)
    return add(mul(centered, scale), shift)
  }

  /** x · scale + shift, with both numbers of a channel computed beforehand. */
  #normalizeByRunning(x: Tensor): Tensor {
    const { running_mean, running_var, weight, bias } = this
    if (!running_mean || !running_var) return x
    const scale = div(weight?.tensor ?? 1, sqrt(add(running_var.tensor, this.eps)))
    const shift = bias ? sub(bias.tensor, mul(running_mean.tensor, scale)) : mul(running_mean.tensor, mul(scale, -1))
    return add(mul(x, this.#along(scale, x)), this.#along(shift, x))
  }

  /** running ← (1 − momentum) · running + momentum · batch; a layer that is used twice in a step tracks both uses. */
  #track(average: Tensor, variance: Tensor, { updates }: ForwardContext): void {
    const { running_mean, running_var, num_batches_tracked } = this
    if (!running_mean || !running_var || !num_batches_tracked) return
    const current = (buffer: ModelBuffer): Tensor => updates.get(buffer) ?? buffer.tensor
    const seen = increment(current(num_batches_tracked))
    const weight = this.momentum === 'cumulative' ? div(1, seen) : this.momentum
    const follow = (buffer: ModelBuffer, batch: Tensor): void => {
      const before = current(buffer)
      updates.set(buffer, add(before, mul(sub(reshape(batch, [this.channels]), before), weight)))
    }
    follow(running_mean, average)
    follow(running_var, variance)
    updates.set(num_batches_tracked, seen)
  }

  /** A number per channel, `[C]`, in the shape that broadcasts along axis 1 of `x`. */
  #along(perChannel: Tensor, x: Tensor): Tensor {
    return reshape(perChannel, [this.channels, ...x.shape.slice(2).map(() => 1)])
  }
}

/** Batch normalization of feature vectors or series; see {@link batchNorm1d}. */
export class BatchNorm1d extends BatchNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super('batchNorm1d', channels, options)
  }
  protected override refusal(rank: number): string | undefined {
    return rank === 2 || rank === 3 ? undefined : `[N, ${this.channels}] or [N, ${this.channels}, L]`
  }
}

/** Batch normalization of images; see {@link batchNorm2d}. */
export class BatchNorm2d extends BatchNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super('batchNorm2d', channels, options)
  }
  protected override refusal(rank: number): string | undefined {
    return rank === 4 ? undefined : `[N, ${this.channels}, H, W]`
  }
}

/**
 * A batch normalization layer for `[N, channels]` (per activation) or `[N, channels, L]`, with the parameters and
 * buffers of {@link batchNorm2d}.
 * @throws RangeError when a number is out of its range.
 * @example sequential(linear(784, 100, { bias: false }), batchNorm1d(100), relu())
 */
export const batchNorm1d = (channels: number, options?: BatchNormOptions): BatchNorm1d =>
  new BatchNorm1d(channels, options)

/**
 * A spatial batch normalization layer `[N, channels, H, W] → [N, channels, H, W]`: one mean and variance per channel,
 * over N·H·W values. Parameters `weight` (γ) and `bias` (β) `[C]`; buffers `running_mean` and `running_var` `[C]` and
 * `num_batches_tracked` `[]`, which training steps update.
 * @throws RangeError when a number is out of its range.
 * @example sequential(conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false }), batchNorm2d(64), relu())
 */
export const batchNorm2d = (channels: number, options?: BatchNormOptions): BatchNorm2d =>
  new BatchNorm2d(channels, options)
