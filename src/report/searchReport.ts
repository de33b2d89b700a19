/**
 * The report of a search: one HTML file with a table, parallel coordinates (Inselberg 1985), and a slice for every
 * axis.
 */
import { light } from '../plot/colors.ts'
import { html, type Markup, raw } from '../plot/markup.ts'
import { pageChartCss } from '../plot/page/pageChartCss.ts'
import { pageScript } from '../plot/pageScript.ts'
import { plotCss } from '../plot/theme.ts'
import { bottomTick } from '../plot/ticks.ts'
import { type Axis, fieldName, type Point, placeOf, type Space } from '../study/space.ts'
import { formatPercent, formatSignificant, formatValue } from '../text/format.ts'
import { fieldTicks, type PlacedTick, scoreAxis } from './searchAxes.ts'

/** One trial of a search. */
export interface TrialRow {
  readonly name: string
  readonly point: Point
  /** Epochs completed; absent, like the scores, for a trial that failed or has not begun. */
  readonly epoch?: number
  readonly accuracy?: number
  readonly loss?: number
  readonly failed?: string
}

/** Other contents of the report. */
export interface SearchReportOptions {
  readonly title: string
  readonly strategy: string
  readonly metric: 'accuracy' | 'loss'
  /** Name of the best trial. */
  readonly best: string
}

