/**
 * A line chart on a page: the drawing, and beside it the numbers that the page's script needs to read them out under the
 * pointer and to draw a part of them. Without the script the drawing is as it is in a file.
 */
import { type ChartLine, innerOf, type LineChart } from '../chartDrawing.ts'
import { lineChart } from '../lineChart.ts'
import { html, type Markup, raw } from '../markup.ts'
import { decimate, type Point } from '../smooth.ts'
import type { NumberFormat } from './formatNumber.ts'

/** What a chart on a page has besides its drawing. */
export interface PageChartOptions {
  /** Charts of one group show the same part of their horizontal axes, and move one crosshair. */
  readonly group?: string
  readonly xFormat: NumberFormat
  readonly yFormat: NumberFormat
}

/** A line as the page has it; a value that is no finite number is `null`. */
export interface LineData extends Pick<ChartLine, 'label' | 'hue' | 'style' | 'isDashed'> {
  /** The name that its numbers are read out with. */
  readonly name: string
  /** Places; those that are evenly spaced as the first and the distance. */
  readonly x: readonly number[] | { readonly first: number; readonly every: number }
  readonly y: readonly (number | null)[]
}

/** A chart as the page has it. */
export interface ChartData
  extends PageChartOptions,
    Pick<LineChart, 'title' | 'xLabel' | 'yLabel' | 'xDomain' | 'yDomain' | 'yScale' | 'xWhole' | 'marks'> {
  readonly lines: readonly LineData[]
  /** Size in SVG units. */
  readonly width: number
  readonly height: number
}

/** Digits of the values that a page has: more than a reader sees, few enough for thousands of them. */
const kept = 5

/** The last bits of a logarithm differ from one version of a browser to the next. */
const rounded = ([low, high]: LineChart['xDomain']): LineChart['xDomain'] => [
  Number(low.toPrecision(10)),
  Number(high.toPrecision(10)),
]

/** The chart as data for the page's script. @param chart its lines may have many more points than are drawn */
export function chartData(chart: LineChart, options: PageChartOptions): ChartData {
  const { title, xLabel, yLabel, xDomain, yDomain, yScale, xWhole, marks, width = 520, height = 300 } = chart
  return {
    ...options,
    ...{ title, xLabel, yLabel, xDomain: rounded(xDomain), yDomain: rounded(yDomain), width, height },
    ...(yScale && { yScale }),
    ...(xWhole !== undefined && { xWhole }),
    ...(marks && { marks }),
    lines: chart.lines.map(line => lineData(yLabel, line)),
  }
}

function lineData(yLabel: string, { label, name, hue, style, isDashed, points }: ChartLine): LineData {
  return {
    ...(label !== undefined && { label }),
    name: name ?? label ?? yLabel,
    hue,
    ...(style && { style }),
    ...(isDashed && { isDashed }),
    x: spaced(points),
    y: points.map(([, y]) => (Number.isFinite(y) ? Number(y.toPrecision(kept)) : null)),
  }
}

function spaced(points: readonly Point[]): LineData['x'] {
  const [[first, second] = [0, 0]] = [points.slice(0, 2).map(([x]) => x)]
  const every = (second ?? first! + 1) - first!
  const isEven = points.every(([x], k) => x === first! + k * every)
  return isEven ? { first: first!, every } : points.map(([x]) => Number(x.toPrecision(kept + 2)))
}

/** A drawing is about 450 units wide: more buckets than this cannot be told apart. */
export const drawnBuckets = 220
/** The same for a page that shows parts: every step of most runs, and some 40 kB a line of long ones. */
const pageBuckets = 1500

/** A chart as a file has it, its lines thinned to what can be told apart. @returns SVG text */
export const drawnChart = (chart: LineChart): string => lineChart(thinned(chart, drawnBuckets))

/** A chart with its data, for a page with `pageScript`. @param chart its lines have all of their points */
export function pageChart(chart: LineChart, options: PageChartOptions): Markup {
  const data = chartData(thinned(chart, pageBuckets), options)
  const { left, top, width, height } = innerOf(data)
  const share = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(3)}%`
  const box = `--left:${share(left, data.width)};--top:${share(top, data.height)};--width:${share(width, data.width)};--height:${share(height, data.height)}`
  return html`<div class="fovea-chart" style="${box}" data-chart="${JSON.stringify(data)}">${raw(drawnChart(chart))}</div>`
}

/** Dots are few, and each of them counts. */
function thinned(chart: LineChart, buckets: number): LineChart {
  const lines = chart.lines.map(line =>
    line.style === 'dots' ? line : { ...line, points: decimate(line.points, buckets) },
  )
  return { ...chart, lines }
}
