/** The drawing of a learning-rate range test. */
import type { LineChart } from '../plot/chartDrawing.ts'
import { lineChart } from '../plot/lineChart.ts'
import type { RatePoint, RateSuggestion } from '../study/lrRange.ts'
import { formatSignificant } from '../text/format.ts'

/** Loss over the logarithm of the learning rate, with the suggestions marked. @returns SVG text */
export function ratePlot(points: readonly RatePoint[], suggestion: RateSuggestion): string {
  return lineChart(rateChart(points, suggestion))
}

/** The same, not yet drawn. @internal */
export function rateChart(points: readonly RatePoint[], { smoothed, steepest, careful }: RateSuggestion): LineChart {
  const x = points.map(({ learningRate }) => Math.log10(learningRate))
  const lowest = Math.min(...smoothed.filter(Number.isFinite))
  const first = smoothed[0]!
  const [from, to] = [x[0]!, Math.max(x.at(-1)!, x[0]! + 0.1)]
  const mark = (rate: number | undefined, name: string) =>
    rate === undefined ? [] : [{ x: Math.log10(rate), label: `${name} ${formatSignificant(rate, 2)}` }]
  const marks = [...mark(careful, 'careful'), ...mark(steepest, 'steepest')].sort((a, b) => a.x - b.x)
  return {
    title: 'Learning-rate range test',
    description: `Loss of ${points.length} steps whose learning rate rises from ${formatSignificant(points[0]!.learningRate)} to ${formatSignificant(points.at(-1)!.learningRate)}.`,
    xLabel: 'learning rate, log scale',
    yLabel: 'loss',
    xDomain: [from, to],
    yDomain: [Math.max(0, lowest - 0.1 * (first - lowest)), first + 0.6 * Math.max(first - lowest, 0.1 * first)],
    formatX: value => (Number.isInteger(value) ? `1e${value}` : formatSignificant(10 ** value, 2)),
    formatY: value => formatSignificant(value, 3),
    lines: [
      {
        name: 'loss of the step',
        hue: 'blue',
        style: 'faint',
        points: points.map(({ loss }, k) => [x[k]!, loss] as const),
      },
      { label: 'loss, smoothed', hue: 'blue', points: smoothed.map((value, k) => [x[k]!, value] as const) },
    ],
    marks: apart(marks, 0.25 * (to - from)),
    width: 620,
  }
}

interface Mark {
  readonly x: number
  readonly label: string
}

/** If the first two marks are so close that their labels would overlap, the first one carries both labels. */
function apart([first, second, ...more]: readonly Mark[], distance: number): Mark[] {
  if (!first || !second || second.x - first.x >= distance)
    return [first, second, ...more].filter(mark => mark !== undefined)
  return [{ ...first, label: `${first.label}, ${second.label}` }, { ...second, label: '' }, ...more]
}
