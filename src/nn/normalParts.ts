/** Points that represent the standard normal distribution in an average. */
import { erf } from '../graph/erf.ts'

/**
 * The means of `count` equally likely parts of the standard normal distribution, in increasing order. An average over
 * them is exact for functions that are linear within each part, and their own mean is 0.
 *
 * With Φ(aᵢ) = i / count the part from aᵢ to aᵢ₊₁ has the mean count · (φ(aᵢ) − φ(aᵢ₊₁)), because φ′(x) = −x φ(x).
 */
export function normalPartMeans(count: number): number[] {
  const ends = Array.from({ length: count + 1 }, (_, i) => density(quantile(i / count)))
  return Array.from({ length: count }, (_, i) => count * (ends[i] - ends[i + 1]))
}

const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)

/** x with Φ(x) = ½(1 + erf(x / √2)) = p, by bisection down to neighboring numbers. */
function quantile(p: number): number {
  if (p === 0 || p === 1) return p === 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  let [low, high] = [-8, 8]
  for (let middle = 0; low < middle && middle < high; middle = (low + high) / 2) {
    if ((1 + erf(middle * Math.SQRT1_2)) / 2 < p) low = middle
    else high = middle
  }
  return high
}
