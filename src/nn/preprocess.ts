/**
 * Preprocessing that is fitted to a training set and part of the model: its numbers are buffers, stored in every
 * checkpoint, so that they come with the weights.
 */
import { mul, sub } from '../graph/ops/elementwise.ts'
import { matmul } from '../graph/ops/matmul.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { transpose } from '../graph/ops/transpose.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import type { Matrix, Tensor } from '../graph/tensor.ts'
import { type ForwardContext, ModelBuffer, Module } from './module.ts'

/** Options of {@link standardize}: numbers of pixels from 0 to 1. */
export interface StandardizeOptions {
  /**
   * Shape of what is subtracted: `[channels, height, width]` for a mean image, or `[channels, 1, 1]`. By default
   * inferred from a `mean` of one number per channel.
   */
  readonly shape?: readonly [channels: number, height: number, width: number]
  /** The mean to subtract, in that shape; zeros when absent, to be filled by a checkpoint. */
  readonly mean?: ArrayLike<number>
  /** The standard deviation to divide by, one number per channel; 1 when absent. */
  readonly std?: ArrayLike<number>
}

/** Bytes `u8 [N, H, W, C]` → `[N, C, H, W]`; see {@link standardize}. */
export class Standardize extends Module {
  /** `[C, H, W]` or `[C, 1, 1]`. */
  readonly mean: ModelBuffer<readonly [number, number, number]>
  /** `[C, 1, 1]`, one divided by the standard deviation. */
  readonly scale: ModelBuffer<readonly [number, number, number]>

  constructor({ shape, mean, std }: StandardizeOptions) {
    super()
    const own = shape ?? ([mean?.length ?? std?.length ?? 0, 1, 1] as const)
    if (!own.every(size => Number.isInteger(size) && size >= 1)) {
      throw new ShapeError(`standardize: give mean, or its shape [channels, height, width], got ${formatShape(own)}`)
    }
    this.mean = new ModelBuffer(own, 0)
    this.scale = new ModelBuffer([own[0], 1, 1], 1)
    if (mean) fill('standardize', 'mean', this.mean, mean)
    if (std) {
      const wrong = Array.from(std).find(value => !(value > 0 && Number.isFinite(value)))
      if (wrong !== undefined) throw new RangeError(`standardize: std (=${wrong}) must be positive`)
      const scale = Array.from(std, value => 1 / value)
      fill('standardize', 'std', this.scale, scale)
    }
  }

  /** @throws ShapeError when `x` is not `u8 [N, H, W, C]` of the channels and size of the mean. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    const [channels, height, width] = this.mean.shape
    const size = height === 1 && width === 1 ? undefined : ([height, width] as const)
    const planes = bytePlanes(this.displayName, x, channels, size)
    return this.label(mul(sub(mul(planes, 1 / 255), this.mean.tensor), this.scale.tensor))
  }
}

/** Options of {@link whiten}. */
export interface WhitenOptions {
  /** `[channels, height, width]` of an image; D is their product. */
  readonly shape: readonly [channels: number, height: number, width: number]
  /** `[D]`; zeros when absent, to be filled by a checkpoint. */
  readonly mean?: ArrayLike<number>
  /** `[K, D]`; zeros when absent. */
  readonly matrix?: ArrayLike<number>
  /** K, for a layer without a matrix; D by default. */
  readonly components?: number
  /** `'zca'` gives images `[N, C, H, W]`, the others coordinates `[N, K]`. */
  readonly kind: 'pca' | 'pca-whitening' | 'zca'
}

/** Bytes `u8 [N, H, W, C]` → `[N, K]`, or `[N, C, H, W]` for ZCA; see {@link whiten}. */
export class Whiten extends Module {
  readonly kind: WhitenOptions['kind']
  readonly shape: readonly [number, number, number]
  /** `[D]` */
  readonly mean: ModelBuffer<readonly [number]>
  /** `[K, D]` */
  readonly matrix: ModelBuffer<readonly [number, number]>

  constructor({ shape, kind, mean, matrix, components }: WhitenOptions) {
    super()
    const size = shape[0] * shape[1] * shape[2]
    const rows = kind === 'zca' ? size : (components ?? (matrix ? matrix.length / size : size))
    if (!Number.isInteger(rows) || rows < 1) {
      throw new ShapeError(`whiten: matrix: ${matrix?.length} values do not fit [K, ${size}]`)
    }
    this.kind = kind
    this.shape = shape
    this.mean = new ModelBuffer([size], 0)
    this.matrix = new ModelBuffer([rows, size], 0)
    if (mean) fill('whiten', 'mean', this.mean, mean)
    if (matrix) fill('whiten', 'matrix', this.matrix, matrix)
  }

  /** @throws ShapeError when `x` is not `u8 [N, H, W, C]` of the shape that was fitted. */
  override forward(x: Tensor, _context: ForwardContext): Tensor {
    const [channels, height, width] = this.shape
    const planes = bytePlanes(this.displayName, x, channels, [height, width])
    const batch = x.shape[0]!
    const rows = reshape(mul(planes, 1 / 255), [batch, channels * height * width])
    const y = matmul(sub(rows, this.mean.tensor) as Matrix, this.matrix.tensor as Matrix, { transposeB: true })
    return this.label(this.kind === 'zca' ? reshape(y, [batch, channels, height, width]) : y)
  }
}

/**
 * A layer that turns image bytes `u8 [N, H, W, C]` into `[N, C, H, W]`: (x / 255 − mean) / std, with a mean image, a
 * mean for each channel, and a standard deviation for each channel; all of them buffers, stored in checkpoints.
 * @throws ShapeError when the numbers do not fit the shape; RangeError when one is not finite, or a std is 0.
 * @example standardize(await meanImage(train))          // AlexNet: mean image
 * @example standardize({ mean: statistics.mean })       // VGG: mean of each channel
 * @example standardize(await channelStatistics(train))  // ResNet: mean and std of each channel
 */
export const standardize = (options: StandardizeOptions): Standardize => new Standardize(options)

/**
 * A layer that applies a fitted PCA or whitening to image bytes: matrix · (x / 255 − mean).
 * @throws ShapeError when the numbers do not fit the shape; RangeError when one is not finite.
 * @example whiten(await fitWhitening(train, { kind: 'zca' }))
 */
export const whiten = (options: WhitenOptions): Whiten => new Whiten(options)

function bytePlanes(name: string, x: Tensor, channels: number, size?: readonly [number, number]): Tensor {
  const [, height, width] = x.shape
  const fits = x.shape.length === 4 && x.shape[3] === channels && x.dtype === 'u8'
  if (!fits || (size && (height !== size[0] || width !== size[1]))) {
    const [h, w] = size ?? ['H', 'W']
    throw new ShapeError(
      `${name}: expected images u8 [N, ${h}, ${w}, ${channels}], got ${x.dtype} ${formatShape(x.shape)}`,
    )
  }
  return transpose(x, [0, 3, 1, 2])
}

function fill(layer: string, what: string, buffer: ModelBuffer, values: ArrayLike<number>): void {
  if (values.length !== buffer.value.length) {
    throw new ShapeError(
      `${layer}: ${what} has ${values.length} numbers, expected ${formatShape(buffer.shape)}: ${buffer.value.length}`,
    )
  }
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) throw new RangeError(`${layer}: ${what}[${i}] (=${values[i]}) must be finite`)
  }
  buffer.value.set(values)
}
