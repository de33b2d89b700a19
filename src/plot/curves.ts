/**
 * The three curves of a training run: loss, accuracy, learning rate. Every step is used; the note with each drawing
 * explains how thousands of steps were made readable.
 */
import { formatCount, formatPercent, formatSignificant } from '../text/format.ts'
import type { ChartLine, ChartMark, ChartReadout, LineChart } from './chartDrawing.ts'
import { drawnBuckets, drawnChart, pageChart } from './page/pageChart.ts'
import { bucketSize, movingAverage, type Point, quantile } from './smooth.ts'
import { formatPercentTick, formatValueTick } from './ticks.ts'

/** The values of one optimizer step that curves show; a `StepEvent` has them. */
export interface CurveStep {
  readonly step: number
  readonly epoch: number
  readonly loss: number
  readonly accuracy: number
  readonly learningRate: number
}

/** A score on the validation split; a `ValidationEvent` has these fields. */
export interface CurveValidation {
  readonly epoch: number
  readonly step: number
  readonly loss: number
  readonly accuracy: number
}

/** A drawing and a note that explains how it was made. */
export interface Curve {
  readonly svg: string
  readonly note: string
  /** The drawing with its numbers, as HTML for a page with the script of the reports. @internal */
  readonly html: string
}

/**
 * Training and validation loss over steps. The axis is logarithmic when the loss falls by more than a factor of 20.
 *
 * @throws RangeError without a step.
 */
export function lossCurve(steps: readonly CurveStep[], validation: readonly CurveValidation[] = []): Curve {
  const curve = prepare(steps, validation, 'loss')
  const shown = [...curve.smooth, ...curve.validation].map(([, y]) => y)
  const raw = curve.raw.map(([, y]) => y)
  // A few steps near zero would stretch a logarithmic axis over decades that are otherwise empty.
  const low = least([...shown, quantile(raw, 0.01)])
  const high = greatest([...shown, ...raw])
  const isLog = low > 0 && high > 20 * low
  const domain: Point = isLog ? [low / 1.15, high * 1.15] : [Math.min(0, low), high > 0 ? high * 1.05 : 1]
  return draw(curve, domain, isLog ? 'log' : 'linear', value => formatSignificant(value))
}

/**
 * Training and validation accuracy over steps. If most of the run is in a narrow band at the top, the axis begins there
 * instead of at zero.
 *
 * @throws RangeError without a step.
 */
export function accuracyCurve(steps: readonly CurveStep[], validation: readonly CurveValidation[] = []): Curve {
  const curve = prepare(steps, validation, 'accuracy')
  const values = curve.smooth.map(([, y]) => y)
  const low = least([quantile(values, 0.04), ...curve.validation.map(([, y]) => y)])
  const floor = low > 0.6 && low <= 1 ? Math.floor(low * 20 - 0.5) / 20 : 0
  return draw(curve, [floor, 1], 'linear', value => formatPercent(value, 2))
}

/**
 * Learning rate over steps.
 *
 * @throws RangeError without a step.
 */
export function learningRateCurve(steps: readonly CurveStep[]): Curve {
  const curve = prepare(steps, [], 'learningRate')
  const high = greatest(curve.raw.map(([, y]) => y))
  const chart: LineChart = {
    title: 'Learning rate',
    description: `Learning rate over ${formatCount(steps.length)} steps: first ${formatSignificant(steps[0]!.learningRate)}, highest ${formatSignificant(high)}, last ${formatSignificant(steps.at(-1)!.learningRate)}.`,
    xLabel: 'step',
    yLabel: 'learning rate',
    formatX: formatCount,
    xWhole: true,
    formatY: formatValueTick,
    xDomain: curve.xDomain,
    yDomain: [0, high > 0 ? high * 1.05 : 1],
    lines: [{ hue: 'blue', points: curve.raw }],
    marks: curve.marks,
    readouts: sample(steps).map(i => ({
      x: steps[i]!.step,
      text: `step ${formatCount(steps[i]!.step)}: ${formatSignificant(steps[i]!.learningRate)}`,
      dots: [{ y: steps[i]!.learningRate, hue: 'blue' }],
    })),
    height: 200,
  }
  return { ...drawnTwice(chart, 'value'), note: 'The rate each step was made with.' }
}

const names = { loss: 'Loss', accuracy: 'Accuracy', learningRate: 'Learning rate' } as const

interface Prepared {
  readonly quantity: keyof typeof names
  readonly steps: readonly CurveStep[]
  readonly raw: readonly Point[]
  readonly smooth: readonly Point[]
  readonly window: number
  readonly validation: readonly Point[]
  readonly scores: readonly CurveValidation[]
  readonly marks: readonly ChartMark[]
  readonly xDomain: Point
}

