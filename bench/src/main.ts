/** The bench: `npm --prefix bench run bench -- [options]`. Prints Markdown to stdout, progress to stderr. */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import type { FoveaDetails, FoveaEpoch } from './contenders/fovea.ts'
import { contenders, subject } from './contenders.ts'
import { load, machine } from './machine.ts'
import { type Effort, measure, type Result } from './measure.ts'
import { ContenderProcess } from './process.ts'
import { markdown, openPage, type SubjectReport } from './report.ts'
import type { WasmPeak } from './wasmPeak.ts'

const usage = `npm --prefix bench run bench -- [options]

  --quick            few rounds: a look, not a measurement
  --only NAME        only contenders whose name contains NAME (may be repeated)
  --threads LIST     thread counts, '1,2' by default
  --write FILE       also put the report between the markers of this Markdown file (relative to the repository)
  --help

FOVEA_BENCH_PYTHON names the Python that has PyTorch and TensorFlow, 'python3' by default.
`

const repository = fileURLToPath(new URL('../..', import.meta.url))

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
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
  const only = values.only?.map(name => name.toLowerCase())
  const specs = contenders(process.env.FOVEA_BENCH_PYTHON ?? 'python3').filter(
    ({ name }) => !only || only.some(part => name.toLowerCase().includes(part)),
  )
  if (specs.length === 0) throw new Error(`--only (=${values.only?.join(', ')}) names no contender`)

  const page = values.write === undefined ? undefined : openPage(resolve(repository, values.write))

  const loadBefore = load()
  if (loadBefore > 0.5)
    say(`the load is ${loadBefore.toFixed(2)}: other programs are running, and the numbers will show it`)
  const peak = await measurePeak()
  const effort: Effort = values.quick
    ? { rounds: 4, steps: 12, settle: 2, warmUp: 30 }
    : { rounds: 24, steps: 22, settle: 2, warmUp: 150 }
  const results = new Map<number, Map<string, Result>>()
  for (const threads of counts) {
    const able = specs.filter(spec => threads === 1 || !spec.singleThreaded)
    results.set(threads, await measure(able, threads, effort, say))
  }
  const subjectReports: SubjectReport[] = []
  const spec = specs.find(({ name }) => name === subject)
  for (const threads of counts) {
    const result = results.get(threads)?.get(subject)
    if (spec && result && !('reason' in result)) subjectReports.push(await measureSubject(spec.command, threads))
  }

  const text = markdown({
    date: new Date(),
    machine: machine(),
    command: [
      'npm --prefix bench run bench',
      ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : []),
    ].join(' '),
    loadBefore,
    specs,
    results,
    peak,
    subject: subjectReports,
  })
  process.stdout.write(`${text}\n`)
  page?.write(text)
}

function say(message: string): void {
  process.stderr.write(`${message}\n`)
}

async function measurePeak(): Promise<WasmPeak> {
  say('measuring the WebAssembly peak of one core')
  const { stdout } = await promisify(execFile)(process.execPath, [
    fileURLToPath(new URL('./wasmPeak.js', import.meta.url)),
  ])
  return JSON.parse(stdout) as WasmPeak
}

/** Plan, kernels and an epoch, in a process that has done nothing else. */
async function measureSubject(command: readonly string[], threads: number): Promise<SubjectReport> {
  say(`${subject} alone, ${threads} thread${threads > 1 ? 's' : ''}`)
  const training = await ContenderProcess.start(command, threads)
  const { value: epoch } = await training.ask<{ value: FoveaEpoch }>({ cmd: 'epoch' })
  const { peakBytes } = await training.ask<{ peakBytes: number | null }>({ cmd: 'memory' })
  const { value: details } = await training.ask<{ value: FoveaDetails }>({ cmd: 'details' })
  await training.stop()
  return { threads, details, epoch: { ...epoch, peakBytes } }
}

try {
  await main()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
