/**
 * Two ways to make thousands of noisy steps readable without lying about them: a centered mean for the trend (an
 * exponential average would lag behind), and buckets that keep the extremes for the noise.
 */

/** A point of a curve. */
export type Point = readonly [x: number, y: number]

/**
 * Mean over a window centered on each value; at the two ends, over the part of the window that exists. Values that are
 * not finite are skipped; if none is finite, the result is `NaN`, which is drawn as a gap.
 *
 * @param window Number of values, odd; 1 returns the finite values themselves.
 * @throws RangeError when the window is not an odd number of at least 1.
 */
export function movingAverage(values: readonly number[], window: number): number[] {
  if (!Number.isInteger(window) || window < 1 || window % 2 === 0) {
    throw new RangeError(`movingAverage: window must be an odd number of at least 1, got ${window}`)
  }
  const reach = (window - 1) / 2
  return values.map((_, i) => {
    let sum = 0
    let count = 0
    for (let j = Math.max(0, i - reach); j <= Math.min(values.length - 1, i + reach); j++) {
      const value = values[j]!
      if (!Number.isFinite(value)) continue
      sum += value
      count++
    }
    return sum / count // 0 / 0 = NaN: a gap
  })
}

/**
 * Thins a curve to at most `2 × buckets` points: the lowest and the highest of every bucket of consecutive points, in
 * their original order. No spike is lost. A bucket without a finite value gives one `NaN`: a gap.
 *
 * @throws RangeError when `buckets` is not a whole number of at least 1.
 */
export function decimate(points: readonly Point[], buckets: number): Point[] {
  if (!Number.isInteger(buckets) || buckets < 1) {
    throw new RangeError(`decimate: buckets must be a whole number of at least 1, got ${buckets}`)
  }
  if (points.length <= 2 * buckets) return [...points]
  const size = bucketSize(points.length, buckets)
  const drawn: Point[] = []
  for (let start = 0; start < points.length; start += size) {
    const bucket = points.slice(start, start + size)
    const finite = bucket.filter(([, y]) => Number.isFinite(y))
    if (finite.length === 0) {
      drawn.push([bucket[0]![0], Number.NaN])
      continue
    }
    const low = finite.reduce((a, b) => (b[1] < a[1] ? b : a))
    const high = finite.reduce((a, b) => (b[1] > a[1] ? b : a))
    drawn.push(...(low === high ? [low] : low[0] < high[0] ? [low, high] : [high, low]))
  }
  return drawn
}

/** Points in each bucket of `decimate`; 1 if the curve is short enough to be drawn in full. */
export function bucketSize(points: number, buckets: number): number {
  return points <= 2 * buckets ? 1 : Math.ceil(points / buckets)
}

/** The value below which the given share of the finite values falls; `NaN` if there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
