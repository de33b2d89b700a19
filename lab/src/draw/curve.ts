/**
 * The loss curve of the timeline: from steps to pixels, thinned so that no spike is lost. A line that grows is followed: what lies far
 * enough behind its end is computed once, and drawn once.
 */

/** Steps that the line's mean is taken over, centered. */
export const meanOver = 41
const reach = (meanOver - 1) / 2

/** Steps before and after a place whose extremes the band shows. */
const bandOver = 8

/** Where things are drawn. */
export interface CurveBox {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
  /** Steps at the right end. */
  readonly steps: number
}

/** Losses at top and bottom: four decades hold what softmax cross-entropy does. */
const [highest, lowest] = [Math.log10(3), Math.log10(0.003)]

/** Losses with a line and a name. */
export const lossTicks = [1, 0.1, 0.01] as const

/** The place of a step. */
export const xOf = (box: CurveBox, step: number): number => box.left + (step / box.steps) * (box.right - box.left)

/** The step at a place. */
export const stepAt = (box: CurveBox, x: number): number =>
  Math.max(0, Math.round(((x - box.left) / (box.right - box.left)) * box.steps))

/** The height of a loss, logarithmic, held within the box. */
export function yOf(box: CurveBox, loss: number): number {
  const at = Math.log10(Math.max(loss, 1e-12))
  const share = (highest - Math.min(highest, Math.max(lowest, at))) / (highest - lowest)
  return box.top + share * (box.bottom - box.top)
}

/** The mean of the losses around a step, over {@link meanOver} of them, fewer at the ends; what is not finite is left out. */
export function meanAround(losses: readonly number[], step: number): number {
  let [sum, count] = [0, 0]
  for (let k = Math.max(0, step - reach); k < Math.min(losses.length, step + reach + 1); k++) {
    if (!Number.isFinite(losses[k]!)) continue
    sum += losses[k]!
    count++
  }
  return sum / count
}

/** A place of the curve: the steps of a pixel or two. */
export interface CurvePoint {
  readonly x: number
  /** Heights of the mean, and of the least and the largest loss nearby. */
  readonly mean: number
  readonly low: number
  readonly high: number
}

/** A line of losses as points, which follows as it grows. */
export class LossCurve {
  #points: CurvePoint[] = []
  #losses: readonly number[] = []
  #box: CurveBox | undefined
  #from = 0
  /** Losses that are known, and points that more losses do not change. */
  #length = 0
  #settled = 0

  get points(): readonly CurvePoint[] {
    return this.#points
  }

  /**
   * Takes the losses as they are now.
   * @param from the first step that is shown
   * @returns the first point that has changed; 0 where all have
   */
  follow(losses: readonly number[], box: CurveBox, from = 0): number {
    const isSame = losses === this.#losses && from === this.#from && this.#box && isSameBox(box, this.#box)
    if (!isSame || losses.length < this.#length) {
      this.#points = []
      this.#settled = 0
      this.#box = box
    }
    const perPoint = Math.max(1, Math.floor(box.steps / Math.max(1, box.right - box.left)))
    const changed = this.#settled
    for (let point = changed; from + point * perPoint < losses.length; point++) {
      const start = from + point * perPoint
      const end = Math.min(losses.length, start + perPoint)
      this.#points[point] = pointOf(losses, box, [start, end], from)
      if (start + perPoint + reach < losses.length) this.#settled = point + 1
    }
    this.#losses = losses
    this.#length = losses.length
    this.#from = from
    return changed
  }
}

const isSameBox = (a: CurveBox, b: CurveBox): boolean =>
  a.left === b.left && a.right === b.right && a.top === b.top && a.bottom === b.bottom && a.steps === b.steps

/** The point of some steps; where no loss nearby is finite, it lies at the top. */
function pointOf(
  losses: readonly number[],
  box: CurveBox,
  [start, end]: readonly [number, number],
  from: number,
): CurvePoint {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let k = Math.max(from, start - bandOver); k < Math.min(losses.length, end + bandOver); k++) {
    if (losses[k]! < low) low = losses[k]!
    if (losses[k]! > high) high = losses[k]!
  }
  const mean = meanAround(losses, Math.floor((start + end) / 2))
  return {
    x: xOf(box, (start + end) / 2),
    mean: yOf(box, Number.isNaN(mean) ? Number.POSITIVE_INFINITY : mean),
    low: yOf(box, low),
    high: yOf(box, high),
  }
}

/** Steps at the right end for a training that is `head` steps long: little at first, so that its beginning can be seen. */
export function stepsShown(head: number, planned: number): number {
  const ends = [200, 500, 1000, 2000].filter(end => end < planned)
  return ends.find(end => head <= 0.85 * end) ?? Math.max(planned, Math.ceil(head / planned) * planned)
}
