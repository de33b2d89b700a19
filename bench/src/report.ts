/** Measurements as Markdown. */
import { readFileSync, writeFileSync } from 'node:fs'
import { subject } from './contenders.ts'
import { inCell, milliseconds, percent, table } from './markdown.ts'
import type { Measured, Result } from './measure.ts'
import { flopOf, type Row, rows } from './rows.ts'
import type { Line, RowReport, SubjectReport } from './store.ts'

/** The whole report: an overview of all rows, and each of them in full. */
export function markdown(reports: readonly RowReport[]): string {
  const counts = [...new Set(reports.flatMap(({ threads }) => threads))]
  return [
    preamble(reports),
    ...(reports.length > 1 ? counts.map(count => overview(reports, count)) : []),
    ...reports.map(rowSection),
  ].join('\n\n')
}

const begin = '<!-- bench:begin -->'
const end = '<!-- bench:end -->'

/** A Markdown file with a place for the report. */
export interface Page {
  /** Replaces what stands between the markers. */
  write(text: string): void
}

/** Finds the markers of a Markdown file. @throws Error when it has none: better before the measurement than after. */
export function openPage(file: string): Page {
  const old = readFileSync(file, 'utf8')
  const from = old.indexOf(begin)
  const to = old.indexOf(end)
  if (from < 0 || to < from) throw new Error(`${file}: expected the lines ${begin} and ${end}`)
  return { write: text => writeFileSync(file, `${old.slice(0, from + begin.length)}\n\n${text}\n\n${old.slice(to)}`) }
}

const megabytes = (bytes: number | null): string => (bytes === null ? '?' : (bytes / 1e6).toFixed(0))
const times = (ratio: number): string => `${ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(1)} ×`
const threadLabel = (threads: number): string => `${threads} thread${threads > 1 ? 's' : ''}`

/** The measurement, if there is one. */
const measured = (result: Result | undefined): Measured | undefined =>
  result && !('reason' in result) ? result : undefined

function rowOf({ id }: RowReport): Row {
  const row = rows.find(row => row.id === id)
  if (!row) throw new Error(`no row is named '${id}'`)
  return row
}

/** Machine, versions, date and command; a line of a table for each run that the report is made of. */
function preamble(reports: readonly RowReport[]): string {
  const places = new Set(reports.map(({ machine, node, day }) => `Measured on ${machine}; Node ${node}; ${day}.`))
  const runs = new Map<string, RowReport[]>()
  for (const report of reports) {
    const { machine, node, day, command, loadBefore } = report
    const run = JSON.stringify([machine, node, day, command, loadBefore])
    runs.set(run, [...(runs.get(run) ?? []), report])
  }
  const body = [...runs.values()].map(of => {
    const [{ machine, node, day, command, loadBefore, peak }] = of as [RowReport]
    return [
      of.map(report => rowOf(report).title).join('; '),
      ...(places.size > 1 ? [`${machine}; Node ${node}; ${day}`] : []),
      `\`${command}\``,
      loadBefore.toFixed(2),
      peak.fma?.toFixed(0) ?? '–',
      peak.mulAdd.toFixed(0),
    ]
  })
  const head = [
    'run',
    ...(places.size > 1 ? ['machine'] : []),
    'command',
    'load before',
    'peak, fused',
    'peak, separate',
  ]
  const lines = [
    ...(places.size > 1 ? [] : places),
    "The peak is that of one core in WebAssembly, in GFLOP/s: with relaxed SIMD's fused multiply-add, and with separate multiplication and addition.",
    table(head, body),
  ]
  const versions = new Map<string, string>()
  for (const { lines } of reports) {
    for (const { name, results } of lines) {
      for (const result of results) versions.set(name, measured(result)?.version ?? versions.get(name) ?? '')
    }
  }
  const named = [...versions].filter(([, version]) => version !== '').map(([name, version]) => `${name} ${version}`)
  return `${lines.join('\n\n')}\n\nVersions: ${named.join('; ')}.`
}

/** The fastest line of some kind at a thread count; what has one thread only counts with its time on one. */
function fastest(report: RowReport, kind: Line['kind'], threads: number): { name: string; ms: number } | undefined {
  const at = report.threads.indexOf(threads)
  return report.lines
    .filter(line => line.kind === kind)
    .flatMap(({ name, results }) => {
      const result = measured(results[at] ?? results[0])
      return result ? [{ name, ms: result.medianMs }] : []
    })
    .sort((a, b) => a.ms - b.ms)[0]
}

/** One line a row: Fovea's variants, each with the fastest native rival's time over its own, and the rivals. */
function overview(all: readonly RowReport[], threads: number): string {
  const reports = all.filter(report => report.threads.includes(threads))
  const variants = [
    ...new Set(reports.flatMap(({ lines }) => lines.filter(({ kind }) => kind === 'fovea').map(({ name }) => name))),
  ]
  const body = reports.map(report => {
    const at = report.threads.indexOf(threads)
    const resultOf = (name: string): Measured | undefined =>
      measured(report.lines.find(line => line.name === name)?.results[at])
    const native = fastest(report, 'native', threads)
    const script = fastest(report, 'javascript', threads)
    const ours = resultOf(subject)
    const rival = (best: { name: string; ms: number } | undefined): string =>
      best ? `${milliseconds(best.ms)} ${best.name}` : '–'
    return [
      rowOf(report).title,
      ...variants.map(name => {
        const result = resultOf(name)
        if (!result) return '–'
        const ratio = native ? ` (${times(native.ms / result.medianMs)})` : ''
        return `${milliseconds(result.medianMs)}${ratio}`
      }),
      ours ? (flopOf(rowOf(report)) / ours.medianMs / 1e6).toFixed(0) : '–',
      rival(native),
      rival(script),
      ours && script ? times(script.ms / ours.medianMs) : '–',
    ]
  })
  const head = [
    `${threadLabel(threads)}, ms (fastest native ÷ it)`,
    ...variants,
    'GFLOP/s',
    'fastest native',
    'fastest other JavaScript',
    `÷ ${subject}`,
  ]
  return table(head, body)
}

