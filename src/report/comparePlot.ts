/** Curves of several runs in one drawing: training loss and validation accuracy over epochs. */
import { scaleLinear, scaleLog } from 'd3-scale'
import { light } from '../plot/colors.ts'
import { html, type Markup } from '../plot/markup.ts'
import { decimate, movingAverage, type Point } from '../plot/smooth.ts'
import { axisTicks, bottomTick, formatPercentTick, leftTick } from '../plot/ticks.ts'
import { formatSignificant } from '../text/format.ts'

/** One run. */
export interface ComparedRun {
  readonly name: string
  /** Training loss of each step by epochs completed, evenly spaced from 0 to the run's epochs. */
  readonly loss: readonly (readonly [epoch: number, loss: number])[]
  readonly validation: readonly { readonly epoch: number; readonly accuracy: number; readonly loss: number }[]
}

/** A color for each run; further runs repeat them with dashes. */
const colors = Object.values(light)
const panel = { left: 56, top: 20, width: 400, height: 260, gap: 74 }

/** Losses are means over this share of the longest run, but at most over one epoch. */
const smoothedShare = 1 / 20

/**
 * The losses of runs, each a mean over the same fraction of an epoch around a step, regardless of run lengths and batch
 * sizes: a curve that looks smoother really is. @internal
 */
export function smoothAlike(runs: readonly Pick<ComparedRun, 'loss'>[]): Point[][] {
  const span = Math.min(1, smoothedShare * epochsOf(runs))
  return runs.map(({ loss }) => {
    const stepsPerEpoch = loss.length / (loss.at(-1)?.[0] ?? 1)
    const means = movingAverage(
      loss.map(([, y]) => y),
      2 * Math.round((span * stepsPerEpoch) / 2) + 1,
    )
    return loss.map(([x], k) => [x, means[k]!])
  })
}

const epochsOf = (runs: readonly Pick<ComparedRun, 'loss'>[]): number =>
  Math.max(...runs.map(({ loss }) => loss.at(-1)?.[0] ?? 1))

/** What runs that are drawn together have: their smoothed losses, and the ranges of the axes. @internal */
export function comparisonRanges(runs: readonly ComparedRun[]): {
  readonly smooth: readonly (readonly Point[])[]
  readonly epochs: number
  readonly isLog: boolean
  readonly losses: Point
  readonly accuracies: Point
} {
  const smooth = smoothAlike(runs)
  const values = smooth.flatMap(loss => loss.map(([, y]) => y)).filter(Number.isFinite)
  const [low, high] = [
    least(values, 0),
    -least(
      values.map(value => -value),
      -1,
    ),
  ]
  const isLog = low > 0 && high > 10 * low
  const accuracies = runs.flatMap(({ validation }) => validation.map(({ accuracy }) => accuracy)).sort((a, b) => a - b)
  const share = accuracies[Math.floor(accuracies.length / 5)] ?? 0
  return {
    smooth,
    epochs: epochsOf(runs),
    isLog,
    losses: [isLog ? low / 1.1 : Math.min(0, low), high > 0 ? high * 1.05 : 1],
    accuracies: [share > 0.6 ? Math.floor(share * 20 - 1) / 20 : 0, 1],
  }
}

/** The least of some values, of which there may be more than a call has arguments. */
const least = (values: readonly number[], ofNone: number): number =>
  values.length === 0 ? ofNone : values.reduce((a, b) => Math.min(a, b))

/**
 * Draws several runs together.
 * @returns SVG text
 * @throws RangeError when there is no run.
 */
export function comparisonPlot(runs: readonly ComparedRun[]): string {
  if (runs.length === 0) throw new RangeError('comparisonPlot: there is no run to draw')
  const { left, top, width, height, gap } = panel
  const { smooth, epochs, isLog, losses, accuracies } = comparisonRanges(runs)
  const y = (isLog ? scaleLog() : scaleLinear()).domain(losses)
  const accuracy = scaleLinear().domain(accuracies)
  const total = top + height + 44 + Math.ceil(runs.length / 3) * 20
  const second = left + width + gap
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${second + width + 16} ${total}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="currentColor" style="font-variant-numeric: tabular-nums"><title>${runs.length} runs compared</title><desc>Training loss and validation accuracy over epochs of ${runs.map(({ name }) => name).join(', ')}.</desc>
${frame(left, epochs, y.range([height, 0]), `training loss${isLog ? ', log scale' : ''}`, value => formatSignificant(value, 2))}
${smooth.map((loss, k) => line(left, epochs, y, decimate(loss, 200), k))}
${frame(second, epochs, accuracy.range([height, 0]), 'validation accuracy', formatPercentTick)}
${runs.map((run, k) =>
  line(
    second,
    epochs,
    accuracy,
    run.validation.map(score => [score.epoch, score.accuracy] as const),
    k,
    true,
  ),
)}
${runs.map(({ name }, k) => {
  const [x, at] = [left + (k % 3) * 300, top + height + 54 + Math.floor(k / 3) * 20]
  return html`<path d="M${x} ${at - 4}h24" ${strokeOf(k)}/><text x="${x + 30}" y="${at}">${name}</text>`
})}
</svg>`.markup
}

type Scale = ReturnType<typeof scaleLinear<number, number>> | ReturnType<typeof scaleLog<number, number>>

function frame(left: number, epochs: number, y: Scale, title: string, format: (value: number) => string): Markup {
  const { top, width, height } = panel
  const x = scaleLinear().domain([0, epochs]).range([0, width])
  return html`<g transform="translate(${left} ${top})"><text x="${width}" y="-6" text-anchor="end" fill-opacity="0.65">${title}</text>
${axisTicks(y, format).map(({ value, name }) => leftTick(tenth(y(value)), width, name))}
${axisTicks(x, String, { count: 6 }).map(({ value, name }) => bottomTick(tenth(x(value)), height, name))}
<path d="M0 ${height}h${width}" stroke="currentColor"/><text x="${width}" y="${height + 36}" text-anchor="end" fill-opacity="0.65">epoch</text></g>`
}

function line(
  left: number,
  epochs: number,
  y: Scale,
  points: readonly (readonly [number, number])[],
  k: number,
  dots = false,
): Markup {
  const { top, width, height } = panel
  const at = points
    .filter(([, value]) => Number.isFinite(value))
    .map(([x, value]) => [tenth(left + (x / epochs) * width), tenth(top + y(value))] as const)
  if (at.length === 0) return html``
  const circles =
    dots && at.length <= 40
      ? at.map(([cx, cy]) => html`<circle cx="${cx}" cy="${cy}" r="3" fill="${colors[k % colors.length]!}"/>`)
      : []
  // A nested `<svg>` clips curves below the axis; its edges leave room for dots and thick lines on the other sides.
  const box = [left - 4, top - 4, width + 8, height + 4] as const
  return html`<svg aria-hidden="true" x="${box[0]}" y="${box[1]}" width="${box[2]}" height="${box[3]}" viewBox="${box.join(' ')}"><path d="M${at.map(point => point.join(' ')).join('L')}" ${strokeOf(k)} stroke-linejoin="round"/>${circles}</svg>`
}

const strokeOf = (k: number): Markup =>
  html`fill="none" stroke="${colors[k % colors.length]!}" stroke-width="2"${k >= colors.length && html` stroke-dasharray="5 3"`}`

const tenth = (value: number): string => value.toFixed(1)
