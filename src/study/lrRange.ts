/**
 * Learning-rate range test (Smith 2015, arXiv:1506.01186): the rate rises exponentially from step to step while the loss is
 * watched. It falls fastest where the rate is good, and rises where the rate is too large.
 */

/** One step of the test. */
export interface RatePoint {
  readonly learningRate: number
  /** Loss of the step's batch. */
  readonly loss: number
}

/** What a test found. */
export interface RateSuggestion {
  /** The losses as an exponential mean, corrected for its start. */
  readonly smoothed: readonly number[]
  /** Where the smoothed loss falls fastest: a rate to train with. Absent when it never fell. */
  readonly steepest?: number
  /** A tenth of the rate with the lowest smoothed loss: a more careful choice. */
  readonly careful?: number
}

/** The rate of step `k` of `steps`, from `low` to `high`. */
export const rateOfStep = (k: number, steps: number, low: number, high: number): number =>
  low * (high / low) ** (k / Math.max(1, steps - 1))

/** A loss this many times the lowest ends the test: what comes after says nothing. */
export const divergence = 4

/**
 * Reads a test.
 * @param smoothing share β of the mean that survives a step: m ← β m + (1 − β) loss, divided by 1 − βᵗ
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
  const falls = lowest > 0 && finite[lowest]! < 0.95 * finite[0]!
  if (!falls) return { smoothed }
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
