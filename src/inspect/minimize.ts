/**
 * The minimum of a smooth convex function by L-BFGS (Nocedal and Wright, "Numerical optimization", 2006, algorithm
 * 7.5). Steps are halved until they descend far enough (Armijo).
 */

/** A value and its gradient. */
export interface Slope {
  readonly value: number
  readonly gradient: Float64Array
}

/** Where the minimum was found. */
export interface Minimum {
  readonly x: Float64Array
  readonly value: number
  readonly steps: number
  /** True when no element of the gradient is larger than the tolerance. */
  readonly converged: boolean
}

/** Steps that are remembered, the part of the slope that a step must go down by, and how often it is halved. */
const [memory, enough, mostHalvings] = [10, 1e-4, 40] as const
/** Of a value that is a sum of many, in units of it. */
const rounding = 1e-13

/** When a search is over. */
export interface MinimizeOptions {
  /** Largest element of the gradient at the end. */
  readonly tolerance: number
  /** Most steps. */
  readonly steps: number
}

/** The minimum of a function that is computed at once. */
export function minimize(f: (x: Float64Array) => Slope, start: Float64Array, options: MinimizeOptions): Minimum {
  const search = searchMinimum(start, options)
  let asked = search.next()
  while (!asked.done) asked = search.next(f(asked.value))
  return asked.value
}

/** The search alone, for functions that are computed elsewhere: it asks for the slope at places, one after the other. */
export function* searchMinimum(
  start: Float64Array,
  { tolerance, steps: most }: MinimizeOptions,
): Generator<Float64Array, Minimum, Slope> {
  let x = start
  let { value, gradient } = yield x
  const pairs: { s: Float64Array; y: Float64Array; sy: number }[] = []
  let steps = 0
  while (largest(gradient) > tolerance && steps < most) {
    const direction = descent(gradient, pairs)
    const slope = dot(gradient, direction)
    // The first direction has no scale of its own.
    let length = pairs.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1
    let next = move(x, direction, length)
    let there = yield next
    const isBetter = (): boolean =>
      there.value <= value + enough * length * slope ||
      // Near the minimum, values no longer differ, and only the slope decides.
      (there.value <= value + rounding * Math.abs(value) && largest(there.gradient) < largest(gradient))
    for (let k = 0; k < mostHalvings && !isBetter(); k++) {
      length /= 2
      next = move(x, direction, length)
      there = yield next
    }
    if (!isBetter()) break
    const s = next.map((v, i) => v - x[i])
    const y = there.gradient.map((v, i) => v - gradient[i])
    const sy = dot(s, y)
    if (sy > 0) pairs.push({ s, y, sy })
    if (pairs.length > memory) pairs.shift()
    ;[x, value, gradient] = [next, there.value, there.gradient]
    steps++
  }
  return { x, value, steps, converged: largest(gradient) <= tolerance }
}

/** −H g, with H from the last steps (two loops). */
function descent(
  gradient: Float64Array,
  pairs: readonly { s: Float64Array; y: Float64Array; sy: number }[],
): Float64Array {
  const q = gradient.map(g => -g)
  const alphas = new Float64Array(pairs.length)
  for (let k = pairs.length - 1; k >= 0; k--) {
    const { s, y, sy } = pairs[k]
    alphas[k] = dot(s, q) / sy
    for (let i = 0; i < q.length; i++) q[i] -= alphas[k] * y[i]
  }
  const last = pairs.at(-1)
  if (last) {
    const scale = last.sy / dot(last.y, last.y)
    for (let i = 0; i < q.length; i++) q[i] *= scale
  }
  for (const [k, { s, y, sy }] of pairs.entries()) {
    const beta = dot(y, q) / sy
    for (let i = 0; i < q.length; i++) q[i] += (alphas[k] - beta) * s[i]
  }
  return q
}

const move = (x: Float64Array, direction: Float64Array, length: number): Float64Array =>
  x.map((value, i) => value + length * direction[i])

const largest = (values: Float64Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
