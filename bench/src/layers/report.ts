/** The layer sweep as Markdown: summaries by kind of convolution, and a table for each direction. */
import { type LayerTime, subject } from './measure.ts'
import type { LayerResult } from './store.ts'
import { allTasks, classes, entries, multiplyAdds, type Pass, passes, type Task } from './tasks.ts'

/** Results of one thread count. */
export interface LayerSweep {
  readonly threads: number
  readonly results: ReadonlyMap<string, LayerResult>
}

/** The page before it has results. */
export const emptyPage = `# Performance, layer by layer

Every distinct convolution of the bench's networks, measured alone: forward at inference, gradient to the input, gradient to the
weights. How it is measured, and what the columns are, is said in [the bench's README](../bench/README.md#the-layer-sweep).

<!-- bench:begin -->
<!-- bench:end -->
`

/** The whole report. */
export function layerMarkdown(sweeps: readonly LayerSweep[]): string {
  const measured = sweeps.filter(({ results }) => results.size > 0)
  return measured.map(section).join('\n\n')
}

const passTitles: Readonly<Record<Pass, string>> = {
  forward: 'forward',
  inputGradient: 'gradient to the input',
  weightGradient: 'gradient to the weights',
}

function section({ threads, results }: LayerSweep): string {
  const lines = allTasks().flatMap(task => {
    const result = results.get(task.id)
    return result ? [lineOf(task, result)] : []
  })
  const names = [...new Set(lines.flatMap(({ ours }) => ours.map(({ name }) => name)))]
  const label = `${threads} thread${threads > 1 ? 's' : ''}`
  const parts = [`## ${label[0].toUpperCase()}${label.slice(1)}`, ...preamble(results)]
  for (const name of names) {
    const summary = summaryOf(name, lines)
    if (summary !== undefined) parts.push(`### ${name}, ${label}: fastest rival's time ÷ its own`, summary)
  }
  for (const pass of passes) {
    const of = lines.filter(({ task }) => task.pass === pass)
    if (of.length > 0)
      parts.push(
        `### ${passTitles[pass]}, ${label}`.replace('### f', '### F').replace('### g', '### G'),
        table(of, names),
      )
  }
  return parts.join('\n\n')
}

/** One line for each run that the sweep is made of. */
function preamble(results: ReadonlyMap<string, LayerResult>): string[] {
  const runs = new Map<string, number>()
  for (const { run } of results.values()) {
    const { machine, node, day, command, loadBefore, contenders } = run
    const calls = contenders.map(
      ({ name, version, emptyMicroseconds }) => `${name} ${version} ${emptyMicroseconds.toFixed(1)}`,
    )
    const text =
      `Measured on ${machine}; Node ${node}; ${day}; \`${command}\`; load before the run ${loadBefore.toFixed(2)}. ` +
      `Microseconds of a call that computes next to nothing: ${calls.join(', ')}.`
    runs.set(text, (runs.get(text) ?? 0) + 1)
  }
  const reasons = new Map<string, number>()
  for (const { times } of results.values()) {
    for (const { name, reason } of times) {
      if (reason !== undefined) reasons.set(`${name}: ${reason}`, (reasons.get(`${name}: ${reason}`) ?? 0) + 1)
    }
  }
  const failures = [...reasons].map(([text, count]) => `${text} (${count})`)
  return [
    ...[...runs].map(([text, count]) => (runs.size > 1 ? `${text} (${count} layers)` : text)),
    ...(failures.length > 0 ? [`Not measured: ${failures.join('; ')}.`] : []),
  ]
}

interface Line {
  readonly task: Task
  readonly gigaflop: number
  readonly count: number
  /** Of Fovea's variants that could be measured. */
  readonly ours: readonly { readonly name: string; readonly ms: number; readonly method: string }[]
  readonly rival: { readonly name: string; readonly ms: number } | undefined
}

function lineOf(task: Task, { times }: LayerResult): Line {
  const best = ({ name, ms }: LayerTime): { name: string; ms: number }[] =>
    Object.entries(ms).map(([variant, ms]) => ({ name: `${name}, ${variant}`, ms }))
  return {
    task,
    gigaflop: (2 * multiplyAdds(task)) / 1e9,
    count: task.uses.reduce((sum, { count }) => sum + count, 0),
    ours: times
      .filter(({ fovea, ms }) => fovea && Object.keys(ms).length > 0)
      .map(({ name, ms, method = '' }) => ({ name, ms: Object.values(ms)[0], method })),
    rival: times
      .filter(({ fovea }) => !fovea)
      .flatMap(best)
      .sort((a, b) => a.ms - b.ms)[0],
  }
}