function prepare(
  steps: readonly CurveStep[],
  scores: readonly CurveValidation[],
  quantity: keyof typeof names,
): Prepared {
  if (steps.length === 0) throw new RangeError(`${names[quantity]} curve: expected at least one step`)
  const raw = steps.map((step): Point => [step.step, step[quantity]])
  const window = 2 * Math.min(200, Math.floor(steps.length / 120)) + 1
  const means = movingAverage(
    raw.map(([, y]) => y),
    window,
  )
  const isScore = quantity !== 'learningRate'
  const first = steps[0]!.step
  return {
    quantity,
    steps,
    scores,
    raw,
    window,
    smooth: raw.map(([x], i): Point => [x, means[i]!]),
    validation: isScore ? scores.map((score): Point => [score.step, score[quantity]]) : [],
    marks: epochMarks(steps),
    xDomain: [first <= 1 ? 0 : first, Math.max(steps.at(-1)!.step, first + 1)],
  }
}

function draw(curve: Prepared, yDomain: Point, yScale: 'linear' | 'log', format: (y: number) => string): Curve {
  const { quantity, raw, smooth, validation, scores, window } = curve
  const lines: ChartLine[] = []
  if (window > 1) lines.push({ name: 'single step', hue: 'blue', style: 'faint', points: raw })
  lines.push({ label: 'training', hue: 'blue', points: smooth })
  if (validation.length > 0) lines.push({ label: 'validation', hue: 'orange', style: 'dots', points: validation })

  const last = smooth.at(-1)![1]
  const lastScore = validation.at(-1)
  const chart: LineChart = {
    title: names[quantity],
    description:
      `Training ${quantity} over ${formatCount(raw.length)} steps, from ${format(smooth[0]![1])} to ${format(last)}` +
      `${lastScore ? `; validation ends at ${format(lastScore[1])}` : ''}.`,
    xLabel: 'step',
    yLabel: quantity,
    formatX: formatCount,
    xWhole: true,
    formatY: quantity === 'accuracy' ? formatPercentTick : formatValueTick,
    xDomain: curve.xDomain,
    yDomain,
    yScale,
    lines,
    marks: curve.marks,
    readouts: sample(raw).map(i => readout(smooth[i]!, scores, validation, format)),
  }
  const yFormat = quantity === 'accuracy' ? 'percent' : 'value'
  return { ...drawnTwice(chart, yFormat), note: note(raw, window, yDomain, validation.length > 0) }
}

function drawnTwice(chart: LineChart, yFormat: 'value' | 'percent'): Pick<Curve, 'svg' | 'html'> {
  return { svg: drawnChart(chart), html: pageChart(chart, { group: 'steps', xFormat: 'count', yFormat }).markup }
}

function readout(
  [x, y]: Point,
  scores: readonly CurveValidation[],
  validation: readonly Point[],
  format: (y: number) => string,
): ChartReadout {
  const text = `step ${formatCount(x)}: training ${format(y)}`
  const known = scores.findLastIndex(score => score.step <= x)
  if (known < 0) return { x, text, dots: [{ y, hue: 'blue' }] }
  const score = validation[known]![1]
  return {
    x,
    text: `${text}, validation after epoch ${scores[known]!.epoch} ${format(score)}`,
    dots: [{ y, hue: 'blue' }],
  }
}

function note(raw: readonly Point[], window: number, [low, high]: Point, hasValidation: boolean): string {
  const total = formatCount(raw.length)
  const size = bucketSize(raw.length, drawnBuckets)
  const parts = [
    window === 1
      ? 'The line joins single steps.'
      : `The line is the mean over ${window} steps around each step; the faint line is single steps${
          size === 1 ? '.' : `, of every ${size} the lowest and the highest.`
        }`,
  ]
  if (hasValidation) parts.push('Dots are scores on the validation split.')
  const outside = raw.filter(([, y]) => Number.isFinite(y) && (y < low || y > high)).length
  if (outside > 0) parts.push(`${formatCount(outside)} of ${total} steps lie outside the axis.`)
  const broken = raw.filter(([, y]) => !Number.isFinite(y)).length
  if (broken > 0) parts.push(`Missing because not finite: ${formatCount(broken)} of ${total} steps.`)
  return parts.join(' ')
}

/** A mark at the end of each epoch; with many epochs, at every second, fifth, tenth … */
function epochMarks(steps: readonly CurveStep[]): ChartMark[] {
  const ends = steps.filter((step, i) => steps[i + 1]?.epoch !== step.epoch)
  const every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find(n => ends.length / n <= 10) ?? ends.length
  return ends
    .filter(({ epoch }) => epoch % every === 0)
    .map(({ step, epoch }) => ({ x: step, label: ends.length > 5 ? String(epoch) : `epoch ${epoch}` }))
}

/** Indices of at most 60 evenly spaced items, including the last. */
function sample(items: readonly unknown[]): number[] {
  const count = Math.min(60, items.length)
  return Array.from({ length: count }, (_, i) => Math.round(((i + 1) * items.length) / count) - 1)
}

/** Least and greatest of the finite values; 0 if there are none. */
function least(values: readonly number[]): number {
  const found = values.reduce((a, b) => (Number.isFinite(b) ? Math.min(a, b) : a), Number.POSITIVE_INFINITY)
  return Number.isFinite(found) ? found : 0
}

function greatest(values: readonly number[]): number {
  const found = values.reduce((a, b) => (Number.isFinite(b) ? Math.max(a, b) : a), Number.NEGATIVE_INFINITY)
  return Number.isFinite(found) ? found : 0
}
