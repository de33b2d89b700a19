/**
 * How far a measured accuracy may be from the true accuracy, given the number of images it was measured on.
 */

/**
 * The 95 % Wilson score interval of the share `right` / `samples`. Unlike the usual ± interval it stays within 0 … 1.
 *
 * E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
 *
 * @example
 * wilsonInterval(9912, 10000) // [0.9892, 0.9929], rounded
 */
export function wilsonInterval(right: number, samples: number): [low: number, high: number] {
  if (samples === 0) return [0, 1]
  const z = 1.959964 // normal quantile of 97.5 %
  const share = right / samples
  const z2 = (z * z) / samples
  const center = (share + z2 / 2) / (1 + z2)
  const reach = (z * Math.sqrt((share * (1 - share)) / samples + z2 / (4 * samples))) / (1 + z2)
  return [Math.max(0, center - reach), Math.min(1, center + reach)]
}
