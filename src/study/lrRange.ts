/**
 * Learning-rate range test (Smith 2015, arXiv:1506.01186): the rate rises exponentially from step to step while the
 * loss is watched. The loss falls fastest where the rate is good, and rises where the rate is too large.
 */

/** One step of the test. */
export interface RatePoint {
  readonly learningRate: number
  /** Loss of the step's batch. */
  readonly loss: number
}

/** Result of a test. */
export interface RateSuggestion {
  /** Exponential moving average of the losses, with bias correction. */
  readonly smoothed: readonly number[]
  /** The rate at which the smoothed loss falls fastest: a rate to train with. Absent when the loss never fell. */
  readonly steepest?: number
  /** A tenth of the rate with the lowest smoothed loss: a more careful choice. */
  readonly careful?: number
}

/** The rate of step `k` of `steps`, from `low` to `high`. */
export const rateOfStep = (k: number, steps: number, low: number, high: number): number =>
  low * (high / low) ** (k / Math.max(1, steps - 1))

/** A loss this many times the lowest ends the test: later losses say nothing. */
export const divergence = 4

/**
 * Runs a test: takes the steps of a training with a rising rate, until all steps are done or the loss breaks.
 * @param events of a training run; all but steps are skipped
 */
export async function rangeTest(
  events: AsyncIterable<{ readonly type: string } | (RatePoint & { readonly type: 'step' })>,
  steps: number,
): Promise<RatePoint[]> {
  const found: RatePoint[] = []
  let lowest = Number.POSITIVE_INFINITY
  for await (const event of events) {
    if (!('learningRate' in event)) continue
    const { learningRate, loss } = event
    if (!Number.isFinite(loss)) break
    found.push({ learningRate, loss })
    const smoothed = suggestRate(found).smoothed.at(-1)!
    lowest = Math.min(lowest, smoothed)
    if (found.length >= steps || smoothed > divergence * lowest) break
  }
  return found
}

/**
 * Evaluates a test.
 * @param smoothing share β of the mean that is kept in a step: m ← β m + (1 − β) loss, divided by 1 − βᵗ
 */
export function suggestRate(points: readonly RatePoint[], smoothing = 0.9): RateSuggestion {
  const smoothed: number[] = []
  let mean = 0
  points.forEach(({ loss }, k) => {
    mean = smoothing * mean + (1 - smoothing) * loss
    smoothed.push(mean / (1 - smoothing ** (k + 1)))
  })
  const finite = smoothed.map(value => (Number.isFinite(value) ? value : Number.POSITIVE_INFINITY))
  const lowest = finite.indexOf(Math.min(...finite))
  if (!hasFallen(points, lowest, finite[lowest] ?? 0)) return { smoothed }
  // Slopes over ln(rate), over a window, so that the noise of one batch decides nothing.
  const reach = Math.max(1, Math.round(points.length / 30))
  let steepest = 0
  let slope = 0
  for (let k = reach; k + reach <= lowest; k++) {
    const run = Math.log(points[k + reach]!.learningRate / points[k - reach]!.learningRate)
    const here = (finite[k + reach]! - finite[k - reach]!) / run
    if (here < slope) [slope, steepest] = [here, k]
  }
  return {
    smoothed,
    ...(slope < 0 && { steepest: points[steepest]!.learningRate }),
    careful: points[lowest]!.learningRate / 10,
  }
}

/**
 * Whether the smoothed loss fell by more than the noise of batches: below the mean of the first losses by two standard
 * deviations of a batch, and by 1 %. The deviation comes from the median difference of neighbors, so that a steep fall
 * does not count as noise.
 */
function hasFallen(points: readonly RatePoint[], lowest: number, least: number): boolean {
  const before = points.slice(0, lowest + 1).map(({ loss }) => loss)
  const first = before.slice(0, 5)
  const start = first.reduce((sum, loss) => sum + loss, 0) / first.length
  const steps = before.slice(1).map((loss, k) => Math.abs(loss - before[k]!))
  steps.sort((a, b) => a - b)
  // For normal noise, the median difference of two values is 0.954 standard deviations.
  const deviation = (steps[Math.floor(steps.length / 2)] ?? 0) / 0.954
  return lowest > 0 && start - least > Math.max(2 * deviation, 0.01 * start)
}
