/** `fovea compare`: the curves and results of several runs together. */

import { version } from '../../../recipe/version.ts'
import { comparePage } from '../../../report/comparePage.ts'
import { type ComparedRun, comparisonPlot } from '../../../report/comparePlot.ts'
import { isPage } from '../../../report/page.ts'
import { writeAtomic } from '../../../runs/atomicFile.node.ts'
import { compareRuns, type RunSummary } from '../../../runs/compare.node.ts'
import { formatPercent, formatSignificant } from '../../../text/format.ts'
import { checkEnding } from '../../endings.ts'
import { exitCodes } from '../../terminal/errors.ts'
import { print, printJson } from '../../terminal/output.ts'
import { textTable } from '../../terminal/table.ts'

/** Options of {@link compare}. */
export interface CompareOptions {
  /** File for the curves: a drawing, `.svg`, or a page, `.html`. */
  readonly out?: string
  readonly json?: boolean
}

/** Compares runs, finished or not. @returns the exit code */
export async function compare(paths: readonly string[], { out, json }: CompareOptions): Promise<number> {
  checkEnding('--out', out, ['.svg', '.html'])
  const { curves, differing, runs } = await compareRuns(paths)
  if (out !== undefined) await writeAtomic(out, isPage(out) ? pageOf(curves, runs, differing) : comparisonPlot(curves))
  if (json) printJson({ differing, runs, ...(out === undefined ? {} : { out }) })
  else print(tableOf(runs, differing), ...(out === undefined ? [] : ['', `curves  ${out}`]))
  return exitCodes.done
}

/** The page of the curves, with the table. */
function pageOf(curves: readonly ComparedRun[], runs: readonly RunSummary[], differing: readonly string[]): string {
  const [titles = [], ...rows] = cellsOf(runs, differing)
  return comparePage({ runs: curves, titles, rows, version })
}

/** A row for each run; or a column for each, when the runs differ in more fields than there are runs. */
function tableOf(runs: readonly RunSummary[], differing: readonly string[]): string {
  const rows = cellsOf(runs, differing)
  const isWide = differing.length > runs.length
  const [titles = [], ...body] = isWide ? rows[0]!.map((_, k) => rows.map(row => row[k]!)) : rows
  return textTable(
    titles.map((title, k) => ({ title, align: k === 0 ? ('left' as const) : ('right' as const) })),
    body,
  )
}

/** The head of the table and a row for each run. */
function cellsOf(runs: readonly RunSummary[], differing: readonly string[]): readonly (readonly string[])[] {
  const percent = (share: number | undefined) => (share === undefined ? '–' : formatPercent(share))
  const columns: readonly (readonly [title: string, value: (run: RunSummary) => string])[] = [
    ['run', ({ run }) => run],
    ...differing.map(field => [field, ({ recipe }: RunSummary) => shown(recipe[field])] as const),
    ['epochs', ({ epochs }) => String(epochs)],
    ['validation', ({ validation }) => percent(validation)],
    ['best', ({ best }) => percent(best)],
    ['loss', ({ loss }) => (loss === undefined ? '–' : formatSignificant(loss))],
    ['test', ({ test }) => percent(test)],
    ['training, s', ({ seconds }) => seconds.toFixed(1)],
  ]
  return [columns.map(([title]) => title), ...runs.map(run => columns.map(([, value]) => value(run)))]
}

const shown = (value: unknown): string => {
  if (value === undefined) return '–'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 24 ? `${text.slice(0, 23)}…` : text
}
