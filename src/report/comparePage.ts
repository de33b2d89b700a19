/** `fovea compare --out curves.html`: the curves and the scores of several runs on one page. */
import type { ChartLine, Hue, LineChart } from '../plot/chartDrawing.ts'
import { light } from '../plot/colors.ts'
import { html, type Markup } from '../plot/markup.ts'
import { pageChart } from '../plot/page/pageChart.ts'
import type { Point } from '../plot/smooth.ts'
import { formatPercentTick, formatValueTick } from '../plot/ticks.ts'
import { type ComparedRun, comparisonRanges } from './comparePlot.ts'
import { chartHint, page } from './page.ts'

/** What the page shows. */
export interface ComparePage {
  readonly runs: readonly ComparedRun[]
  /** A table of them: its head, and a row for each run. */
  readonly titles: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Version of Fovea. */
  readonly version: string
}

const hues = Object.keys(light) as Hue[]

/**
 * Builds the page.
 * @returns a whole HTML document as text.
 * @throws RangeError when there is no run.
 */
export function comparePage({ runs, titles, rows, version }: ComparePage): string {
  if (runs.length === 0) throw new RangeError('comparePage: there is no run to show')
  const { smooth, epochs, isLog, losses, accuracies } = comparisonRanges(runs)
  const common = { xLabel: 'epoch', xDomain: [0, epochs] as const, formatX: formatValueTick, height: 320 }
  const names = runs.map(({ name }) => name).join(', ')
  const loss: LineChart = {
    ...common,
    title: 'Training loss',
    description: `Training loss over epochs of ${names}.`,
    yLabel: 'training loss',
    yDomain: losses,
    yScale: isLog ? 'log' : 'linear',
    formatY: formatValueTick,
    lines: linesOf(runs, smooth),
  }
  const accuracy: LineChart = {
    ...common,
    title: 'Validation accuracy',
    description: `Validation accuracy over epochs of ${names}.`,
    yLabel: 'validation accuracy',
    yDomain: accuracies,
    formatY: formatPercentTick,
    lines: linesOf(
      runs,
      runs.map(({ validation }) => validation.map((score): Point => [score.epoch, score.accuracy])),
      'dots',
    ),
  }
  const title = `${runs.length} run${runs.length === 1 ? '' : 's'} compared`
  const main = html`<section>
<h2>Curves</h2>
${chartHint}
<ul class="keys">${runs.map(({ name }, k) => html`<li>${key(k)}${name}</li>`)}</ul>
<div class="pair">
${figure(loss, 'value', 'Losses are means over the same fraction of an epoch for all runs.')}
${figure(accuracy, 'percent', 'Dots are scores on the validation split.')}
</div>
</section>
<section>
<h2>Where they differ</h2>
<div class="scroll" tabindex="0" role="group" aria-label="A table, scrolled sideways"><table class="narrow"><thead><tr>${titles.map((name, k) => html`<th scope="col"${k > 0 && html` class="number"`}>${name}</th>`)}</tr></thead><tbody>
${rows.map(row => html`<tr>${row.map((cell, k) => (k === 0 ? html`<th scope="row">${cell}</th>` : html`<td class="number">${cell}</td>`))}</tr>\n`)}</tbody></table></div>
</section>`
  const header = html`<header><h1>${title}</h1><p class="byline">${names}</p></header>`
  return page({ title, version, header, main, hasScript: true })
}

/** A line for each run, in its color. */
function linesOf(
  runs: readonly ComparedRun[],
  points: readonly (readonly Point[])[],
  style: 'line' | 'dots' = 'line',
): ChartLine[] {
  return runs.flatMap(({ name }, k) =>
    points[k]!.length === 0
      ? []
      : [{ name, hue: hues[k % hues.length]!, isDashed: isDashed(k), style, points: points[k]! }],
  )
}

const isDashed = (k: number): boolean => k >= hues.length

function key(k: number): Markup {
  return html`<i class="fovea-key${isDashed(k) && ' fovea-dashed'}" style="--hue:var(--fovea-${hues[k % hues.length]})"></i>`
}

function figure(chart: LineChart, yFormat: 'value' | 'percent', note: string): Markup {
  return html`<figure><h3>${chart.title}</h3>${pageChart(chart, { group: 'epochs', xFormat: 'value', yFormat })}<figcaption>${note}</figcaption></figure>`
}
