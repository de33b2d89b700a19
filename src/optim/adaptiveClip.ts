/**
 * Clipping at a limit that follows training: g · c / max(‖g‖, c), where c is a multiple of the median norm of the last
 * steps. A median does not move when a few batches explode, which is when it is needed.
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
  /** The limit is this many times the median norm, 2 by default. */
  readonly factor?: number
  /** Steps whose norms the median is of, 50 by default. */
  readonly window?: number
  /** Steps at the start that are not clipped, while the median means little; 10 by default, and never more than `window`. */
  readonly warmup?: number
}

/**
 * Scales all gradients by one factor so that their common norm is at most `factor` times the median of the norms of the
 * last `window` steps, this one not included, as they were before clipping. A norm that is infinite or no number is not
 * remembered. The state is `clipByMedianNorm.norms` `[window]` and the scalar `clipByMedianNorm.seen`.
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
      // A limit of 0, after steps without any gradient, would forbid all steps to come.
      const unlimited = maximum(less(count, warmup), equal(limit, 0))
      return scaleAll(gradients, where(unlimited, 1, div(limit, maximum(norm, limit))))
    },
  }
}

/** The median of the remembered norms and how many they are; remembers one more, which replaces the oldest. */
function remember(norm: Tensor, window: number, { slot }: TransformStep): { median: Tensor; count: Tensor } {
  const places = constantTensor(
    Float32Array.from({ length: window }, (_, k) => k),
    [window],
  )
  const norms = slot('norms', [window])
  // Counts to twice the window and then stays above it: larger numbers would lose their last digit one day.
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
  // Of equal values the earlier place has the lower rank, so that every rank occurs once.
  const isBefore = add(less(other, known), mul(equal(other, known), less(otherPlace, places)))
  const ranks = sum(isBefore, 0)
  // Twice the rank, to stay with whole numbers: of an odd count one value has the rank, of an even count two are a half away.
  const distance = sub(mul(ranks, 2), sub(count, 1))
  const middle = mul(greaterEqual(distance, -1), less(distance, 1.5))
  return div(sum(where(middle, known, 0)), maximum(sum(middle), 1))
}

/** More than any norm, and finite: a multiple of it that is thrown away must not be NaN. */
const largest = 3e38
