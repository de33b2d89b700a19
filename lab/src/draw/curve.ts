/** The loss curve of the timeline: from steps to pixels, thinned so that no spike is lost. */

/** Steps that the line's mean is taken over, centered. */
export const meanOver = 41

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

/** A centered mean over {@link meanOver} steps, shorter at the ends; what is not finite is left out. */
export function smooth(losses: readonly number[]): Float64Array {
  const sums = new Float64Array(losses.length + 1)
  const counts = new Int32Array(losses.length + 1)
  losses.forEach((loss, k) => {
    const counted = Number.isFinite(loss)
    sums[k + 1] = sums[k]! + (counted ? loss : 0)
    counts[k + 1] = counts[k]! + (counted ? 1 : 0)
  })
  const reach = (meanOver - 1) / 2
  return Float64Array.from(losses, (_, k) => {
    const from = Math.max(0, k - reach)
    const to = Math.min(losses.length, k + reach + 1)
    return (sums[to]! - sums[from]!) / (counts[to]! - counts[from]!)
  })
}

/** The mean line and the band of single steps as SVG paths, from a step on. */
export function curvePaths(box: CurveBox, losses: readonly number[], from = 0): { line: string; band: string } {
  if (losses.length <= from) return { line: '', band: '' }
  const means = smooth(losses)
  const perPixel = Math.max(1, Math.floor(box.steps / Math.max(1, box.right - box.left)))
  const line: string[] = []
  const upper: string[] = []
  const lower: string[] = []
  for (let start = from; start < losses.length; start += perPixel) {
    const end = Math.min(losses.length, start + perPixel)
    let low = Number.POSITIVE_INFINITY
    let high = Number.NEGATIVE_INFINITY
    for (let k = Math.max(from, start - bandOver); k < Math.min(losses.length, end + bandOver); k++) {
      if (losses[k]! < low) low = losses[k]!
      if (losses[k]! > high) high = losses[k]!
    }
    if (high === Number.NEGATIVE_INFINITY) continue
    const x = xOf(box, (start + end) / 2).toFixed(1)
    line.push(`${x} ${yOf(box, means[Math.floor((start + end) / 2)]!).toFixed(1)}`)
    upper.push(`${x} ${yOf(box, high).toFixed(1)}`)
    lower.unshift(`${x} ${yOf(box, low).toFixed(1)}`)
  }
  return { line: `M${line.join('L')}`, band: `M${[...upper, ...lower].join('L')}Z` }
}

/** Steps at the right end for a training that is `head` steps long: little at first, so that its beginning can be seen. */
export function stepsShown(head: number, planned: number): number {
  const ends = [200, 500, 1000, 2000].filter(end => end < planned)
  return ends.find(end => head <= 0.85 * end) ?? Math.max(planned, Math.ceil(head / planned) * planned)
}
