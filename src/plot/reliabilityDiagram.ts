/**
 * A reliability diagram (DeGroot and Fienberg 1983; Guo, Pleiss, Sun and Weinberger 2017): how often answers of each
 * confidence are right, against the diagonal of perfect calibration, and below it the number of answers.
 */
import { scaleLinear } from 'd3-scale'
import { formatCount, formatPercent } from '../text/format.ts'
import { light } from './colors.ts'
import { coordinate, html, type Markup } from './markup.ts'
import { axisTicks, bottomTick, formatPercentTick, leftTick } from './ticks.ts'

/** Answers whose probability is in one range; `calibration` of `fovea/inspect` makes them. */
export interface DiagramBin {
  readonly from: number
  readonly to: number
  readonly count: number
  /** Mean probability of the predicted class; ignored if there are no answers. */
  readonly confidence: number
  /** Share of right answers; ignored if there are no answers. */
  readonly accuracy: number
}

/** The data of a diagram. */
export interface DiagramCalibration {
  /** Expected calibration error. */
  readonly ece: number
  readonly bins: readonly DiagramBin[]
}

const [width, side, left, top, countsTop, countsHeight] = [380, 300, 52, 34, 376, 60] as const

/**
 * Draws the diagram: blue bars are accuracies, orange frames reach from them to the mean confidence. Bins without
 * answers are empty.
 * @returns an `<svg>` element as text
 * @throws RangeError for no bins.
 * @example reliabilityDiagram(calibration(evaluation, labels))
 */
export function reliabilityDiagram({ ece, bins }: DiagramCalibration): string {
  if (bins.length === 0) throw new RangeError('reliabilityDiagram: no bins')
  const total = bins.reduce((sum, { count }) => sum + count, 0)
  const x = scaleLinear().domain([0, 1]).range([0, side])
  const y = scaleLinear().domain([0, 1]).range([side, 0])
  const most = Math.max(1, ...bins.map(({ count }) => count))
  const ticks = axisTicks(y, formatPercentTick).map(({ value, name }) => leftTick(coordinate(y(value)), side, name))
  const across = axisTicks(x, formatPercentTick).map(({ value, name }) =>
    bottomTick(coordinate(x(value)), countsTop + countsHeight - top, name),
  )
  const height = countsTop + countsHeight + 46
  return html`<svg class="fovea-plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img"
 font-family="system-ui, sans-serif" font-size="12.5" fill="currentColor" style="font-variant-numeric: tabular-nums">
<title>Reliability diagram</title><desc>Accuracy of ${formatCount(total)} answers by their confidence; expected calibration error ${formatPercent(ece, 2)}</desc>
<text x="${left}" y="16.5">accuracy; expected calibration error ${formatPercent(ece, 2)}</text>
<g transform="translate(${left} ${top})">
${ticks}
${bins.map(bin => html`<g class="fovea-part"><title>${saidOf(bin)}</title>${bin.count > 0 && bars(bin, x, y)}${countBar(bin, x, most)}${frame(bin, x)}</g>`)}
<path d="M0 ${side}L${side} 0" stroke="currentColor" stroke-dasharray="4 4" fill="none"/>
<path d="M0 ${side}H${side}" stroke="currentColor"/>
<text y="${countsTop - top - 8}" fill-opacity="0.65">answers in each bin, of ${formatCount(total)}</text>
<path d="M0 ${countsTop + countsHeight - top}H${side}" stroke="currentColor"/>${across}
<text x="${side}" y="${countsTop + countsHeight - top + 38}" text-anchor="end" fill-opacity="0.65">probability of the predicted class</text>
</g></svg>`.markup
}

type Scale = (value: number) => number

/** What is said of a bin. */
function saidOf({ from, to, accuracy, confidence, count }: DiagramBin): string {
  const range = `${formatPercent(from, 0)} to ${formatPercent(to, 0)}`
  if (count === 0) return `${range}: no answers`
  return `${range}: ${formatPercent(accuracy, 1)} right at a confidence of ${formatPercent(confidence, 1)}, ${formatCount(count)} answers`
}

/** Where the pointer asks for a bin: all of its height. */
function frame({ from, to }: DiagramBin, x: Scale): Markup {
  return html`<rect x="${coordinate(x(from))}" width="${coordinate(x(to) - x(from))}" height="${countsTop + countsHeight - top}" fill="none" pointer-events="all"/>`
}

/** The accuracy of a bin, and its distance from the confidence. */
function bars({ from, to, accuracy, confidence }: DiagramBin, x: Scale, y: Scale): Markup {
  const [at, wide] = [x(from) + 0.5, x(to) - x(from) - 1]
  const [upper, lower] = [Math.max(accuracy, confidence), Math.min(accuracy, confidence)]
  return html`<rect x="${coordinate(at)}" y="${coordinate(y(accuracy))}" width="${coordinate(wide)}" height="${coordinate(y(0) - y(accuracy))}" class="fovea-blue" fill="${light.blue}" fill-opacity="0.75"/><rect x="${coordinate(at)}" y="${coordinate(y(upper))}" width="${coordinate(wide)}" height="${coordinate(y(lower) - y(upper))}" class="fovea-orange fovea-orange-line" fill="${light.orange}" fill-opacity="0.3" stroke="${light.orange}"/>`
}

/** The number of answers in a bin, as a bar and in digits. */
function countBar({ from, to, count }: DiagramBin, x: Scale, most: number): Markup {
  const bottom = countsTop + countsHeight - top
  const tall = (countsHeight - 14) * (count / most)
  const middle = (x(from) + x(to)) / 2
  return html`<rect x="${coordinate(x(from) + 0.5)}" y="${coordinate(bottom - tall)}" width="${coordinate(x(to) - x(from) - 1)}" height="${coordinate(tall)}" fill-opacity="0.35"/><text x="${coordinate(middle)}" y="${coordinate(bottom - tall - 3)}" text-anchor="middle" font-size="${count > 999 ? 7.5 : 9}">${String(count)}</text>`
}
