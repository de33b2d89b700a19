/**
 * A training curve that is reduced for drawing: steps in buckets, each with the least, the largest and the sum of its values, so that no
 * spike is lost and means can still be taken. Buckets hold a power of two of steps and begin at multiples of it. So a curve that grows
 * step by step, wherever that happens, is the curve that is reduced at once.
 */

/** The values of one kind, a number for each bucket. */
export interface Band {
  /** Values in it: not every step needs to have one. */
  readonly count: number[]
  readonly low: number[]
  readonly high: number[]
  readonly sum: number[]
}

/** A curve as it is sent. Bucket k holds the steps `(first + k) · size + 1` to `(first + k + 1) · size`. */
export interface CurveData {
  /** Steps in a bucket, a power of two. */
  readonly size: number
  /** Number of the first bucket. */
  readonly first: number
  /** Steps that each bucket holds; one whose values came apart counts as often as they came. */
  readonly count: number[]
  /** Sum of the steps' numbers, and of the seconds of training before the end of each. */
  readonly step: number[]
  readonly seconds: number[]
  /** Mean loss of the mini-batches. */
  readonly loss: Band
  /** Share of right answers in the mini-batches, 0 … 1. */
  readonly accuracy: Band
}

/** One step of a curve. */
export interface CurveStep {
  /** From 1. */
  readonly step: number
  readonly loss: number
  readonly accuracy: number
  /** Seconds of training until its end. */
  readonly seconds: number
}

/** A step of which not everything is known. */
export type PartOfStep = Pick<CurveStep, 'step' | 'seconds'> & {
  readonly [name in 'loss' | 'accuracy']?: number | undefined
}

/** The smallest size of buckets with which steps fit into so many of them. */
export function bucketSize(from: number, to: number, most: number): number {
  let size = 1
  while (Math.floor((to - 1) / size) - Math.floor((from - 1) / size) + 1 > most) size *= 2
  return size
}

const emptyBand = (): Band => ({ count: [], low: [], high: [], sum: [] })

/** A curve that can grow. */
export class Curve {
  #data: CurveData

  /**
   * @param size steps in a bucket, a power of two
   * @param first number of the first bucket; steps before it are left out
   */
  constructor(size = 1, first = 0) {
    this.#data = {
      size,
      first,
      count: [],
      step: [],
      seconds: [],
      loss: emptyBand(),
      accuracy: emptyBand(),
    }
  }

  /** A curve that was sent. */
  static from(data: CurveData): Curve {
    const curve = new Curve()
    curve.#data = data
    return curve
  }

  get data(): CurveData {
    return this.#data
  }

  /** Number of buckets. */
  get length(): number {
    return this.#data.count.length
  }

  /** Adds a step, or a part of one. A loss that is no finite number is left out, with its step: a run ends with its first. */
  add({ step, loss, accuracy, seconds }: PartOfStep): void {
    if (loss !== undefined && !Number.isFinite(loss)) return
    const { size, first, count } = this.#data
    const k = Math.floor((step - 1) / size) - first
    if (k < 0) return
    while (count.length <= k) this.#append()
    const data = this.#data
    count[k]!++
    data.step[k]! += step
    data.seconds[k]! += seconds
    if (loss !== undefined) addTo(data.loss, k, loss)
    if (accuracy !== undefined && Number.isFinite(accuracy)) addTo(data.accuracy, k, accuracy)
  }

  /** Puts pairs of buckets together until there are at most so many. */
  coarsen(most: number): void {
    while (this.length > most) this.#data = coarser(this.#data)
  }

  #append(): void {
    const { count, step, seconds, loss, accuracy } = this.#data
    count.push(0)
    step.push(0)
    seconds.push(0)
    // What no step has changed yet. JSON has no infinity; the first value takes the place of both.
    for (const band of [loss, accuracy]) {
      band.count.push(0)
      band.low.push(Number.MAX_VALUE)
      band.high.push(-Number.MAX_VALUE)
      band.sum.push(0)
    }
  }
}

function addTo(band: Band, k: number, value: number): void {
  band.count[k]!++
  if (value < band.low[k]!) band.low[k] = value
  if (value > band.high[k]!) band.high[k] = value
  band.sum[k]! += value
}

/** The same curve in buckets of twice the size. */
function coarser(data: CurveData): CurveData {
  // An odd first bucket is the second of its pair.
  const lead = data.first % 2
  const pairs = (values: readonly number[], join: (a: number, b: number) => number, none: number): number[] =>
    Array.from({ length: Math.ceil((values.length + lead) / 2) }, (_, k) =>
      join(values[2 * k - lead] ?? none, values[2 * k + 1 - lead] ?? none),
    )
  const add = (a: number, b: number): number => a + b
  const band = ({ count, low, high, sum }: Band): Band => ({
    count: pairs(count, add, 0),
    low: pairs(low, Math.min, Number.MAX_VALUE),
    high: pairs(high, Math.max, -Number.MAX_VALUE),
    sum: pairs(sum, add, 0),
  })
  return {
    size: 2 * data.size,
    first: Math.floor(data.first / 2),
    count: pairs(data.count, add, 0),
    step: pairs(data.step, add, 0),
    seconds: pairs(data.seconds, add, 0),
    loss: band(data.loss),
    accuracy: band(data.accuracy),
  }
}
