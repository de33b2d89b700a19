/** Training by two processes: `npm --prefix bench run distributed -- [options]`. Prints Markdown to stdout, progress to stderr. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { commandOf, repository } from '../commandLine.ts'
import { checkedLoad, machine } from '../machine.ts'
import { openPage } from '../report.ts'
import { type Row, rows } from '../rows.ts'
import { say } from '../say.ts'
import { Hosts, type LinkKind, links } from './links.ts'
import { type ContenderName, contenders, type GroupReport, groupMarkdown, type Outcome } from './report.ts'
import { endAll, type Place, ranks, runFovea, runTorch } from './run.ts'

const usual = ['lenet5-train-b128', 'resnet20-cifar-train-b128', 'resnet18-train-b8']

const usage = `npm --prefix bench run distributed -- [options]

  --quick         two seconds for each measurement: a look
  --rows TEXT     only rows whose name contains TEXT: ${usual.join(', ')}
  --write FILE    also put the report between the markers of this Markdown file (relative to the repository)
  --help

One process, two that know nothing of each other, two in shared memory, and two on hosts that are network namespaces, with links of ${links.map(({ name }) => name).join(', ')}. Needs Linux,
root, iproute2 and Open MPI, koffi, and two cores that are idle. FOVEA_BENCH_PYTHON names the Python that has PyTorch, 'python3' by
default; FOVEA_NATIVE=off measures Fovea in WebAssembly.
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rows: { type: 'string', default: '' },
      write: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return
  }
  const chosen = rows.filter(({ id }) => usual.includes(id) && id.includes(values.rows))
  if (chosen.length === 0) throw new Error(`--rows (=${values.rows}) is part of none of ${usual.join(', ')}`)
  const page = values.write === undefined ? undefined : openPage(resolve(repository, values.write))
  const seconds = values.quick ? 2 : 20
  const loadBefore = checkedLoad()
  const preamble =
    `Measured on ${machine()}; Node ${process.versions.node}; ${new Date().toISOString().slice(0, 10)}; \`${commandOf('distributed')}\`; ` +
    `load before the run ${loadBefore.toFixed(2)}. Every process has one thread, and as many images as one has alone. ` +
    `${ranks} that exchange nothing show what the cores have to give; ${ranks} with links are on hosts of their own ` +
    '(network namespaces on this machine). Medians of all steps.'
  const reports: GroupReport[] = []
  for (const row of chosen) {
    reports.push(await measure(row, seconds))
    page?.write(groupMarkdown(preamble, reports))
  }
  process.stdout.write(`${groupMarkdown(preamble, reports)}\n`)
}

/** Hosts that are up. */
const up = new Set<Hosts>()

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
process.on('exit', () => {
  endAll()
  for (const hosts of up) hosts.close()
})

async function measure(row: Row, seconds: number): Promise<GroupReport> {
  const { FOVEA_BENCH_PYTHON: python = 'python3' } = process.env
  const outcomeOf = async (name: ContenderName, place: Place): Promise<Outcome> => {
    const task = { row, seconds, place }
    try {
      if (name === 'PyTorch, DDP on gloo') {
        return { begun: [], after: 0, latency: 0, ...(await runTorch(python, task)) }
      }
      return await runFovea(name === 'Fovea' ? 'tree' : 'oneBit', task)
    } catch (error) {
      return { reason: (error as Error).message.replaceAll('\n', ' ') }
    }
  }
  const outcomesOf = async (names: readonly ContenderName[], where: string, place: Place) => {
    const outcomes = new Map<ContenderName, Outcome>()
    for (const name of names) {
      const outcome = await outcomeOf(name, place)
      outcomes.set(name, outcome)
      say(`${row.title}, ${where}, ${name}: ${'step' in outcome ? `${outcome.step.toFixed(1)} ms` : outcome.reason}`)
    }
    return outcomes
  }
  const withoutGroup = contenders.filter(name => name !== 'Fovea, 1-bit')
  const alone = await outcomesOf(withoutGroup, 'alone', 'alone')
  const apart = await outcomesOf(withoutGroup, 'apart', 'apart')
  const sharing = await outcomesOf(contenders, 'shared memory', 'shared memory')
  const linked = new Map<LinkKind, ReadonlyMap<ContenderName, Outcome>>()
  for (const link of links) {
    const hosts = new Hosts(ranks, link)
    up.add(hosts)
    try {
      linked.set(link, await outcomesOf(contenders, link.name, hosts))
    } finally {
      up.delete(hosts)
      hosts.close()
    }
  }
  return { row, alone, apart, sharing, linked }
}

await main()
