/** The report of a search: one HTML file with a table, parallel coordinates (Inselberg 1985), and a slice for every axis. */
import { formatPercent, formatSignificant } from '../plot/format.ts'
import { html, type Markup, raw } from '../plot/markup.ts'
import { type Axis, type Point, placeOf, type Space } from './space.ts'

/** One trial of a search. */
export interface TrialRow {
  readonly name: string
  readonly point: Point
  /** Epochs done; absent, like the scores, for a trial that failed or has not begun. */
  readonly epoch?: number
  readonly accuracy?: number
  readonly loss?: number
  readonly failed?: string
}

/** What else the report says. */
export interface SearchReportOptions {
  readonly title: string
  readonly strategy: string
  readonly metric: 'accuracy' | 'loss'
  /** Name of the best trial. */
  readonly best: string
}

/** A whole HTML document; loads nothing and runs no script. */
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
<div class="axes" style="max-width:${(space.size + 1) * 17}rem">${raw(parallelCoordinates(order, space, metric, best))}</div>
<p class="note">One line for each trial, from axis to axis; the darker, the better. The best trial is orange.</p>
<h2>Slices</h2>
<div class="slices">${[...space].map(([field, axis]) => raw(slice(order, field, axis, metric, best)))}</div>
<p class="note">Validation ${metric} over one field at a time. Where the best dots lie at an edge, look beyond it.</p>
<h2>Trials</h2>
<table><thead><tr><th>trial</th>${[...space.keys()].map(field => html`<th>${field}</th>`)}<th>epochs</th><th>accuracy</th><th>loss</th></tr></thead><tbody>
${order.map(
  row =>
    html`<tr${row.name === best && html` class="best"`}><td>${row.name}</td>${[...space.keys()].map(field => html`<td>${formatValue(row.point[field])}</td>`)}<td>${row.epoch}</td><td>${formatPercent(row.accuracy!)}</td><td>${formatSignificant(row.loss!)}</td></tr>`,
)}</tbody></table>
${failed.length > 0 && html`<h2>Failed</h2><ul>${failed.map(row => html`<li>${row.name}: ${row.failed}</li>`)}</ul>`}
</body></html>
`.markup
}

/** Lines over one vertical axis for each field and one for the score. @returns SVG text */
export function parallelCoordinates(
  rows: readonly TrialRow[],
  space: Space,
  metric: 'accuracy' | 'loss',
  best?: string,
): string {
  const [left, top, height, gap] = [60, 34, 230, 170]
  const axes = [...space]
  const width = left + axes.length * gap + 90
  const [low, high] = range(rows, metric)
  const yOfScore = (row: TrialRow): number => {
    const place = high > low ? (row[metric]! - low) / (high - low) : 0.5
    return top + height * (1 - place)
  }
  const goodness = (row: TrialRow): number => {
    const place = high > low ? (row[metric]! - low) / (high - low) : 0.5
    return metric === 'accuracy' ? place : 1 - place
  }
  const x = (k: number): number => left + k * gap
  // The best are drawn last, over the others.
  const lines = [...rows]
    .sort((a, b) => goodness(a) - goodness(b))
    .map(row => {
      const points = axes.map(
        ([field, axis], k) => `${x(k)} ${tenth(top + height * (1 - placeOf(axis, row.point[field])))}`,
      )
      points.push(`${x(axes.length)} ${tenth(yOfScore(row))}`)
      const isBest = row.name === best
      return html`<path d="M${points.join('L')}" fill="none" stroke="${isBest ? '#d55e00' : '#0072b2'}" stroke-width="${isBest ? 2.5 : 1.2}" stroke-opacity="${isBest ? 1 : tenth(0.3 + 0.6 * goodness(row) ** 2)}"><title>${row.name}</title></path>`
    })
  const scale = (at: number, name: string, bottom: string, upper: string): Markup =>
    html`<path d="M${at} ${top}v${height}" stroke="currentColor"/><text x="${at}" y="${top - 20}" text-anchor="middle" font-weight="600">${name}</text><text x="${at}" y="${top - 5}" text-anchor="middle" fill-opacity="0.65">${upper}</text><text x="${at}" y="${top + height + 16}" text-anchor="middle" fill-opacity="0.65">${bottom}</text>`
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top + height + 30}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="currentColor"><title>Parallel coordinates of ${rows.length} trials</title>
${lines}
${axes.map(([field, axis], k) => scale(x(k), field, ...ends(axis)))}
${axes.flatMap(([, axis], k) => middle(axis).map(value => html`<text x="${x(k) + 6}" y="${tenth(top + height * (1 - placeOf(axis, value)))}" dy="0.34em" fill-opacity="0.65">${formatValue(value)}</text>`))}
${scale(x(axes.length), metric, scoreLabel(low, metric), scoreLabel(high, metric))}
</svg>`.markup
}

