/**
 * Clipping at a limit that follows training: g · c / max(‖g‖, c), where c is a multiple of the median norm of the last
 * steps. The median stays stable when a few batches explode, which is when the limit is needed.
 */
import { add, div, equal, greaterEqual, less, maximum, minimum, mul, sub, where } from '../graph/ops/elementwise.ts'
import { sum } from '../graph/ops/reduce.ts'
import { reshape } from '../graph/ops/reshape.ts'
import { constantTensor } from '../graph/sources.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Transform, TransformStep } from './chain.ts'
import { globalNorm, scaleAll } from './clip.ts'
import { checkPositive, checkWhole } from './options.ts'

/** Options of {@link clipByMedianNorm}. */
export interface MedianClipOptions {
  /** Ratio of the limit to the median norm, 2 by default. */
  readonly factor?: number
  /** Number of steps whose norms enter the median, 50 by default. */
  readonly window?: number
  /** Unclipped steps at the start, while the median means little; 10 by default, and at most `window`. */
  readonly warmup?: number
}

/**
 * Scales all gradients by one factor so that their joint norm is at most `factor` times the median norm, before
 * clipping, of the previous `window` steps. Infinite and NaN norms are not remembered. The state is
 * `clipByMedianNorm.norms`
 * `[window]` and the scalar `clipByMedianNorm.seen`.
 * @throws RangeError when an option is out of its range.
 * @example chain(clipByMedianNorm({ factor: 2 }), sgd({ lr: 0.1, momentum: 0.9 }))
 */
export function clipByMedianNorm(options: MedianClipOptions = {}): Transform {
  const { factor = 2, window = 50, warmup = Math.min(10, window) } = options
  checkPositive('clipByMedianNorm', 'factor', factor)
  checkWhole('clipByMedianNorm', 'window', window, 1)
  checkWhole('clipByMedianNorm', 'warmup', warmup, 1)
  if (warmup > window) throw new RangeError(`clipByMedianNorm: warmup (=${warmup}) must be at most window (=${window})`)
  return {
    name: 'clipByMedianNorm',
    on: 'gradients',
    apply(gradients, step) {
      const norm = globalNorm(gradients)
      const { median, count } = remember(norm, window, step)
      const limit = mul(median, factor)
      // A limit of 0, after steps with zero gradients, would block all later steps.
      const unlimited = maximum(less(count, warmup), equal(limit, 0))
      return scaleAll(gradients, where(unlimited, 1, div(limit, maximum(norm, limit))))
    },
  }
}

/** The median of the remembered norms and their count; remembers one more norm, which replaces the oldest. */
function remember(norm: Tensor, window: number, { slot }: TransformStep): { median: Tensor; count: Tensor } {
  const places = constantTensor(
    Float32Array.from({ length: window }, (_, k) => k),
    [window],
  )
  const norms = slot('norms', [window])
  // Counts to twice the window and then stays above the window: larger numbers would eventually lose their last digit.
  const seen = slot('seen', [])
  const count = minimum(seen.value, window)
  const place = where(greaterEqual(seen.value, window), sub(seen.value, window), seen.value)
  const usable = less(norm, Number.POSITIVE_INFINITY)
  norms.set(where(mul(equal(places, place), usable), norm, norms.value))
  const following = add(seen.value, usable)
  seen.set(where(greaterEqual(following, 2 * window), sub(following, window), following))
  return { median: medianOf(norms.value, places, count, window), count }
}

/** The median of the first `count` values: the mean of those with ranks ⌊(count − 1) / 2⌋ and ⌈(count − 1) / 2⌉. */
function medianOf(values: Tensor, places: Tensor, count: Tensor, window: number): Tensor {
  const known = where(less(places, count), values, largest)
  const other = reshape(known, [window, 1])
  const otherPlace = reshape(places, [window, 1])
  // Among equal values the earlier one has the lower rank, so that every rank occurs once.
  const isBefore = add(less(other, known), mul(equal(other, known), less(otherPlace, places)))
  const ranks = sum(isBefore, 0)
  // Twice the rank, to use whole numbers only: for an odd count one value has the rank, for an even count two are ½
  // away.
  const distance = sub(mul(ranks, 2), sub(count, 1))
  const middle = mul(greaterEqual(distance, -1), less(distance, 1.5))
  return div(sum(where(middle, known, 0)), maximum(sum(middle), 1))
}

/** Larger than any norm, but finite: a multiple of it that is discarded must not be NaN. */
const largest = 3e38
