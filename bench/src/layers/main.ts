/** The layer sweep: `npm --prefix bench run layers -- [options]`. Prints Markdown to stdout, progress to stderr. */
import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { commandOf, repository } from '../commandLine.ts'
import { checkedLoad, machine } from '../machine.ts'
import { openPage } from '../report.ts'
import { say } from '../say.ts'
import { secondNode } from '../secondNode.ts'
import { type LayerEffort, LayerField, layerContenders, subject } from './measure.ts'
import { emptyPage, layerMarkdown } from './report.ts'
import { keepLayers, keptLayers, type LayerResult, type LayerRun } from './store.ts'
import { allTasks, entries, type Task } from './tasks.ts'

const usage = `npm --prefix bench run layers -- [options]

  --quick            two short turns: a look, not a measurement
  --nets LIST        only the convolutions of these networks: ${entries.map(({ net }) => net).join(',')}
  --threads LIST     thread counts, '1' by default
  --resume           leave out what an earlier run on the same day has measured (without --quick)
  --write FILE       also put the report between the markers of this Markdown file (relative to the repository; made when it
                     is not there), with the other layers as runs without --quick have left them
  --help

FOVEA_BENCH_PYTHON names the Python that has PyTorch, 'python3' by default; FOVEA_BENCH_NODE a second Node to measure
Fovea with as well.
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      nets: { type: 'string' },
      threads: { type: 'string', default: '1' },
      resume: { type: 'boolean', default: false },
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
  const tasks = tasksOf(values.nets)
  const file = values.write === undefined ? undefined : resolve(repository, values.write)
  if (file !== undefined && !existsSync(file)) writeFileSync(file, emptyPage)
  const page = file === undefined ? undefined : openPage(file)
  const { FOVEA_BENCH_PYTHON: python = 'python3' } = process.env
  const specs = layerContenders(python, secondNode())
  const effort: LayerEffort = values.quick
    ? { turns: 2, turnMs: 10, warmUpMs: 20 }
    : { turns: 5, turnMs: 12, warmUpMs: 30 }

  const loadBefore = checkedLoad()
  const known = {
    day: new Date().toISOString().slice(0, 10),
    machine: machine(),
    node: process.versions.node,
    command: commandOf('layers'),
    loadBefore,
  }
  const started = performance.now()
  const measured = new Map(counts.map(count => [count, new Map<string, LayerResult>()]))
  const report = (): string =>
    layerMarkdown(
      [...measured].map(([threads, results]) => ({ threads, results: new Map([...keptLayers(threads), ...results]) })),
    )
  for (const threads of counts) {
    const field = new LayerField(specs, threads, say)
    const results = measured.get(threads) as Map<string, LayerResult>
    const kept = keptLayers(threads)
    for (const [index, task] of tasks.entries()) {
      const before = kept.get(task.id)
      if (values.resume && before?.run.day === known.day && before.run.machine === known.machine) {
        results.set(task.id, before)
        continue
      }
      const times = await field.measure(task, effort)
      const contenders = specs.flatMap(({ name }) => {
        const about = field.about(name)
        return about ? [{ name, ...about }] : []
      })
      const run: LayerRun = { ...known, contenders }
      const result: LayerResult = { id: task.id, run, times }
      results.set(task.id, result)
      if (!values.quick) {
        kept.set(task.id, result)
        keepLayers(threads, kept)
      }
      const minutes = ((performance.now() - started) / 60_000).toFixed(1)
      const own = Object.values(times.find(({ name }) => name === subject)?.ms ?? {})[0]
      say(
        `${minutes} min, ${threads} thread${threads > 1 ? 's' : ''}, ${index + 1} of ${tasks.length}: ${task.id} ` +
          `${own === undefined ? 'not measured' : `${own.toPrecision(3)} ms`}`,
      )
      // Now and then, so that a run that is broken off has not been for nothing.
      if (index % 50 === 49) page?.write(report())
    }
    await field.stop()
    page?.write(report())
  }
  process.stdout.write(`${layerMarkdown([...measured].map(([threads, results]) => ({ threads, results })))}\n`)
}

/** The tasks of the networks named. @throws Error when there is no such network. */
function tasksOf(list: string | undefined): Task[] {
  if (list === undefined) return allTasks()
  const names = list.split(',')
  const unknown = names.filter(name => !entries.some(({ net }) => net === name))
  if (unknown.length > 0) {
    throw new Error(`--nets (=${list}): '${unknown[0]}' is none of ${entries.map(({ net }) => net).join(', ')}`)
  }
  return allTasks().filter(({ uses }) => uses.some(({ net }) => names.includes(net)))
}

try {
  await main()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
