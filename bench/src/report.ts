/** Measurements as Markdown. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { FoveaDetails, FoveaEpoch } from './contenders/fovea.ts'
import { type ContenderSpec, subject } from './contenders.ts'
import type { Result } from './measure.ts'
import type { WasmPeak } from './wasmPeak.ts'

/** What was learned about Fovea alone at one thread count. */
export interface SubjectReport {
  readonly threads: number
  readonly details: FoveaDetails
  readonly epoch: FoveaEpoch & { readonly peakBytes: number | null }
}

/** Everything one run of the bench found out. */
export interface Report {
  readonly date: Date
  readonly machine: string
  readonly command: string
  readonly loadBefore: number
  readonly specs: readonly ContenderSpec[]
  /** By thread count, then by contender. */
  readonly results: ReadonlyMap<number, ReadonlyMap<string, Result>>
  readonly peak: WasmPeak
  readonly subject: readonly SubjectReport[]
}

/** The whole report. */
export function markdown(report: Report): string {
  const parts = [preamble(report), stepTable(report)]
  const measured = [...report.results.values()].some(byName =>
    [...byName.values()].some(result => !('reason' in result)),
  )
  if (measured) parts.push(startTable(report))
  if (report.subject.length > 0) parts.push(subjectTable(report), kernelTable(report))
  return parts.join('\n\n')
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

const milliseconds = (ms: number): string => (ms < 100 ? ms.toFixed(2) : ms.toFixed(0))
const megabytes = (bytes: number | null): string => (bytes === null ? '?' : (bytes / 1e6).toFixed(0))

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

const threadLabel = (threads: number): string => `${threads} thread${threads > 1 ? 's' : ''}`

function preamble({ date, machine, command, loadBefore, results }: Report): string {
  const idle = [...results.values()].flatMap(byName =>
    [...byName.values()].flatMap(result =>
      'reason' in result || Number.isNaN(result.idleLoad) ? [] : [result.idleLoad],
    ),
  )
  const busiest = idle.length > 0 ? `${(Math.max(...idle) * 100).toFixed(1)} % of a core` : 'not known'
  const day = date.toISOString().slice(0, 10)
  return [
    `LeNet-5 training step, batch 128, on ${machine}; Node ${process.versions.node}; ${day}; \`${command}\`.`,
    `Load before the run ${loadBefore.toFixed(2)}; busiest contender while it was not its turn: ${busiest}.`,
  ].join('\n')
}

function stepTable({ specs, results }: Report): string {
  const counts = [...results.keys()]
  const rows = specs.map(spec => {
    const cells = counts.flatMap(threads => {
      const result = results.get(threads)?.get(spec.name)
      if (!result) return ['one thread only', '', '']
      if ('reason' in result) return [`not measured: ${inCell(result.reason)}`, '', '']
      const reference = results.get(threads)?.get(subject)
      const ratio =
        reference && !('reason' in reference) ? `${(result.medianMs / reference.medianMs).toFixed(2)} ×` : '–'
      return [milliseconds(result.medianMs), milliseconds(result.minMs), ratio]
    })
    return [`${spec.name}${versionOf(spec, results)}`, ...cells]
  })
  const head = [
    'ms per step',
    ...counts.flatMap(threads => [`${threadLabel(threads)}: median`, 'least', `of ${subject}'s time`]),
  ]
  return table(head, rows)
}

function versionOf(spec: ContenderSpec, results: Report['results']): string {
  for (const byName of results.values()) {
    const result = byName.get(spec.name)
    if (result && !('reason' in result)) return ` ${result.version}`
  }
  return ''
}

/** Text that does not break a table. */
const inCell = (text: string): string => text.replaceAll('|', '\\|').slice(0, 160)

function startTable({ specs, results }: Report): string {
  const counts = [...results.keys()]
  const rows = specs.flatMap(spec => {
    const cells = counts.flatMap(threads => {
      const result = results.get(threads)?.get(spec.name)
      return !result || 'reason' in result ? ['–', '–'] : [milliseconds(result.startupMs), megabytes(result.peakBytes)]
    })
    return cells.every(cell => cell === '–') ? [] : [[spec.name, ...cells]]
  })
  const head = [
    '',
    ...counts.flatMap(threads => [`${threadLabel(threads)}: import → first step, ms`, 'peak memory, MB']),
  ]
  return table(head, rows)
}

function subjectTable(report: Report): string {
  const row = (name: string, cell: (of: SubjectReport) => string): string[] => [name, ...report.subject.map(cell)]
  return table(
    [subject, ...report.subject.map(({ threads }) => threadLabel(threads))],
    [
      row('engine', ({ details }) => details.engine),
      row('one epoch of MNIST, s', ({ epoch }) => (epoch.ms / 1000).toFixed(2)),
      row(
        'shuffling and batching, share of the epoch',
        ({ epoch }) => `${((epoch.batchingMs / epoch.ms) * 100).toFixed(2)} %`,
      ),
      row('images/s', ({ epoch }) => ((epoch.images / epoch.ms) * 1000).toFixed(0)),
      row('peak memory of that process, MB', ({ epoch }) => megabytes(epoch.peakBytes)),
      row('trace, plan and assemble, ms', ({ details }) => details.planMs.toFixed(1)),
      row('arena, MB', ({ details }) => (details.arenaBytes / 1e6).toFixed(2)),
    ],
  )
}

/** Kernels are timed on one thread, whatever the engine has. */
function kernelTable({ subject: [first], peak }: Report): string {
  const best = Math.max(peak.fma ?? 0, peak.mulAdd)
  const rows = first.details.kernels.map(({ name, multiplyAdds, ms }) => {
    const rate = (2 * multiplyAdds) / ms / 1e6
    return [name, ms.toFixed(3), rate.toFixed(1), `${((rate / best) * 100).toFixed(0)} %`]
  })
  const head = ['kernel, one thread', 'ms', 'GFLOP/s', 'of peak']
  const fma =
    peak.fma === null
      ? 'no fused multiply-add'
      : `${peak.fma.toFixed(0)} GFLOP/s with relaxed SIMD's fused multiply-add`
  return `Measured WebAssembly peak of one core: ${fma}, ${peak.mulAdd.toFixed(0)} with separate multiplication and addition.\n\n${table(head, rows)}`
}
