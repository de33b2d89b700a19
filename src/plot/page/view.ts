/** What part of a chart a page shows, and what is there: plain functions, which know no document. */
import { type Drawn, type Frame, innerOf } from '../chartDrawing.ts'
import { logTicksOf, ticksOf } from '../roundNumbers.ts'
import { decimate, type Point } from '../smooth.ts'
import { formatNumber, formatTick } from './formatNumber.ts'
import type { ChartData, LineData } from './pageChart.ts'

/** Points of a line, in order of x; one without a finite y is a gap. */
export const pointsOf = ({ x, y }: LineData): Point[] =>
  y.map((value, k) => ['first' in x ? x.first + k * x.every : x[k]!, value ?? Number.NaN])

/** A chart's data with their points. */
export interface View {
  readonly data: ChartData
  readonly lines: readonly (readonly Point[])[]
}

/** Reads the data of a chart. */
export const viewOf = (data: ChartData): View => ({ data, lines: data.lines.map(pointsOf) })

/** Index of the point nearest to a place; −1 where there are none. @param points in order of x */
export function nearest(points: readonly Point[], place: number): number {
  if (points.length === 0) return -1
  let [low, high] = [0, points.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (points[middle]![0] < place) low = middle + 1
    else high = middle
  }
  if (low === 0) return 0
  if (low === points.length) return low - 1
  return place - points[low - 1]![0] <= points[low]![0] - place ? low - 1 : low
}

/** The place nearest to another one at which a line has a point: there the crosshair stops. */
export function snap({ lines }: View, place: number): number {
  const near = lines.flatMap(points => points[nearest(points, place)]?.[0] ?? [])
  return near.reduce((best, at) => (Math.abs(at - place) < Math.abs(best - place) ? at : best), near[0] ?? place)
}

/** The crosshair after a move: at least to the next point. @param by in units of the axis */
export function moved(view: View, from: number, by: number): number {
  const to = snap(view, from + by)
  if ((to - from) * by > 0) return to
  const next = view.lines.flatMap(points => {
    const k = nearest(points, from)
    return [k - 1, k, k + 1].flatMap(index => points[index]?.[0] ?? []).filter(at => (at - from) * by > 0)
  })
  return next.length === 0 ? from : by > 0 ? Math.min(...next) : Math.max(...next)
}

/** Smallest share of the axis that is shown. */
const leastShare = 1e-4

/** A part of the axis to show, in order, within its ends, and not too small; undefined for nearly all of it. */
export function part({ xDomain: [first, last], xWhole }: ChartData, [a, b]: Point): Point | undefined {
  const least = Math.max(leastShare * (last - first), xWhole ? 2 : 0)
  const middle = (a + b) / 2
  const width = Math.min(last - first, Math.max(least, Math.abs(b - a)))
  const from = Math.max(first, Math.min(last - width, middle - width / 2))
  return width > (1 - leastShare) * (last - first) ? undefined : [from, from + width]
}

/** What is read out of a line at a place. */
export interface Reading {
  readonly name: string
  readonly line: LineData
  /** The value, and where it is if that is another place. */
  readonly text: string
  readonly point: Point
}

/** The numbers of every line at a place: of each the nearest point's. */
export function readings({ data, lines }: View, place: number): Reading[] {
  return lines.flatMap((points, k) => {
    const point = points[nearest(points, place)]
    if (!point) return []
    const line = data.lines[k]!
    const value = formatNumber(data.yFormat, point[1])
    const text = point[0] === place ? value : `${value} at ${formatNumber(data.xFormat, point[0])}`
    return [{ name: line.name, line, text, point }]
  })
}

/** The place and its numbers in words. */
export function sentence(view: View, place: number): string {
  const { xLabel, xFormat } = view.data
  const read = readings(view, place).map(({ name, text }) => `${name} ${text}`)
  return `${axisName(xLabel)} ${formatNumber(xFormat, place)}: ${read.join(', ')}`
}

/** `learning rate` of `learning rate, log scale`. */
export const axisName = (label: string): string => label.replace(/, log scale$/, '')

/** Points of a line within a part, and the one before and after, which the line comes from and goes to. */
export function within(points: readonly Point[], [from, to]: Point): readonly Point[] {
  const begin = points.findIndex(([x]) => x >= from)
  if (begin < 0) return points.slice(-1)
  const end = points.findIndex(([x]) => x > to)
  return points.slice(Math.max(0, begin - 1), end < 0 ? points.length : end + 1)
}

/** The range of what a part of the lines has; that of the whole chart where it has nothing. */
export function rangeWithin({ data, lines }: View, [from, to]: Point): Point {
  const isLog = data.yScale === 'log'
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const points of lines) {
    for (const [x, y] of within(points, [from, to])) {
      if (x < from || x > to || !Number.isFinite(y) || (isLog && y <= 0)) continue
      low = Math.min(low, y)
      high = Math.max(high, y)
    }
  }
  if (low > high) return data.yDomain
  if (isLog) return [low / 1.05, high * 1.05]
  const margin = 0.05 * (high - low || Math.abs(high) || 1)
  const [least, most] = data.yFormat === 'percent' ? [0, 1] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  return [Math.max(least, low - margin), Math.min(most, high + margin)]
}

/** A part of a chart as `plotArea` draws it, and where. @param buckets that the points of a line are thinned to */
export function drawnPart(view: View, span: Point, buckets: number): { readonly drawn: Drawn; readonly frame: Frame } {
  const { data, lines } = view
  const frame = frameOf(data, span, rangeWithin(view, span))
  return {
    frame,
    drawn: {
      ...data,
      lines: data.lines.map(({ x: _, y: __, ...line }, k) => ({
        ...line,
        points: line.style === 'dots' ? within(lines[k]!, span) : decimate(within(lines[k]!, span), buckets),
      })),
      marks: (data.marks ?? []).filter(({ x }) => x >= span[0] && x <= span[1]),
    },
  }
}

/** Ticks of an axis that are enough to read it by. */
const fewest = 3

/** Where a chart draws a part of its axes. */
export function frameOf(data: ChartData, [from, to]: Point, [low, high]: Point): Frame {
  const inner = innerOf(data)
  const isLog = data.yScale === 'log'
  const scale = (value: number): number => (isLog ? Math.log10(value) : value)
  const [bottom, top] = [scale(low), scale(high)]
  // A small part of a decade has few of its round numbers.
  const logTicks = isLog ? logTicksOf([low, high]) : []
  const name = (format: ChartData['xFormat']) => (value: number) => ({ value, name: formatTick(format, value) })
  return {
    inner,
    x: value => ((value - from) / (to - from)) * inner.width,
    y: value => inner.height * (1 - (scale(value) - bottom) / (top - bottom)),
    xTicks: ticksOf([from, to], 6, data.xWhole ? 1 : 0).map(name(data.xFormat)),
    yTicks: (isLog && logTicks.length >= fewest ? logTicks : ticksOf([low, high], 5)).map(name(data.yFormat)),
    floor: isLog ? low / 10 : Number.NEGATIVE_INFINITY,
  }
}
