/**
 * Spaces of hyperparameters and how they are searched: a grid, or random points (Bergstra and Bengio 2012), uniform in
 * the logarithm when a number's magnitude is searched for; and how a space is narrowed around its best points (coarse
 * to fine).
 */
import { RandomSequence } from '../random/philox.ts'

/** The values that a field may have. */
export type Axis =
  | { readonly kind: 'log' | 'uniform'; readonly low: number; readonly high: number }
  | { readonly kind: 'int'; readonly low: number; readonly high: number }
  | { readonly kind: 'choice'; readonly values: readonly unknown[] }

/** Axes by the recipe field that they vary, such as `optimizer.lr`. */
export type Space = ReadonlyMap<string, Axis>

/** A point of a space: values by field. */
export type Point = Readonly<Record<string, unknown>>

/**
 * An axis from its text.
 * @throws RangeError saying what is wrong with it.
 * @example parseAxis('log(1e-4, 1e-1)')
 * @example parseAxis('choice(32, 64, 128)')
 */
export function parseAxis(text: string): Axis {
  const [, kind, inside] = /^\s*(log|uniform|int|choice)\s*\((.*)\)\s*$/s.exec(text) ?? []
  if (kind === undefined || inside === undefined) {
    throw new RangeError(`'${text}': expected log(low, high), uniform(low, high), int(low, high) or choice(a, b, …)`)
  }
  if (kind === 'choice') {
    const values = inside.split(',').map(item => parsed(item.trim()))
    if (inside.trim() === '') throw new RangeError(`'${text}': a choice needs values`)
    return { kind, values }
  }
  const [low, high, ...rest] = inside.split(',').map(Number) as [number, number]
  if (rest.length > 0 || !Number.isFinite(low) || !Number.isFinite(high) || low >= high) {
    throw new RangeError(`'${text}': expected two numbers, the lower one first`)
  }
  if (kind === 'log' && low <= 0) throw new RangeError(`'${text}': a logarithm needs numbers above 0`)
  if (kind === 'int' && !(Number.isInteger(low) && Number.isInteger(high))) {
    throw new RangeError(`'${text}': expected whole numbers`)
  }
  return { kind: kind as 'log' | 'uniform' | 'int', low, high }
}

/** Point `index` of a random search: a function of (seed, index), so that a search can be continued or extended. */
export function randomPoint(space: Space, seed: number, index: number): Point {
  const point: Record<string, unknown> = {}
  for (const [field, axis] of space) {
    const u = new RandomSequence(seed, `search.${field}`, index).uniform()
    point[field] = valueAt(axis, u)
  }
  return point
}

/** All points of a grid, `steps` values of every axis except choices; the last axis changes fastest. */
export function gridPoints(space: Space, steps: number): Point[] {
  return [...space].reduce<Point[]>(
    (points, [field, axis]) =>
      points.flatMap(point => gridValues(axis, steps).map(value => ({ ...point, [field]: value }))),
    [{}],
  )
}

/**
 * A space around some of its points: numbers between the smallest and the largest of them, with a margin of half that
 * distance (at least a tenth of the axis) on both sides; choices that occur.
 * @throws RangeError when there is no point.
 */
export function narrow(space: Space, best: readonly Point[]): Space {
  if (best.length === 0) throw new RangeError('narrow: there are no points to narrow around')
  return new Map(
    [...space].map(([field, axis]): [string, Axis] => {
      if (axis.kind === 'choice')
        return [field, { ...axis, values: axis.values.filter(value => best.some(point => point[field] === value)) }]
      const places = best.map(point => placeOf(axis, point[field] as number))
      const [first, last] = [Math.min(...places), Math.max(...places)]
      const margin = Math.max(0.1, (last - first) / 2)
      const low = numberAt(axis, Math.max(0, first - margin))
      const high = numberAt(axis, Math.min(1, last + margin))
      return [field, { ...axis, low, high }]
    }),
  )
}

/** The position of a value on its axis, 0 … 1. */
export function placeOf(axis: Axis, value: unknown): number {
  if (axis.kind === 'choice') {
    return axis.values.length > 1 ? Math.max(0, axis.values.indexOf(value)) / (axis.values.length - 1) : 0.5
  }
  const { low, high } = axis
  const x = Number(value)
  if (low === high) return 0.5
  return axis.kind === 'log' ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low)
}

/** The name of a field above its axis. */
export const fieldName = (field: string, axis: Axis): string => (axis.kind === 'log' ? `${field}, log scale` : field)

/** The value nearest to a position, 0 … 1. */
export function valueNear(axis: Axis, place: number): unknown {
  if (axis.kind !== 'choice') return numberAt(axis, place)
  return axis.values[Math.max(0, Math.min(axis.values.length - 1, Math.round(place * (axis.values.length - 1))))]
}

function valueAt(axis: Axis, u: number): unknown {
  if (axis.kind === 'choice') return axis.values[Math.min(axis.values.length - 1, Math.floor(u * axis.values.length))]
  if (axis.kind === 'int') return Math.min(axis.high, axis.low + Math.floor(u * (axis.high - axis.low + 1)))
  return Number(numberAt(axis, u).toPrecision(4))
}

/** The number at a position, 0 … 1. */
function numberAt(axis: Exclude<Axis, { kind: 'choice' }>, place: number): number {
  const { low, high } = axis
  if (axis.kind === 'log') return low * (high / low) ** place
  const x = low + place * (high - low)
  return axis.kind === 'int' ? Math.round(x) : x
}

function gridValues(axis: Axis, steps: number): unknown[] {
  if (axis.kind === 'choice') return [...axis.values]
  const values = Array.from({ length: steps }, (_, k) =>
    Number(numberAt(axis, steps === 1 ? 0.5 : k / (steps - 1)).toPrecision(4)),
  )
  return [...new Set(values)]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
