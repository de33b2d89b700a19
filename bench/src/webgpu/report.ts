/** Measurements on a graphics processor as Markdown. */
import { inCell, milliseconds, percent, table } from '../markdown.ts'
import { flopOf } from '../rows.ts'
import { contenders, type Measured, type Result, type RowResult, type Spread, subject } from './measure.ts'
import type { AdapterText, ContenderName } from './page.ts'
import { findRow } from './rows.ts'

/** Everything a run found out about a row. */
export interface DeviceReport extends RowResult {
  readonly id: string
  /** `2026-11-21`. */
  readonly day: string
  readonly machine: string
  readonly browser: string
  readonly adapter: AdapterText
  readonly command: string
  readonly loadBefore: number
}

/** The whole report. */
export function deviceMarkdown(reports: readonly DeviceReport[]): string {
  return [preamble(reports), timeTable(reports), callTable(reports), workTable(reports)].join('\n\n')
}

const measured = (result: Result): Measured | undefined => ('reason' in result ? undefined : result)

/** Where it was measured, a line of a table for each run that the report is made of, and versions. */
function preamble(reports: readonly DeviceReport[]): string {
  const places = reports.map(
    ({ machine, browser, adapter, day }) =>
      `Measured on ${machine}; Chromium ${browser}; ${day}. ${adapterText(adapter)}`,
  )
  const runs = new Map<string, DeviceReport[]>()
  for (const report of reports) {
    const run = JSON.stringify([report.command, report.loadBefore])
    runs.set(run, [...(runs.get(run) ?? []), report])
  }
  const body = [...runs.values()].map(of => {
    const [{ command, loadBefore }] = of
    return [of.map(({ id }) => findRow(id).title).join('; '), `\`${command}\``, loadBefore.toFixed(2)]
  })
  const versions = new Set(
    reports.flatMap(({ results }) =>
      contenders.flatMap(name => {
        const version = measured(results[name])?.version
        return version === undefined ? [] : [`${name} ${version}`]
      }),
    ),
  )
  const software =
    '**This driver computes on the processor.** Only the ratios mean anything, and only on drivers like it: its lanes, ' +
    "barriers and memory are not a graphics processor's."
  return [
    ...new Set(places),
    ...(reports.some(({ adapter }) => adapter.software) ? [software] : []),
    `Versions: ${[...versions].join('; ')}.`,
    table(['run', 'command', 'load before'], body),
  ].join('\n\n')
}

function adapterText({ vendor, architecture, device, description, driver }: AdapterText): string {
  const facts = Object.entries({ vendor, architecture, device, description, driver })
  return `Adapter: ${facts.map(([name, value]) => `${name} ${value || '(not told)'}`).join(', ')}.`
}

/** Milliseconds of everyone, and their ratios to Fovea's. */
function timeTable(reports: readonly DeviceReport[]): string {
  const others = contenders.filter(name => name !== subject)
  const body = reports.map(report => {
    const own = measured(report.results[subject])
    const differences = others.flatMap(name => measured(report.results[name])?.difference ?? [])
    return [
      findRow(report.id).title,
      cellOf(report.results[subject]),
      ...others.flatMap(name => {
        const result = report.results[name]
        const ratio = own && measured(result)?.ratio
        return [cellOf(result), ratio ? `${spreadText(ratio, value => value.toFixed(2))}` : '–']
      }),
      differences.length > 0 ? Math.max(...differences).toExponential(0) : '–',
    ]
  })
  const head = [
    'ms: median (quartiles)',
    subject,
    ...others.flatMap(name => [name, `÷ ${subject}`]),
    'largest difference of answers',
  ]
  return table(head, body)
}

const cellOf = (result: Result): string =>
  'reason' in result ? inCell(result.reason) : spreadText(result.ms, milliseconds)

const spreadText = ({ median, quartiles }: Spread, text: (value: number) => string): string =>
  `${text(median)} (${quartiles.map(text).join(' – ')})`

/** What a step of everyone asks of the graphics processor. */
function callTable(reports: readonly DeviceReport[]): string {
  const body = reports.flatMap(({ id, results }) =>
    contenders.flatMap((name: ContenderName) => {
      const result = measured(results[name])
      if (!result) return []
      const { dispatches, passes, submissions, bindGroups, buffers, writes, reads } = result.calls
      const counts = [dispatches, passes, submissions, bindGroups, buffers, writes, reads].map(String)
      return [[findRow(id).title, name, ...counts, (result.startMs / 1000).toFixed(1)]]
    }),
  )
  const head = [
    'calls of a step',
    '',
    'dispatches',
    'passes',
    'submissions',
    'bind groups made',
    'buffers made',
    'uploads',
    'reads',
    'start to first result, s',
  ]
  return table(head, body)
}

/** Kernels that are named. */
const named = 4

/** Fovea's own account of a step. */
function workTable(reports: readonly DeviceReport[]): string {
  const body = reports.flatMap(({ id, work, kernels, results }) => {
    const own = measured(results[subject])
    if (!work || !own) return []
    const row = findRow(id)
    return [
      [
        row.title,
        String(work.dispatches),
        (work.bytes / 1e6).toFixed(2),
        (work.leastBytes / 1e6).toFixed(2),
        (work.flops / 1e6).toFixed(1),
        (flopOf(row) / 1e6).toFixed(1),
        ...kernelCells(kernels, own.ms.median),
      ],
    ]
  })
  const head = [
    `${subject}, a step`,
    'dispatches',
    'MB read and written',
    'least MB',
    'MFLOP',
    'MFLOP by definition',
    'ms in kernels, by the device',
    'of the step',
    'longest kernels, share of that',
  ]
  return table(head, body)
}

function kernelCells(kernels: DeviceReport['kernels'], stepMs: number): string[] {
  if ('reason' in kernels) return [inCell(kernels.reason), '–', '–']
  const total = kernels.reduce((sum, { ms }) => sum + ms, 0)
  const longest = kernels
    .slice(0, named)
    .map(({ name, count, ms }) => `${percent(ms / total)} ${count > 1 ? `${count} × ` : ''}${name}`)
  return [milliseconds(total), percent(total / stepMs), inCell(longest.join('; '))]
}
