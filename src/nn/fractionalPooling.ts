/**
 * Fractional max pooling (Graham 2014): windows whose distances are 1 and 2 in irregular order, so that an image
 * shrinks by a factor between 1 and 2 (or between any two neighboring whole numbers).
 *
 * With input size H, kernel k and output size O, the first window begins at 0, the last at H − k, and α = (H − k) / (O
 * − 1) is the mean distance. A *pseudorandom* sequence begins window i at ⌊α(i + u)⌋ − ⌊αu⌋, for one random number u
 * (PyTorch's form of the paper's ⌈α(i + u)⌉); a *random* one puts the distances ⌊α⌋ and ⌊α⌋ + 1 in random order.
 *
 * One sequence for the rows and one for the columns serve all channels and samples of a step: one list of indices per
 * axis lays out the windows. PyTorch draws a pair (u for rows, u for columns) for every channel of every sample, N·C
 * pairs per step instead of one. The distribution of each sample's output is the same, but here the outputs of one step
 * are not independent of each other.
 */
import { argmax } from '../graph/ops/argmax.ts'
import { add, equal, floor, less, mul, sub } from '../graph/ops/elementwise.ts'
import { gather } from '../graph/ops/gather.ts'
import { maxPool2d } from '../graph/ops/maxPool2d.ts'
import { randomUniform } from '../graph/ops/random.ts'
import { sum } from '../graph/ops/reduce.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { formatShape, ShapeError } from '../graph/shape.ts'
import { constantTensor } from '../graph/sources.ts'
import type { Tensor, Vector, Volume } from '../graph/tensor.ts'
import type { Pair } from '../graph/window.ts'
import { type ForwardContext, Module } from './module.ts'

/** Options of {@link fractionalMaxPool2d}; exactly one of `outputSize` and `outputRatio` is given. */
export interface FractionalMaxPoolOptions {
  /** Output rows and columns. */
  readonly outputSize?: Pair
  /** Output size as a fraction of the input size, between 0 and 1: rows are ⌊ratio · H⌋. */
  readonly outputRatio?: Pair
  /** Rule by which the windows are placed, `'pseudorandom'` by default. */
  readonly regions?: 'pseudorandom' | 'random'
  /**
   * Numbers u in [0, 1) for rows and columns, instead of random ones; for `'pseudorandom'` regions.
   */
  readonly samples?: readonly [rows: number, columns: number]
}

/** u of the sequence used at test time, when nothing is drawn. */
const testSample = 0.5

const pair = (value: Pair): readonly [number, number] => (typeof value === 'number' ? [value, value] : value)

/** Largest value of windows at irregular places; see {@link fractionalMaxPool2d}. */
export class FractionalMaxPool2d extends Module {
  readonly kernel: readonly [number, number]
  readonly outputSize: readonly [number, number] | undefined
  readonly outputRatio: readonly [number, number] | undefined
  readonly regions: 'pseudorandom' | 'random'
  readonly samples: readonly [number, number] | undefined

  constructor(kernel: Pair, options: FractionalMaxPoolOptions) {
    super()
    const { outputSize, outputRatio, regions = 'pseudorandom', samples } = options
    this.kernel = pair(kernel)
    if (!this.kernel.every(extent => Number.isInteger(extent) && extent >= 1)) {
      throw new RangeError(`fractionalMaxPool2d: kernel (=${this.kernel.join(', ')}) must be whole numbers ≥ 1`)
    }
    if ((outputSize === undefined) === (outputRatio === undefined)) {
      throw new Error('fractionalMaxPool2d: give either outputSize or outputRatio')
    }
    this.outputSize = outputSize === undefined ? undefined : pair(outputSize)
    this.outputRatio = outputRatio === undefined ? undefined : pair(outputRatio)
    if (this.outputSize?.some(size => !Number.isInteger(size) || size < 1)) {
      throw new RangeError(`fractionalMaxPool2d: outputSize (=${this.outputSize.join(', ')}) must be whole numbers ≥ 1`)
    }
    if (this.outputRatio?.some(ratio => !(ratio > 0 && ratio < 1))) {
      throw new RangeError(
        `fractionalMaxPool2d: outputRatio (=${this.outputRatio.join(', ')}) must lie between 0 and 1`,
      )
    }
    if (samples?.some(u => !(u >= 0 && u < 1))) {
      throw new RangeError(`fractionalMaxPool2d: samples (=${samples.join(', ')}) must be at least 0 and less than 1`)
    }
    if (samples && regions === 'random') throw new Error("fractionalMaxPool2d: samples are for 'pseudorandom' regions")
    this.regions = regions
    this.samples = samples
  }

