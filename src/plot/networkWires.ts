/** Lines of a drawing of a network: places, and lines with round corners. */
import { coordinate } from './markup.ts'

/** A place, from the left and from above. */
export type Point = readonly [x: number, y: number]

/** A rectangle. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Radius of corners. */
const radius = 7

/** The same line without points that repeat the one before or lie on the way to the next. */
export function straightened(points: readonly Point[]): Point[] {
  const kept: Point[] = []
  for (const point of points) {
    const [before, last] = kept.slice(-2)
    if (kept.length > 0 && distance(kept.at(-1)!, point) < 0.01) continue
    if (kept.length > 1 && isBetween(before!, last!, point)) kept.pop()
    kept.push(point)
  }
  return kept
}

const distance = ([a, b]: Point, [c, d]: Point): number => Math.hypot(a - c, b - d)

const isBetween = (before: Point, point: Point, after: Point): boolean =>
  distance(before, point) + distance(point, after) - distance(before, after) < 0.001

/** A line as the data of an SVG path, round at its corners. */
export function roundedPath(points: readonly Point[]): string {
  const at = ([x, y]: Point): string => `${coordinate(x)} ${coordinate(y)}`
  const [first] = points
  if (!first) return ''
  let path = `M${at(first)}`
  for (let k = 1; k < points.length - 1; k++) {
    const [before, point, after] = [points[k - 1]!, points[k]!, points[k + 1]!]
    path += `L${at(toward(point, before))}Q${at(point)} ${at(toward(point, after))}`
  }
  return points.length > 1 ? `${path}L${at(points.at(-1)!)}` : path
}

/** The place on the way to another at which a corner begins. */
function toward(point: Point, other: Point): Point {
  const whole = distance(point, other)
  const share = Math.min(radius, whole / 2) / whole
  return [point[0] + (other[0] - point[0]) * share, point[1] + (other[1] - point[1]) * share]
}
