/**
 * The parts of a line chart as SVG text: axes, grid, lines, marks and read-outs, where a frame says that they are. What
 * `lineChart` draws into a file and what a page draws again when a part is shown are these same parts.
 */
import { light } from './colors.ts'
import { coordinate, html, type Markup } from './markup.ts'
import type { Point } from './smooth.ts'
import { bottomTick, leftTick, type Tick } from './ticks.ts'

/** Role of a line, which sets its color: training is blue, validation orange; runs have a color each. */
export type Hue = keyof typeof light

/** One line of the chart. A point whose y is not finite is a gap. */
export interface ChartLine {
  /** Name in the legend; a line without a name is not listed. */
  readonly label?: string
  /** Name that its numbers are read out with on a page; the label by default. */
  readonly name?: string
  readonly hue: Hue
  /** Tells lines of one color apart. Default false. */
  readonly isDashed?: boolean
  readonly points: readonly Point[]
  /** `line`; `faint`: thin and pale, for raw values; `dots`: a line with a dot on each point. Default `line`. */
  readonly style?: 'line' | 'faint' | 'dots'
}

/** A vertical line, at the end of an epoch for example. */
export interface ChartMark {
  readonly x: number
  readonly label: string
}

/** Text that appears while the pointer is over a part of the x axis. */
export interface ChartReadout {
  readonly x: number
  readonly text: string
  /** Values to mark on the lines. */
  readonly dots: readonly { readonly y: number; readonly hue: Hue }[]
}

/** The contents of a chart. */
export interface LineChart {
  /** Short name, read aloud by screen readers. */
  readonly title: string
  /** Description of the chart, in a sentence or two, for readers who cannot see it. */
  readonly description: string
  readonly xLabel: string
  readonly yLabel: string
  readonly xDomain: Point
  /** Lowest and highest value of the y axis; lines are cut off there. */
  readonly yDomain: Point
  /** Default `linear`; `log` needs a domain above zero. */
  readonly yScale?: 'linear' | 'log'
  /** Formats a number on the x axis. */
  readonly formatX: (x: number) => string
  /** True if x counts something, steps for example, so that ticks are whole numbers. Default false. */
  readonly xWhole?: boolean
  /** Formats a number on the y axis. */
  readonly formatY: (y: number) => string
  readonly lines: readonly ChartLine[]
  readonly marks?: readonly ChartMark[]
  /** In order of x. */
  readonly readouts?: readonly ChartReadout[]
  /** Size in SVG units; the drawing scales to its container. Default 520 × 300. */
  readonly width?: number
  readonly height?: number
}

/** Where a chart draws, in SVG units. */
export interface Frame {
  /** From values to places within the box of the lines. */
  readonly x: (value: number) => number
  readonly y: (value: number) => number
  readonly xTicks: readonly Tick[]
  readonly yTicks: readonly Tick[]
  readonly inner: { readonly left: number; readonly top: number; readonly width: number; readonly height: number }
  /** Logarithms have no zero: values below this are drawn here, below the visible part of the axis. */
  readonly floor: number
}

/** The box of a chart's lines. */
export function innerOf({ width = 520, height = 300 }: Pick<LineChart, 'width' | 'height'>): Frame['inner'] {
  return { left: 52, top: 34, width: width - 52 - 10, height: height - 34 - 46 }
}

/** What the parts are drawn of. */
export type Drawn = Pick<LineChart, 'xLabel' | 'yLabel' | 'yScale' | 'lines' | 'marks'>

/** The chart within its box, but for read-outs. */
export function plotArea(chart: Drawn, frame: Frame): Markup {
  const { inner } = frame
  return html`${yAxis(chart, frame)}
${xAxis(chart, frame)}
${(chart.marks ?? []).map(mark => verticalMark(mark, frame))}
<svg x="-5" width="${inner.width + 10}" height="${inner.height}" overflow="hidden" aria-hidden="true"><g transform="translate(5 0)">
${chart.lines.map(line => drawLine(line, frame))}
</g></svg>`
}