/** Score over one field, a dot for each trial. @returns SVG text */
export function slice(
  rows: readonly TrialRow[],
  field: string,
  axis: Axis,
  metric: 'accuracy' | 'loss',
  best?: string,
): string {
  const [left, top, width, height] = [60, 24, 240, 160]
  const [low, high] = range(rows, metric)
  const dots = rows.map(row => {
    const place = high > low ? (row[metric]! - low) / (high - low) : 0.5
    const at = left + width * placeOf(axis, row.point[field])
    return html`<circle cx="${tenth(at)}" cy="${tenth(top + height * (1 - place))}" r="${row.name === best ? 5 : 3.5}" fill="${row.name === best ? '#d55e00' : '#0072b2'}" fill-opacity="0.75"><title>${row.name}: ${formatValue(row.point[field])}</title></circle>`
  })
  const [first, last] = ends(axis)
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + width + 20} ${top + height + 44}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="currentColor"><title>Validation ${metric} over ${field}</title>
<path d="M${left - 8} ${top}v${height + 8}h${width + 16}" fill="none" stroke="currentColor"/>
<text x="${left - 12}" y="${top + 4}" text-anchor="end">${scoreLabel(high, metric)}</text><text x="${left - 12}" y="${top + height}" text-anchor="end">${scoreLabel(low, metric)}</text>
<text x="${left}" y="${top + height + 24}" text-anchor="middle">${first}</text><text x="${left + width}" y="${top + height + 24}" text-anchor="middle">${last}</text>
${middle(axis).map(value => html`<text x="${tenth(left + width * placeOf(axis, value))}" y="${top + height + 24}" text-anchor="middle">${formatValue(value)}</text>`)}
<text x="${left + width / 2}" y="${top + height + 40}" text-anchor="middle" font-weight="600">${field}${axis.kind === 'log' && ', log scale'}</text>
${dots}</svg>`.markup
}

function range(rows: readonly TrialRow[], metric: 'accuracy' | 'loss'): readonly [number, number] {
  const values = rows.map(row => row[metric]!).filter(Number.isFinite)
  return values.length > 0 ? [Math.min(...values), Math.max(...values)] : [0, 1]
}

const ends = (axis: Axis): readonly [string, string] =>
  axis.kind === 'choice'
    ? [formatValue(axis.values[0]), formatValue(axis.values.at(-1))]
    : [formatValue(axis.low), formatValue(axis.high)]

/** Choices between the first and the last. */
const middle = (axis: Axis): readonly unknown[] => (axis.kind === 'choice' ? axis.values.slice(1, -1) : [])

/** A value of a field as tables and drawings show it: whole numbers as they are, others by three digits. */
export const formatValue = (value: unknown): string =>
  typeof value === 'number' && !Number.isInteger(value) ? formatSignificant(value) : String(value)

const scoreLabel = (value: number, metric: 'accuracy' | 'loss'): string =>
  metric === 'accuracy' ? formatPercent(value, 1) : formatSignificant(value)

const tenth = (value: number): string => value.toFixed(1)

const css = `body{font-family:system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;line-height:1.45;color:#1a1a1a;background:#fff}
.axes svg{display:block;width:100%;height:auto}
.slices{display:grid;grid-template-columns:repeat(auto-fill,minmax(18rem,1fr));gap:1rem}
.note{color:#555;font-size:.9rem}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .75rem;text-align:right;border-bottom:1px solid #ddd}th:first-child,td:first-child{text-align:left}
.best{font-weight:700}`
