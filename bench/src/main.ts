/** The bench: `npm --prefix bench run bench -- [options]`. Prints Markdown to stdout, progress to stderr. */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { commandOf, repository } from './commandLine.ts'
import type { FoveaDetails, FoveaEpoch } from './contenders/fovea.ts'
import { type ContenderSpec, contenders, isLenet, subject } from './contenders.ts'
import { checkedLoad, machine } from './machine.ts'
import { type Effort, measure, type Result } from './measure.ts'
import { ContenderProcess } from './process.ts'
import { markdown, openPage } from './report.ts'
import { type Row, rows } from './rows.ts'
import { say } from './say.ts'
import { secondNode } from './secondNode.ts'
import { keep, kept, type RowReport, type SubjectReport } from './store.ts'
import type { WasmPeak } from './wasmPeak.ts'

const usage = `npm --prefix bench run bench -- [options]

  --quick            few rounds: a look, not a measurement
  --rows TEXT        only rows whose name contains TEXT (may be repeated); names are listed below
  --only NAME        only contenders whose name contains NAME (may be repeated)
  --threads LIST     thread counts, '1,2' by default
  --write FILE       also put the report between the markers of this Markdown file (relative to the repository), with the
                     other rows as whole runs before have left them
  --help

Rows: ${rows.map(({ id }) => id).join(', ')}.

FOVEA_BENCH_PYTHON names the Python that has PyTorch and TensorFlow, 'python3' by default; FOVEA_BENCH_NODE a second Node
to measure Fovea with as well.
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rows: { type: 'string', multiple: true },
      only: { type: 'string', multiple: true },
      threads: { type: 'string', default: '1,2' },
      write: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return
  }
  const counts = values.threads.split(',').map(Number)
  if (counts.some(count => !Number.isInteger(count) || count < 1)) {
    throw new Error(`--threads (=${values.threads}) must be whole numbers ≥ 1, like 1,2`)
  }
  const { FOVEA_BENCH_PYTHON: python = 'python3' } = process.env
  const specs = chosen('--only', values.only, contenders(python, secondNode()), ({ name }) => name)
  const chosenRows = chosen('--rows', values.rows, rows, ({ id }) => id)
  const page = values.write === undefined ? undefined : openPage(resolve(repository, values.write))

  const started = performance.now()
  const loadBefore = checkedLoad()
  const peak = await measurePeak()
  const known = {
    day: new Date().toISOString().slice(0, 10),
    machine: machine(),
    node: process.versions.node,
    command: commandOf('bench'),
    loadBefore,
    peak,
    threads: counts,
  }
  const measured = new Map<string, RowReport>()
  const whole = !values.quick && !values.only
  for (const row of chosenRows) {
    const report = { id: row.id, ...known, ...(await measureRow(row, specs, counts, values.quick)) }
    measured.set(row.id, report)
    if (whole) keep(report)
    say(`${row.title}: done after ${((performance.now() - started) / 60_000).toFixed(1)} minutes`)
    // After every row, so that a run that is broken off has not been for nothing.
    page?.write(markdown(rows.flatMap(({ id }) => measured.get(id) ?? kept(id) ?? [])))
  }
  process.stdout.write(`${markdown([...measured.values()])}\n`)
}

/** What the user asks for by parts of names. @throws Error when that is nothing. */
function chosen<T>(
  option: string,
  parts: readonly string[] | undefined,
  all: readonly T[],
  nameOf: (item: T) => string,
): readonly T[] {
  const found = all.filter(item => parts?.some(part => nameOf(item).toLowerCase().includes(part.toLowerCase())) ?? true)
  if (found.length === 0)
    throw new Error(`${option} (=${parts?.join(', ')}) names none of: ${all.map(nameOf).join('; ')}`)
  return found
}

/** A row at all thread counts, and then Fovea alone. */
async function measureRow(
  row: Row,
  all: readonly ContenderSpec[],
  counts: readonly number[],
  quick: boolean,
): Promise<Pick<RowReport, 'lines' | 'subject'>> {
  const specs = all.filter(({ lenetOnly }) => !lenetOnly || isLenet(row))
  const effort: Effort = quick
    ? { rounds: 2, steps: 5, turnMs: 100, totalMs: 500, warmUpMs: 100 }
    : { rounds: row.rounds, steps: 20, turnMs: 500, totalMs: 5000, warmUpMs: 2000 }
  const results = new Map<number, Map<string, Result>>()
  for (const threads of counts) {
    // What has one thread only is measured once; where it is not measured at all, each column says why.
    const able = specs.filter(spec => threads === counts[0] || !spec.singleThreaded || spec.unable?.(row) !== undefined)
    results.set(threads, await measure(able, row, threads, effort, say))
  }
  const spec = specs.find(({ name }) => name === subject)
  const subjectReports: SubjectReport[] = []
  for (const threads of counts) {
    const result = results.get(threads)?.get(subject)
    if (!spec || !result || 'reason' in result) continue
    const profiled = subjectReports.length === 0
    subjectReports.push(await measureSubject(spec, row, threads, { stepMs: result.medianMs, quick, profiled }))
  }
  return {
    lines: specs.map(({ name, kind }) => ({ name, kind, results: counts.map(count => results.get(count)?.get(name)) })),
    subject: subjectReports,
  }
}

async function measurePeak(): Promise<WasmPeak> {
  say('measuring the WebAssembly peak of one core')
  const { stdout } = await promisify(execFile)(process.execPath, [
    fileURLToPath(new URL('./wasmPeak.js', import.meta.url)),
  ])
  return JSON.parse(stdout) as WasmPeak
}

/** Plan, kernels and, of LeNet-5, an epoch, in a process that has done nothing else. */
async function measureSubject(
  spec: ContenderSpec,
  row: Row,
  threads: number,
  { stepMs, quick, profiled }: { readonly stepMs: number; readonly quick: boolean; readonly profiled: boolean },
): Promise<SubjectReport> {
  say(`${subject} alone, ${threads} thread${threads > 1 ? 's' : ''}`)
  // Kernels are timed once, on one thread; ten repetitions more are not counted.
  const repeats = quick ? 1 : Math.max(3, Math.min(30, Math.round(10_000 / stepMs)))
  process.env.FOVEA_BENCH_REPEATS = String(profiled ? repeats : 0)
  const alone = await ContenderProcess.start(spec.command(row), row, threads)
  const epoch = isLenet(row) && (await alone.ask<{ value: FoveaEpoch }>({ cmd: 'epoch' })).value
  const { peakBytes } = await alone.ask<{ peakBytes: number | null }>({ cmd: 'memory' })
  const { value: details } = await alone.ask<{ value: FoveaDetails }>({ cmd: 'details' })
  await alone.stop()
  return { threads, details, ...(epoch && { epoch: { ...epoch, peakBytes } }) }
}

try {
  await main()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