/** Names of the lines, above the box. */
export function legend(lines: readonly ChartLine[], left: number): Markup[] {
  let at = left
  return lines.flatMap(({ label, hue, style }) => {
    if (label === undefined) return []
    const start = at
    at += 34 + label.length * 6.6 + 14
    const dot = style === 'dots' && html`<circle cx="${start + 11}" cy="12" r="3.5" ${fill(hue)}/>`
    const thin = style === 'faint'
    return html`<path d="M${start} 12h22" fill="none" ${stroke(hue)} stroke-width="${thin ? 1 : 2}"${
      thin && html` stroke-opacity="0.4"`
    }/>${dot}<text x="${start + 28}" y="16.5">${label}</text>`
  })
}

function yAxis({ yLabel, yScale }: Drawn, { y, yTicks, inner }: Frame): Markup {
  const ticks = yTicks.map(({ value, name }) => leftTick(coordinate(y(value)), inner.width, name))
  return html`<text x="${inner.width}" y="-17.5" text-anchor="end" fill-opacity="0.65">${yLabel}${
    yScale === 'log' && ', log scale'
  }</text>${ticks}`
}

function xAxis({ xLabel }: Drawn, { x, xTicks, inner }: Frame): Markup {
  const bottom = inner.height
  const ticks = xTicks.map(({ value, name }) => bottomTick(coordinate(x(value)), bottom, name))
  return html`<path d="M0 ${bottom}H${inner.width}" stroke="currentColor"/>${ticks}<text x="${inner.width}" y="${bottom + 38}" text-anchor="end" fill-opacity="0.65">${xLabel}</text>`
}

function verticalMark({ x: value, label }: ChartMark, { x, inner }: Frame): Markup {
  const at = x(value)
  // A label at the right end would extend beyond the drawing.
  const isAtEnd = at > inner.width - 18
  const text = html`<text x="${tenth(isAtEnd ? inner.width : at)}" y="-4" text-anchor="${isAtEnd ? 'end' : 'middle'}" font-size="11" fill-opacity="0.65">${label}</text>`
  return html`<path d="M${tenth(at)} 0V${inner.height}" stroke="currentColor" stroke-opacity="0.35" stroke-dasharray="1 4"/>${text}`
}

function drawLine({ hue, style = 'line', isDashed, points }: ChartLine, frame: Frame): Markup {
  const path = html`<path d="${pathData(points, frame)}" fill="none" ${stroke(hue)} stroke-linejoin="round" ${
    style === 'faint' ? html`stroke-width="1" stroke-opacity="0.3"` : html`stroke-width="2"`
  }${isDashed && html` stroke-dasharray="5 3"`}/>`
  if (style !== 'dots') return path
  // Many dots would merge into a band.
  const radius = points.length > 30 ? 1.75 : 3.5
  const dots = points.filter(([, y]) => Number.isFinite(y)).map(([x, y]) => dot(frame, x, y, hue, radius))
  return html`${path}${dots}`
}

/** `M` begins after a gap, `L` continues; one decimal is finer than a screen shows. */
function pathData(points: readonly Point[], frame: Frame): string {
  let isPenDown = false
  let path = ''
  for (const [x, y] of points) {
    if (!Number.isFinite(y)) {
      isPenDown = false
      continue
    }
    path += `${isPenDown ? 'L' : 'M'}${tenth(frame.x(x))} ${tenth(height(frame, y))}`
    isPenDown = true
  }
  return path
}

/** A dot on a line. */
export function dot(frame: Frame, x: number, y: number, hue: Hue, radius = 3.5): Markup {
  return html`<circle cx="${tenth(frame.x(x))}" cy="${tenth(height(frame, y))}" r="${radius}" ${fill(hue)}/>`
}

function height({ y, floor, inner }: Frame, value: number): number {
  // Points far outside the drawing are clamped, so that no renderer has to draw coordinates of 1e9.
  const at = y(Math.max(value, floor))
  return Math.min(10 * inner.height, Math.max(-9 * inner.height, at))
}

function stroke(hue: Hue): Markup {
  return html`class="fovea-${hue}-line" stroke="${light[hue]}"`
}

function fill(hue: Hue): Markup {
  return html`class="fovea-${hue}" fill="${light[hue]}"`
}

/** A coordinate with one decimal, which is finer than a screen shows. */
export function tenth(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '')
}