/** A whole HTML document that loads nothing; its one script marks the trial that is pointed at in all drawings. */
export function searchReport(rows: readonly TrialRow[], space: Space, options: SearchReportOptions): string {
  const { title, strategy, metric, best } = options
  const scored = rows.filter(row => row[metric] !== undefined)
  const order = [...scored].sort(
    (a, b) =>
      (b.epoch ?? 0) - (a.epoch ?? 0) || (metric === 'accuracy' ? b.accuracy! - a.accuracy! : a.loss! - b.loss!),
  )
  const failed = rows.filter(row => row.failed !== undefined)
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Fovea</title><style>${raw(css)}</style></head><body>
<h1>${title}</h1>
<p>${strategy} search, ${rows.length} trials, judged by validation ${metric}. The test set was not read. The best is ${best}.</p>
<h2>Parallel coordinates</h2>
<div class="wide">${raw(parallelCoordinates(order, space, metric, best))}</div>
<p class="note">One line for each trial, from axis to axis; the stronger, the better. The best trial is orange.</p>
<p class="note fovea-reading fovea-hint" role="status" hidden>Point at a trial, or move through the table with Tab, to see it in all drawings.</p>
<h2>Slices</h2>
<div class="slices">${[...space].map(([field, axis]) => raw(slice(order, field, axis, metric, best)))}</div>
<p class="note">Validation ${metric} over one field at a time. Where the best dots lie at an edge, look beyond it.</p>
<h2>Trials</h2>
<div class="wide"><table><thead><tr><th>trial</th>${[...space.keys()].map(field => html`<th>${field}</th>`)}<th>epochs</th><th>accuracy</th><th>loss</th></tr></thead><tbody>
${order.map(
  row =>
    html`<tr${row.name === best && html` class="best"`} data-trial="${row.name}"><td>${row.name}</td>${[...space.keys()].map(field => html`<td>${formatValue(row.point[field])}</td>`)}<td>${row.epoch}</td><td>${formatPercent(row.accuracy!)}</td><td>${formatSignificant(row.loss!)}</td></tr>`,
)}</tbody></table></div>
${failed.length > 0 && html`<h2>Failed</h2><ul>${failed.map(row => html`<li>${row.name}: ${row.failed}</li>`)}</ul>`}
<script>${raw(pageScript)}</script>
</body></html>
`.markup
}

/** One line per trial, across a vertical axis for each field and one for the score. @returns SVG text */
export function parallelCoordinates(
  rows: readonly TrialRow[],
  space: Space,
  metric: 'accuracy' | 'loss',
  best?: string,
): string {
  const [top, height, gap] = [26, 230, 170]
  const axes = [...space]
  // The name of the first axis is centered over the left end of the drawing.
  const left = Math.max(60, ...axes.slice(0, 1).map(([field, axis]) => 4 * fieldName(field, axis).length))
  const width = left + axes.length * gap + 90
  const score = scoreAxis(scoresOf(rows, metric), metric)
  const goodness = (row: TrialRow): number =>
    metric === 'accuracy' ? score.place(row[metric]!) : 1 - score.place(row[metric]!)
  const x = (k: number): number => left + k * gap
  const y = (place: number): string => tenth(top + height * (1 - place))
  // The best trials are drawn last, over the others.
  const lines = [...rows]
    .sort((a, b) => goodness(a) - goodness(b))
    .map(row => {
      const points = axes.map(([field, axis], k) => `${x(k)} ${y(placeOf(axis, row.point[field]))}`)
      points.push(`${x(axes.length)} ${y(score.place(row[metric]!))}`)
      const look = row.name === best ? 'orange' : 'blue'
      const opacity = row.name === best ? 1 : tenth(0.3 + 0.6 * goodness(row) ** 2)
      const path = `M${points.join('L')}`
      // The second path is wide enough to be pointed at.
      return html`<path d="${path}" fill="none" ${line(look)} stroke-width="${row.name === best ? 2.5 : 1.2}" stroke-opacity="${opacity}" data-trial="${row.name}"/><path class="hit" d="${path}" fill="none" stroke="transparent" stroke-width="9" data-trial="${row.name}"><title>${row.name}</title></path>`
    })
  const scale = (at: number, name: string, ticks: readonly PlacedTick[]): Markup =>
    html`<path d="M${at} ${top}v${height}" stroke="currentColor"/><text x="${at}" y="${top - 12}" text-anchor="middle" font-weight="600">${name}</text>${ticks.map(
      tick =>
        html`<path d="M${at} ${y(tick.place)}h4" stroke="currentColor"/><text x="${at + 7}" y="${y(tick.place)}" dy="0.34em" fill-opacity="0.65">${tick.name}</text>`,
    )}`
  return html`<svg class="fovea-plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top + height + 12}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="currentColor" style="max-width: ${width}px"><title>Parallel coordinates of ${rows.length} trials</title>
${lines}
${axes.map(([field, axis], k) => scale(x(k), fieldName(field, axis), fieldTicks(axis)))}
${scale(x(axes.length), metric, score.ticks)}
</svg>`.markup
}

/** Score over one field, with a dot for each trial. @returns SVG text */
export function slice(
  rows: readonly TrialRow[],
  field: string,
  axis: Axis,
  metric: 'accuracy' | 'loss',
  best?: string,
): string {
  const [left, top, width, height] = [60, 24, 240, 160]
  const score = scoreAxis(scoresOf(rows, metric), metric)
  const x = (place: number): string => tenth(left + width * place)
  const y = (place: number): string => tenth(top + height * (1 - place))
  const dots = rows.map(row => {
    const isBest = row.name === best
    return html`<circle cx="${x(placeOf(axis, row.point[field]))}" cy="${y(score.place(row[metric]!))}" r="${isBest ? 5 : 3.5}" ${dot(isBest ? 'orange' : 'blue')} fill-opacity="0.75" data-trial="${row.name}"><title>${row.name}: ${formatValue(row.point[field])}</title></circle>`
  })
  const bottom = top + height + 8
  return html`<svg class="fovea-plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + width + 20} ${top + height + 50}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="currentColor"><title>Validation ${metric} over ${field}</title>
<path d="M${left - 8} ${top}V${bottom}h${width + 16}" fill="none" stroke="currentColor"/>
${score.ticks.map(tick => html`<path d="M${left - 8} ${y(tick.place)}h${width + 16}" stroke="currentColor" stroke-opacity="0.12"/><text x="${left - 14}" y="${y(tick.place)}" dy="0.34em" text-anchor="end">${tick.name}</text>`)}
${fieldTicks(axis).map(tick => bottomTick(x(tick.place), bottom, tick.name))}
<text x="${left + width / 2}" y="${bottom + 37}" text-anchor="middle" font-weight="600">${fieldName(field, axis)}</text>
${dots}</svg>`.markup
}

const scoresOf = (rows: readonly TrialRow[], metric: 'accuracy' | 'loss'): number[] => rows.map(row => row[metric]!)

const line = (hue: keyof typeof light): Markup => html`class="fovea-${hue}-line" stroke="${light[hue]}"`
const dot = (hue: keyof typeof light): Markup => html`class="fovea-${hue}" fill="${light[hue]}"`

const tenth = (value: number): string => value.toFixed(1)

const css = `${plotCss}
${pageChartCss}
:root{color-scheme:light dark;--ground:#fff;--text:#1c2430;--quiet:#5b6675;--line:#dfe3e8}
@media screen and (prefers-color-scheme:dark){:root{--ground:#14181e;--text:#e4e8ed;--quiet:#9aa5b3;--line:#2d343d}}
body{font:1rem/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1.5rem;color:var(--text);background:var(--ground)}
h1{overflow-wrap:anywhere}
.wide{overflow-x:auto}.wide svg{min-width:34rem}
.slices{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr));gap:1rem}
.note{color:var(--quiet);font-size:.9rem}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .75rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}th:first-child,td:first-child{text-align:left;padding-left:0}
.best{font-weight:700}
tr.on{background:color-mix(in srgb,var(--fovea-blue) 15%,transparent)}
path.on:not(.hit){stroke-opacity:1;stroke-width:4}circle.on{fill-opacity:1;stroke:currentColor;stroke-width:3}`
