/** Training by two processes as Markdown, and what the model makes of it. */
import { table } from '../markdown.ts'
import type { Row } from '../rows.ts'
import type { Seen } from './fovea.ts'
import { fasterLink, type LinkKind, links } from './links.ts'
import { fullStep, oneBitStep } from './model.ts'
import { ranks } from './run.ts'

/** Who is measured. */
export const contenders = ['Fovea', 'Fovea, 1-bit', 'PyTorch, DDP on gloo'] as const
export type ContenderName = (typeof contenders)[number]

/** A measurement, or why there is none. */
export type Outcome = Seen | { readonly reason: string }

/** What a run found out about a row. */
export interface GroupReport {
  readonly row: Row
  /** One process, by contender; 1-bit gradients need two. */
  readonly alone: ReadonlyMap<ContenderName, Outcome>
  /** Two at the same time that exchange nothing. */
  readonly apart: ReadonlyMap<ContenderName, Outcome>
  /** Two of a group, on one host. */
  readonly sharing: ReadonlyMap<ContenderName, Outcome>
  /** Two of a group on hosts of their own, by link. */
  readonly linked: ReadonlyMap<LinkKind, ReadonlyMap<ContenderName, Outcome>>
}

/** Numbers of processes that the model is asked about. */
const carried = [2, 8, 16, 32, 64]

/** The whole report. @param preamble machine, command and date */
export function groupMarkdown(preamble: string, reports: readonly GroupReport[]): string {
  return [preamble, ...versions(reports), ...reports.flatMap(section)].join('\n\n')
}

const isSeen = (outcome: Outcome | undefined): outcome is Seen => outcome !== undefined && 'step' in outcome

function versions(reports: readonly GroupReport[]): string[] {
  const unlimited = reports[0] && unlimitedOf(reports[0])
  const known = contenders.flatMap(name => {
    const outcome = unlimited?.get(name)
    return isSeen(outcome) ? [`${name}: ${outcome.version}`] : []
  })
  return known.length > 0 ? [`${known.join('. ')}.`] : []
}

/** What was seen on links without a limit. */
const unlimitedOf = ({ linked }: GroupReport): ReadonlyMap<ContenderName, Outcome> | undefined =>
  linked.values().next().value

function section(report: GroupReport): string[] {
  const { row, linked } = report
  const head = ['images a second', '1 process', `${ranks}, nothing exchanged`, `${ranks}, shared memory`]
  for (const link of linked.keys()) {
    head.push(`${ranks}, ${link.name}`)
    if (link.rate !== undefined) head.push('predicted')
  }
  const title = row.title.replace('training step, batch', 'images for each process:')
  const carriedOver = carriedTable(report)
  return [
    `### ${title}`,
    table(
      head,
      contenders.map(name => lineOf(name, report)),
    ),
    ...(carriedOver ? [carriedOver] : []),
    ...reasons(report),
  ]
}

function lineOf(name: ContenderName, report: GroupReport): string[] {
  const { row, alone, apart, sharing, linked } = report
  const inGroup = name === 'Fovea, 1-bit'
  const single = alone.get(inGroup ? 'Fovea' : name)
  const groupSpeed = (outcome: Outcome | undefined): string => {
    const ratio = isSeen(single) && isSeen(outcome) ? ` (${((ranks * single.step) / outcome.step).toFixed(2)} ×)` : ''
    return speed(row, outcome, ranks) + ratio
  }
  const line: string[] = [name, ...(inGroup ? ['', ''] : [speed(row, single, 1), groupSpeed(apart.get(name))])]
  line.push(groupSpeed(sharing.get(name)))
  for (const [link, outcomes] of linked) {
    line.push(groupSpeed(outcomes.get(name)))
    if (link.rate !== undefined) {
      const step = predicted(name, report, link, ranks)
      line.push(step === undefined ? '' : perSecond(row, step, ranks))
    }
  }
  return line
}

const perSecond = ({ batch }: Row, step: number, processes: number): string =>
  ((1000 * batch * processes) / step).toFixed(0)

const speed = (row: Row, outcome: Outcome | undefined, processes: number): string =>
  isSeen(outcome) ? perSecond(row, outcome.step, processes) : 'not measured'

/** Milliseconds of a step by the model; undefined where it has nothing to go by. */
function predicted(name: ContenderName, report: GroupReport, link: LinkKind, processes: number) {
  const unlimited = unlimitedOf(report)
  const [full, packets] = [unlimited?.get('Fovea'), unlimited?.get('Fovea, 1-bit')]
  if (!isSeen(full)) return undefined
  if (name === 'Fovea') return fullStep(full, link, processes)
  return name === 'Fovea, 1-bit' && isSeen(packets) ? oneBitStep(packets, full, link, processes) : undefined
}

/** Predicted speed of more processes, as a multiple of one. */
function carriedTable(report: GroupReport): string | undefined {
  const single = report.alone.get('Fovea')
  if (!isSeen(single)) return undefined
  const lines: string[][] = []
  for (const name of ['Fovea', 'Fovea, 1-bit'] as const) {
    for (const link of [fasterLink, ...links.filter(({ rate }) => rate !== undefined)]) {
      const steps = carried.map(processes => predicted(name, report, link, processes))
      if (steps.includes(undefined)) continue
      const cells = steps.map((step, k) => `${((carried[k] * single.step) / step!).toFixed(1)} ×`)
      lines.push([`${name}, ${link.name}`, ...cells])
    }
  }
  return lines.length > 0 ? table(['predicted', ...carried.map(n => `${n} processes`)], lines) : undefined
}

function reasons({ alone, apart, sharing, linked }: GroupReport): string[] {
  const all = [alone, apart, sharing, ...linked.values()].flatMap(outcomes => [...outcomes])
  const told = all.flatMap(([name, outcome]) => (isSeen(outcome) ? [] : [`${name}: ${outcome.reason}`]))
  return told.length > 0 ? [`Not measured: ${[...new Set(told)].join('; ')}.`] : []
}