const rows = (cells: readonly (readonly string[])[], texts: number): string => {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`
  const [head, ...body] = cells
  return [line(head), line(head.map((_, i) => (i < texts ? '---' : '---:'))), ...body.map(line)].join('\n')
}

const times = (ratio: number): string => (Number.isFinite(ratio) ? `${ratio.toFixed(2)} ×` : '–')

/** Milliseconds with three digits. */
const milliseconds = (ms: number): string => (ms < 1 ? ms.toPrecision(3) : ms < 100 ? ms.toFixed(2) : ms.toFixed(0))

const rate = (gigaflop: number, ms: number): string => ((gigaflop / ms) * 1000).toFixed(gigaflop / ms < 0.01 ? 1 : 0)

/**
 * Geometric means by kind of convolution, and the ratio of the sums of times with every convolution as often as it occurs;
 * `undefined` when nothing can be compared.
 */
function summaryOf(name: string, lines: readonly Line[]): string | undefined {
  const compared = lines.flatMap(({ task, count, ours, rival }) => {
    const own = ours.find(line => line.name === name)
    return own && rival ? [{ task, count, own: own.ms, rival: rival.ms }] : []
  })
  if (compared.length === 0) return undefined
  const cellsOf = (of: typeof compared): string[] => {
    if (of.length === 0) return ['0', '–', '–']
    const geometric = Math.exp(of.reduce((sum, { own, rival }) => sum + Math.log(rival / own), 0) / of.length)
    const own = of.reduce((sum, { own, count }) => sum + own * count, 0)
    const rival = of.reduce((sum, { rival, count }) => sum + rival * count, 0)
    return [String(of.length), times(geometric), times(rival / own)]
  }
  const body = [...classes, 'all'].flatMap(kind => {
    const of = compared.filter(({ task }) => kind === 'all' || task.kind === kind)
    if (of.length === 0) return []
    return [[kind, ...passes.flatMap(pass => cellsOf(of.filter(({ task }) => task.pass === pass)))]]
  })
  const head = ['', ...passes.flatMap(pass => [`${passTitles[pass]}: layers`, 'geometric mean', 'by time'])]
  return rows([head, ...body], 1)
}

function table(lines: readonly Line[], names: readonly string[]): string {
  const others = names.filter(name => name !== subject)
  const head = [
    'convolution',
    'occurs in',
    'method',
    'fastest rival',
    'million multiply-adds',
    `${subject}, ms`,
    'GFLOP/s',
    'rival, ms',
    'GFLOP/s',
    `rival ÷ ${subject}`,
    ...others.flatMap(name => [`${name}, ms`, 'rival ÷ it']),
  ]
  const body = lines.map(line => {
    const { task, gigaflop, ours, rival } = line
    const cells = (name: string, full: boolean): string[] => {
      const own = ours.find(own => own.name === name)
      if (!own) return ['–', '–']
      return [milliseconds(own.ms), full ? rate(gigaflop, own.ms) : times((rival?.ms ?? Number.NaN) / own.ms)]
    }
    const own = ours.find(({ name }) => name === subject)
    return [
      describe(task),
      task.uses.map(({ net, count }) => `${titleOf(net)}${count > 1 ? ` ×${count}` : ''}`).join(', '),
      own?.method ?? '–',
      rival?.name ?? '–',
      (gigaflop * 500).toFixed(gigaflop < 0.02 ? 2 : 0),
      ...cells(subject, true),
      ...(rival ? [milliseconds(rival.ms), rate(gigaflop, rival.ms)] : ['–', '–']),
      own && rival ? times(rival.ms / own.ms) : '–',
      ...others.flatMap(name => cells(name, false)),
    ]
  })
  return rows([head, ...body], 4)
}

const titleOf = (net: string): string => entries.find(entry => entry.net === net)?.title ?? net

/** `8 × 64×56×56 → 128, 3×3 / 2, padding 1`. */
function describe({ batch, input, output, kernel, stride, pad, groups }: Task): string {
  const parts = [`${batch} × ${input.join('×')} → ${output[0]}, ${kernel}×${kernel}${stride > 1 ? ` / ${stride}` : ''}`]
  if (pad > 0) parts.push(`padding ${pad}`)
  if (groups > 1) parts.push(groups === input[0] ? 'depthwise' : `${groups} groups`)
  return parts.join(', ')
}
