/**
 * The confusion matrix: one row for each true class and one column for each predicted class, with counts, shades, the
 * recall of each row and the precision of each column.
 */

import { formatCount, formatPercent } from '../text/format.ts'
import { light } from './colors.ts'
import { coordinate, html, type Markup } from './markup.ts'

/** More classes than this do not fit a page; list the `confusedPairs` instead. */
export const maxMatrixClasses = 100

/** A wrong answer and how often it was given. */
export interface ConfusedPair {
  /** Index of the true class. */
  readonly label: number
  /** Index of the predicted class. */
  readonly predicted: number
  readonly count: number
  /** `count` as a share of the samples of the true class. */
  readonly share: number
}

/**
 * Draws the matrix. Right answers are blue, stronger the larger their share of the row (0 to 100 %). Errors are orange,
 * stronger the larger their count, relative to the most frequent error. Beyond 20 classes the counts are omitted and
 * appear under the pointer.
 *
 * @param counts `[true class][predicted class]`, whole numbers.
 * @returns an `<svg>` element as text.
 * @throws RangeError when the matrix is not square, holds anything but counts, does not fit the classes, or has more
 * than `maxMatrixClasses`.
 */
export function confusionMatrix(counts: readonly (readonly number[])[], classes: readonly string[]): string {
  check(counts, classes)
  if (classes.length > maxMatrixClasses) {
    throw new RangeError(`confusion matrix: drawn for at most ${maxMatrixClasses} classes, got ${classes.length}`)
  }
  const n = classes.length
  const hasText = n <= 20
  const cell = hasText ? 46 : Math.max(8, Math.floor(640 / n))
  const longest = Math.max(...classes.map(name => name.length))
  const isTilted = longest > 5 || !hasText
  const left = 34 + Math.min(140, longest * 7.2)
  const top = 32 + (isTilted ? Math.min(100, longest * 5.4) : 18)
  const side = n * cell
  const areStacked = side < scalesWidth.beside
  const width = left + Math.max(side + (hasText ? 74 : 12), areStacked ? scalesWidth.stacked : scalesWidth.beside)
  const height = top + side + (hasText ? 36 : 8) + (areStacked ? 64 : 44)
  const mistakes = counts.flatMap((row, i) => row.filter((_, j) => i !== j))
  const worst = Math.max(0, ...mistakes)
  const right = sum(counts.map((row, i) => row[i]!))
  const total = sum(counts.map(sum))
  const pairs = confusedPairs(counts).slice(0, 3)
  const description =
    `${formatCount(right)} of ${formatCount(total)} right. Rows are true classes, columns predicted ones.` +
    (pairs.length > 0
      ? ` Most frequent errors: ${pairs.map(p => `${classes[p.label]} taken for ${classes[p.predicted]} ${formatCount(p.count)} times`).join(', ')}.`
      : '')
  const size = hasText ? 13 : Math.min(13, cell)

  return html`<svg class="fovea-plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${coordinate(width)} ${coordinate(height)}" role="img"
 font-family="system-ui, sans-serif" font-size="${size}" fill="currentColor" style="max-width: ${Math.ceil(width)}px; font-variant-numeric: tabular-nums">
<title>Confusion matrix</title><desc>${description}</desc>
<text x="${coordinate(left)}" y="16" font-size="13" fill-opacity="0.65">predicted class</text>
<text transform="translate(12 ${coordinate(top)}) rotate(-90)" text-anchor="end" font-size="13" fill-opacity="0.65">true class</text>
${classes.map((name, i) => labels(name, i, { left, top, cell, isTilted }))}
<g transform="translate(${coordinate(left)} ${coordinate(top)})">
${counts.flatMap((row, i) => drawRow(row, i, { cell, worst, classes, hasText }))}
${hasText && margins(counts, cell)}
</g>
${scales(left, top + side + (hasText ? 36 : 8), worst, areStacked)}</svg>`.markup
}

/**
 * Wrong answers, most frequent first; pairs that never occurred are omitted.
 *
 * @param counts `[true class][predicted class]`.
 */
export function confusedPairs(counts: readonly (readonly number[])[]): ConfusedPair[] {
  return counts
    .flatMap((row, label) => {
      const all = sum(row)
      return row.map((count, predicted) => ({ label, predicted, count, share: count / all }))
    })
    .filter(pair => pair.label !== pair.predicted && pair.count > 0)
    .sort((a, b) => b.count - a.count || a.label - b.label || a.predicted - b.predicted)
}

function labels(
  name: string,
  i: number,
  { left, top, cell, isTilted }: { left: number; top: number; cell: number; isTilted: boolean },
): Markup {
  const middle = (i + 0.5) * cell
  const short = name.length > 19 ? `${name.slice(0, 18)}…` : name
  const column = isTilted
    ? html`transform="translate(${coordinate(left + middle + 4)} ${coordinate(top - 8)}) rotate(-45)"`
    : html`x="${coordinate(left + middle)}" y="${coordinate(top - 9)}" text-anchor="middle"`
  return html`<text ${column}>${short}</text><text x="${coordinate(left - 9)}" y="${coordinate(top + middle)}" dy="0.34em" text-anchor="end">${short}</text>`
}

