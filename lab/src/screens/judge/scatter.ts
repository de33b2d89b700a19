/** Points of a plane as they lie in a box of pixels, and which of them are meant. */

/** A place, CSS pixels. */
export type Place = readonly [x: number, y: number]

const margin = 10

/** Puts points into a square, with one scale for both axes. @param points `[N, 2]` @returns `[N, 2]`, pixels */
export function fitted(points: Float32Array, side: number): Float32Array {
  const [low, high] = [
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ]
  points.forEach((value, i) => {
    low[i % 2] = Math.min(low[i % 2]!, value)
    high[i % 2] = Math.max(high[i % 2]!, value)
  })
  const spread = Math.max(high[0]! - low[0]!, high[1]! - low[1]!) || 1
  const scale = (side - 2 * margin) / spread
  return points.map((value, i) => {
    const fromMiddle = (value - (low[i % 2]! + high[i % 2]!) / 2) * scale
    return side / 2 + (i % 2 === 0 ? fromMiddle : -fromMiddle)
  })
}

/** Whether a place is inside a polygon, by the even-odd rule. */
export function isInside(polygon: readonly Place[], [x, y]: Place): boolean {
  let isIn = false
  polygon.forEach(([x1, y1], k) => {
    const [x2, y2] = polygon[(k + 1) % polygon.length]!
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) isIn = !isIn
  })
  return isIn
}

/** Numbers of the points inside a polygon. @param points `[N, 2]` */
export const pointsInside = (points: Float32Array, polygon: readonly Place[]): number[] =>
  Array.from({ length: points.length / 2 }, (_, n) => n).filter(n =>
    isInside(polygon, [points[2 * n]!, points[2 * n + 1]!]),
  )

/** Numbers of the points nearest to a place, nearest first, none farther than `most`. */
export function nearestTo(
  points: Float32Array,
  [x, y]: Place,
  count: number,
  most = Number.POSITIVE_INFINITY,
): number[] {
  const distances = Array.from({ length: points.length / 2 }, (_, n) => ({
    n,
    distance: Math.hypot(points[2 * n]! - x, points[2 * n + 1]! - y),
  }))
  return distances
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ n }) => n)
}

/** The point that an arrow leads to: the nearest in its direction, where sideways counts twice. */
export function towards(points: Float32Array, from: number, [rows, columns]: readonly [number, number]): number {
  let [best, least] = [from, Number.POSITIVE_INFINITY]
  for (let n = 0; n < points.length / 2; n++) {
    const [x, y] = [points[2 * n]! - points[2 * from]!, points[2 * n + 1]! - points[2 * from + 1]!]
    const ahead = x * columns + y * rows
    const aside = Math.abs(x * rows) + Math.abs(y * columns)
    if (ahead <= 0 || aside > 2 * ahead || ahead + 2 * aside >= least) continue
    best = n
    least = ahead + 2 * aside
  }
  return best
}
