/** Curves as they are drawn: places along an axis, means over a window, and the ranges of both axes. Nothing here knows a pixel. */
import type { Curve } from '../../../../src/runs/live/curve.ts'
import type { Story } from '../../../../src/runs/live/runStory.ts'

/** What the horizontal axis counts. */
export const axes = ['steps', 'epochs', 'time'] as const
export type Axis = (typeof axes)[number]

/** What the vertical axis has. */
export type Quantity = 'loss' | 'accuracy'

/** Two ends. */
export type Span = readonly [from: number, to: number]

/** A curve along an axis, a number for each bucket that has steps. */
export interface Shape {
  readonly x: readonly number[]
  readonly low: readonly number[]
  readonly high: readonly number[]
  /** Means over a window around each. */
  readonly mean: readonly number[]
  /** True where each is one step: its band has no height, and is drawn as a line. */
  readonly isSingle: boolean
}

/** The place of a step; seconds are those of training until its end. */
export function placeOf(axis: Axis, step: number, seconds: number, { stepsPerEpoch }: Story): number {
  if (axis === 'steps') return step
  return axis === 'time' ? seconds : step / Math.max(1, stepsPerEpoch)
}

/** The steps between two places of an axis, in whole buckets of a curve that has all of them. */
export function stepsBetween(axis: Axis, [from, to]: Span, curve: Curve, story: Story): Span {
  if (axis !== 'time') {
    const per = axis === 'steps' ? 1 : Math.max(1, story.stepsPerEpoch)
    return [Math.max(1, Math.floor(from * per)), Math.max(1, Math.ceil(to * per))]
  }
  const { size, first, count, seconds } = curve.data
  const times = seconds.map((sum, k) => sum / count[k]!)
  const begin = times.findLastIndex(time => time <= from)
  const end = times.findIndex(time => time >= to)
  return [(first + Math.max(0, begin)) * size + 1, end < 0 ? lastStep : (first + end + 1) * size]
}

/** More steps than any run has. */
const lastStep = 2 ** 32 - 1

/** The step at a place, the nearest that there is; of the axis of time, the nearest that the curve's buckets tell. */
export function stepAt(axis: Axis, x: number, curve: Curve, story: Story): number {
  const within = (step: number): number => Math.max(1, Math.min(story.step, Math.round(step)))
  if (axis === 'steps') return within(x)
  if (axis === 'epochs') return within(x * Math.max(1, story.stepsPerEpoch))
  const { count, step, seconds } = curve.data
  let before: readonly [time: number, step: number] = [0, 0]
  for (let k = 0; k < count.length; k++) {
    if (count[k] === 0) continue
    const here = [seconds[k]! / count[k]!, step[k]! / count[k]!] as const
    if (here[0] >= x) {
      const share = here[0] > before[0] ? (x - before[0]) / (here[0] - before[0]) : 1
      return within(before[1] + share * (here[1] - before[1]))
    }
    before = here
  }
  return within(story.step)
}

/**
 * The shape of a curve.
 * @param window width of the window of its means, in units of the axis
 */
export function shapeOf(curve: Curve, quantity: Quantity, axis: Axis, window: number, story: Story): Shape {
  const { size, count, step, seconds, [quantity]: band } = curve.data
  const filled = band.count.flatMap((values, k) => (values > 0 ? [k] : []))
  const x = filled.map(k => placeOf(axis, step[k]! / count[k]!, seconds[k]! / count[k]!, story))
  // Sums before each bucket: a window's sum is the difference of two.
  const sums = [0]
  const counts = [0]
  for (const k of filled) {
    sums.push(sums.at(-1)! + band.sum[k]!)
    counts.push(counts.at(-1)! + band.count[k]!)
  }
  let [begin, end] = [0, 0]
  const mean = x.map((place, k) => {
    while (x[begin]! < place - window / 2 && begin < k) begin++
    end = Math.max(end, k + 1)
    while (end < x.length && x[end]! <= place + window / 2) end++
    return (sums[end]! - sums[begin]!) / (counts[end]! - counts[begin]!)
  })
  return { x, low: filled.map(k => band.low[k]!), high: filled.map(k => band.high[k]!), mean, isSingle: size === 1 }
}

/** The mean of a shape nearest to a place; undefined for a shape without any. */
export function meanNear({ x, mean }: Shape, place: number): number | undefined {
  if (x.length === 0) return undefined
  const after = x.findIndex(value => value >= place)
  if (after <= 0) return mean[after < 0 ? x.length - 1 : 0]
  return mean[place - x[after - 1]! < x[after]! - place ? after - 1 : after]
}

/** The range of what is drawn; of nothing, a range that is usual. */
export function rangeOf(quantity: Quantity, values: Iterable<number>, isLog: boolean): Span {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    if (!Number.isFinite(value) || (isLog && value <= 0)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  if (quantity === 'accuracy') {
    // Down to the next whole tenth, or where all is near the top, to the next hundredth.
    const unit = low > 0.9 ? 100 : 10
    return [low <= 1 ? Math.max(0, Math.floor(low * unit - 1e-9) / unit) : 0, 1]
  }
  if (low > high) return isLog ? [0.01, 3] : [0, 3]
  if (isLog) return low === high ? [low / 2, high * 2] : [low / 1.08, high * 1.08]
  return [Math.min(0, low), high > 0 ? high * 1.04 : 1]
}

/** Seconds as people say them: `48 s`, `12 min 5 s`, `3 h 20 min`. */
export function duration(seconds: number): string {
  const all = Math.round(seconds)
  if (seconds < 10) return `${Number(seconds.toPrecision(2))} s`
  if (all < 60) return `${all} s`
  if (all < 3600) return `${Math.floor(all / 60)} min${all % 60 ? ` ${all % 60} s` : ''}`
  const minutes = Math.round(all / 60)
  return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`
}