function drawRow(
  row: readonly number[],
  i: number,
  { cell, worst, classes, hasText }: { cell: number; worst: number; classes: readonly string[]; hasText: boolean },
): Markup[] {
  const all = sum(row)
  const gap = hasText ? 2 : 0.5
  return row.map((count, j) => {
    const x = coordinate(j * cell + gap / 2)
    const y = coordinate(i * cell + gap / 2)
    const side = coordinate(cell - gap)
    if (count === 0) {
      // Beyond 20 classes nearly all cells are empty: they are not drawn, so that the file stays small.
      return hasText
        ? html`<rect x="${x}" y="${y}" width="${side}" height="${side}" rx="3" fill-opacity="0.04"/>`
        : html``
    }
    const hue = i === j ? 'blue' : 'orange'
    const opacity = i === j ? count / all : 0.12 + (0.88 * count) / worst
    const name = `true ${classes[i]}, predicted ${classes[j]}: ${formatCount(count)} of ${formatCount(all)} (${formatPercent(count / all, 1)})`
    // Weak shades keep the page's text color; strong shades need dark text in both themes; full blue needs white on
    // light.
    const ink =
      opacity > 0.6 &&
      (hue === 'blue' && opacity > 0.85 ? html` class="fovea-on-blue" fill="#fff"` : html` fill="#111"`)
    const text =
      hasText &&
      html`<text x="${coordinate((j + 0.5) * cell)}" y="${coordinate((i + 0.5) * cell)}" dy="0.34em" text-anchor="middle"${ink} pointer-events="none">${formatCount(count)}</text>`
    return html`<rect class="fovea-${hue}" fill="${light[hue]}" fill-opacity="${opacity.toFixed(2)}" x="${x}" y="${y}" width="${side}" height="${side}"${
      hasText && html` rx="3"`
    }><title>${name}</title></rect>${text}`
  })
}

/** Recall to the right of each row, precision below each column. */
function margins(counts: readonly (readonly number[])[], cell: number): Markup {
  const side = counts.length * cell
  const recall = counts.map((row, i) => {
    const value = row[i]! / sum(row)
    return html`<text x="${side + 66}" y="${coordinate((i + 0.5) * cell)}" dy="0.34em" text-anchor="end">${percentOrDash(value)}</text>`
  })
  const precision = counts.map((_, j) => {
    const value = counts[j]![j]! / sum(counts.map(row => row[j]!))
    return html`<text x="${coordinate((j + 0.5) * cell)}" y="${side + 20}" font-size="11.5" text-anchor="middle">${percentOrDash(value)}</text>`
  })
  return html`<text x="${side + 66}" y="-9" text-anchor="end" fill-opacity="0.65">recall</text>${recall}<text x="${side + 66}" y="${side + 20}" text-anchor="end" fill-opacity="0.65">precision</text>${precision}`
}

/** Space for the two scales, side by side or stacked. */
const scalesWidth = { beside: 410, stacked: 225 } as const

/** The legends of the two scales. */
function scales(left: number, top: number, worst: number, areStacked: boolean): Markup {
  const scale = (x: number, y: number, hue: 'blue' | 'orange', ends: readonly [string, string], opacity: Opacity) => {
    const swatches = [0, 0.25, 0.5, 0.75, 1].map(
      (share, k) =>
        html`<rect class="fovea-${hue}" fill="${light[hue]}" fill-opacity="${opacity(share).toFixed(2)}" x="${coordinate(x + 56 + k * 16)}" y="${coordinate(y - 10.5)}" width="15" height="12"/>`,
    )
    return html`<text x="${coordinate(x)}" y="${coordinate(y)}">${ends[0]}</text>${swatches}<text x="${coordinate(x + 142)}" y="${coordinate(y)}">${ends[1]}</text>\n`
  }
  const y = top + 28.5
  const second = areStacked ? ([left, y + 20] as const) : ([left + 230, y] as const)
  return html`<g font-size="12">${scale(left, y, 'blue', ['right: 0', '100\u00a0% of row'], share => share)}${
    worst > 0 && scale(...second, 'orange', ['wrong: 1', formatCount(worst)], share => 0.12 + 0.88 * share)
  }</g>`
}

/** Opacity for a share of the scale. */
type Opacity = (share: number) => number

function check(counts: readonly (readonly number[])[], classes: readonly string[]): void {
  if (classes.length === 0) throw new RangeError('confusion matrix: expected at least one class')
  if (counts.length !== classes.length) {
    throw new RangeError(`confusion matrix: ${classes.length} classes, but ${counts.length} rows`)
  }
  counts.forEach((row, i) => {
    if (row.length !== classes.length) {
      throw new RangeError(`confusion matrix: ${classes.length} classes, but row ${i} has ${row.length} columns`)
    }
    for (const count of row) {
      if (!Number.isInteger(count) || count < 0) throw new RangeError(`confusion matrix: row ${i} holds ${count}`)
    }
  })
}

function percentOrDash(share: number): string {
  return Number.isNaN(share) ? '–' : formatPercent(share, share === 1 ? 0 : 1)
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}