  /**
   * @throws ShapeError when `x` is not `[N, C, H, W]`, or too small for the windows to fit at different places.
   * @throws Error while training, when the context has no key or the model has not been given paths.
   */
  override forward(x: Tensor, context: ForwardContext): Tensor {
    if (x.shape.length !== 4) {
      throw new ShapeError(`${this.displayName}: expected an input [N, C, H, W], got ${formatShape(x.shape)}`)
    }
    let laidOut = x
    for (const axis of [0, 1] as const) {
      const size = x.shape[axis + 2]
      const count = this.outputSize?.[axis] ?? Math.floor(size * (this.outputRatio?.[axis] ?? 1))
      if (count < 1 || count + this.kernel[axis] - 1 > size) {
        throw new ShapeError(
          `${this.displayName}: ${count} windows of kernel ${this.kernel.join('×')} do not fit ${formatShape(x.shape)}`,
        )
      }
      laidOut = gather(laidOut, this.#places(axis, size, count, context), axis + 2)
    }
    return this.label(maxPool2d(laidOut as Volume, this.kernel))
  }

  /** Indices of the rows (columns) of all windows, one window after the other: `i32 [count · kernel]`. */
  #places(axis: 0 | 1, size: number, count: number, context: ForwardContext): Vector {
    const kernel = this.kernel[axis]
    const fixed = this.samples?.[axis] ?? (context.training ? undefined : testSample)
    if (fixed !== undefined) {
      const starts = pseudorandomStarts(fixed, size, count, kernel)
      const list = starts.flatMap(start => Array.from({ length: kernel }, (_, k) => start + k))
      return constantTensor(list, [list.length], 'i32')
    }
    if (!context.key) throw new Error(`${this.displayName}: training needs context.key, an i32 [2] tensor (seed, step)`)
    if (this.path === undefined) {
      throw new Error(
        'fractionalMaxPool2d: the layer has no path; call initialize(seed) or assignPaths() on the model first',
      )
    }
    const stream = `${this.path}.${axis === 0 ? 'rows' : 'columns'}`
    const draw = this.regions === 'random' ? drawnInRandomOrder : drawnPseudorandom
    const starts = draw(context.key as Vector, stream, size, count, kernel)
    // Whole numbers as f32 become indices by looking each up among 0, 1, …, size − 1.
    const wanted = add(reshape(starts, [count, 1]), range(kernel, [1, kernel]))
    return argmax(equal(reshape(wanted, [count * kernel, 1]), range(size, [1, size])), 1) as Vector
  }
}

/** The first element of each window, as PyTorch computes it from its random samples. */
function pseudorandomStarts(u: number, size: number, count: number, kernel: number): number[] {
  const alpha = (size - kernel) / Math.max(count - 1, 1)
  return Array.from({ length: count }, (_, i) =>
    i === count - 1 ? size - kernel : Math.floor((i + u) * alpha) - Math.floor(u * alpha),
  )
}

type Draw = (key: Vector, stream: string, size: number, count: number, kernel: number) => Tensor

/** ⌊α(i + u)⌋ − ⌊αu⌋ for a u drawn anew in each step, `[count]`. */
const drawnPseudorandom: Draw = (key, stream, size, count, kernel) => {
  if (count === 1) return constantTensor([size - kernel], [1])
  const alpha = (size - kernel) / (count - 1)
  const u = randomUniform(key, [1], stream)
  const regular = sub(floor(mul(add(range(count, [count]), u), alpha)), floor(mul(u, alpha)))
  const last = Array.from({ length: count }, (_, i) => (i === count - 1 ? 1 : 0))
  const isLast = constantTensor(last, [count])
  return add(mul(sub(1, isLast), regular), mul(isLast, size - kernel))
}

/** Distances ⌊α⌋ and ⌊α⌋ + 1 in random order, added up, `[count]`. */
const drawnInRandomOrder: Draw = (key, stream, size, count, kernel) => {
  if (count === 1) return constantTensor([size - kernel], [1])
  const steps = count - 1
  const short = Math.floor((size - kernel) / steps)
  const longSteps = size - kernel - short * steps
  // The long distances are those with the `longSteps` smallest random numbers. Equal numbers (one pair of positions in
  // 2²⁴) are told apart by their positions.
  const u = randomUniform(key, [steps], stream)
  const positions = range(steps, [steps])
  const column = (x: Tensor): Tensor => reshape(x, [steps, 1])
  const row = (x: Tensor): Tensor => reshape(x, [1, steps])
  const tied = mul(equal(row(u), column(u)), less(row(positions), column(positions)))
  const rank = sum(add(less(row(u), column(u)), tied), 1)
  const distances = add(less(rank, longSteps), short)
  // Window i begins where the distances before it end.
  const before = less(row(positions), range(count, [count, 1]))
  return sum(mul(before, row(distances)), 1)
}

/** 0, 1, …, count − 1 in the given shape. */
const range = (count: number, shape: readonly number[]): Tensor =>
  constantTensor(
    Array.from({ length: count }, (_, i) => i),
    shape,
  )

/**
 * A fractional max pooling layer (Graham 2014) `[N, C, H, W] → [N, C, H′, W′]`, with windows drawn anew in each
 * training step, the same for all samples and channels of the step (PyTorch draws them for every sample and channel
 * separately). At test time the windows are those of the pseudorandom sequence with u = ½ (the paper averages several
 * draws; PyTorch draws as in training).
 * @throws RangeError or Error when an option is missing or out of its range.
 * @example fractionalMaxPool2d(2, { outputRatio: 0.7 }) // [N, 64, 36, 36] → [N, 64, 25, 25]
 */
export const fractionalMaxPool2d = (kernel: Pair, options: FractionalMaxPoolOptions): FractionalMaxPool2d =>
  new FractionalMaxPool2d(kernel, options)