function rowSection(report: RowReport): string {
  const parts = [`### ${rowOf(report).title}`, load(report), stepTable(report)]
  if (report.lines.some(({ results }) => results.some(measured))) parts.push(startTable(report))
  if (report.subject.length > 0) parts.push(subjectTable(report), kernelTable(report))
  return parts.filter(part => part !== '').join('\n\n')
}

function load({ lines }: RowReport): string {
  const idle = lines.flatMap(({ results }) => results.flatMap(result => measured(result)?.idleLoad ?? []))
  if (idle.length === 0) return ''
  return `Busiest contender while it was not its turn: ${(Math.max(...idle) * 100).toFixed(1)} % of a core.`
}

function stepTable(report: RowReport): string {
  const { lines, threads } = report
  const flop = flopOf(rowOf(report))
  const references = threads.map((_, at) => measured(lines.find(({ name }) => name === subject)?.results[at]))
  const body = lines.map(({ name, results }) => {
    const cells = results.flatMap((result, at) => {
      if (!result) return ['one thread only', '', '', '']
      if ('reason' in result) {
        const said = at > 0 && results[0] && 'reason' in results[0] && results[0].reason === result.reason
        return [said ? '–' : `not measured: ${inCell(result.reason)}`, '', '', '']
      }
      const reference = references[at]
      return [
        milliseconds(result.medianMs),
        milliseconds(result.minMs),
        (flop / result.medianMs / 1e6).toFixed(1),
        reference ? times(result.medianMs / reference.medianMs) : '–',
      ]
    })
    return [name, ...cells]
  })
  const head = [
    'ms',
    ...threads.flatMap(count => [`${threadLabel(count)}: median`, 'least', 'GFLOP/s', `of ${subject}'s time`]),
  ]
  return table(head, body)
}

function startTable({ lines, threads }: RowReport): string {
  const body = lines.flatMap(({ name, results }) => {
    const cells = results.flatMap(result => {
      const of = measured(result)
      return of ? [milliseconds(of.startupMs), megabytes(of.peakBytes)] : ['–', '–']
    })
    return cells.every(cell => cell === '–') ? [] : [[name, ...cells]]
  })
  const head = [
    '',
    ...threads.flatMap(count => [`${threadLabel(count)}: import → first result, ms`, 'peak memory, MB']),
  ]
  return table(head, body)
}

function subjectTable(report: RowReport): string {
  const line = (name: string, cell: (of: SubjectReport) => string): string[] => [name, ...report.subject.map(cell)]
  const epochLine = (
    name: string,
    cell: (epoch: NonNullable<SubjectReport['epoch']>) => string,
  ): (readonly string[])[] =>
    report.subject.some(({ epoch }) => epoch) ? [line(name, ({ epoch }) => (epoch ? cell(epoch) : '–'))] : []
  return table(
    [subject, ...report.subject.map(({ threads }) => threadLabel(threads))],
    [
      line('engine', ({ details }) => details.engine),
      ...epochLine('one epoch of MNIST, s', ({ ms }) => (ms / 1000).toFixed(2)),
      ...epochLine(
        'shuffling and batching, share of the epoch',
        epoch => `${((epoch.batchingMs / epoch.ms) * 100).toFixed(2)} %`,
      ),
      ...epochLine('images/s', ({ images, ms }) => ((images / ms) * 1000).toFixed(0)),
      ...epochLine('peak memory of that process, MB', ({ peakBytes }) => megabytes(peakBytes)),
      line('trace, plan and assemble, ms', ({ details }) => details.planMs.toFixed(1)),
      line('arena, MB', ({ details }) => (details.arenaBytes / 1e6).toFixed(2)),
      line('read and written by its steps, MB', ({ details }) => (details.movedBytes / 1e6).toFixed(1)),
      line('least: inputs, outputs, parameters, MB', ({ details }) => (details.leastBytes / 1e6).toFixed(1)),
    ],
  )
}

/** Kernels that are listed one by one. */
const listed = 12

/** Kernels are timed on one thread, whatever the engine has. */
function kernelTable({ subject: [first], peak }: RowReport): string {
  const best = Math.max(peak.fma ?? 0, peak.mulAdd)
  const { kernels } = first.details
  const total = kernels.reduce((sum, { ms }) => sum + ms, 0)
  const rest = kernels.slice(listed)
  const body = kernels.slice(0, listed).map(({ name, count, multiplyAdds, ms }) => {
    const rate = (2 * multiplyAdds) / ms / 1e6
    const rates = multiplyAdds > 0 ? [rate.toFixed(1), percent(rate / best)] : ['–', '–']
    return [name, String(count), ms.toFixed(3), percent(ms / total), ...rates]
  })
  if (rest.length > 0) {
    const ms = rest.reduce((sum, kernel) => sum + kernel.ms, 0)
    const count = rest.reduce((sum, kernel) => sum + kernel.count, 0)
    body.push([`${rest.length} others`, String(count), ms.toFixed(3), percent(ms / total), '', ''])
  }
  return table(['kernel, one thread', 'steps', 'ms', 'of the time', 'GFLOP/s', 'of peak'], body)
}
