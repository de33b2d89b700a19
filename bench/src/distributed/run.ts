/** Starts the processes of a measurement, on hosts with links, and waits for what the first one prints. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Row } from '../rows.ts'
import type { Seen } from './fovea.ts'
import { addressOf, device, type Hosts, hostOf, network } from './links.ts'

/**
 * Where processes are: one alone; two at the same time that know nothing of each other; two of a group on this host, which share its
 * memory; two of a group on hosts of their own.
 */
export type Place = 'alone' | 'apart' | 'shared memory' | Hosts

/** What is measured. */
export interface Task {
  readonly row: Row
  readonly seconds: number
  readonly place: Place
}

/** Processes of a group that is measured. */
export const ranks = 2

/** Seconds that a measurement may take besides its steps. */
const mostSeconds = 240

const program = fileURLToPath(new URL('./fovea.js', import.meta.url))
const torch = fileURLToPath(new URL('../../src/contenders/torch_ddp.py', import.meta.url))

/** Steps of Fovea, by Open MPI. @throws Error with what it said when it fails */
export async function runFovea(exchange: 'tree' | 'oneBit', { row, seconds, place }: Task): Promise<Seen> {
  const own = (what: typeof exchange | 'none'): string[] => [process.execPath, program, what, String(seconds)]
  const single = async (): Promise<Seen> => answer(await ended(spawnWith(row, own('none'))))
  if (place === 'alone') return single()
  if (place === 'apart') return together(await Promise.all(Array.from({ length: ranks }, single)))
  // Each host takes itself for the whole machine: bound to cores, all processes would be on its first one.
  const words = ['mpirun.openmpi', '--allow-run-as-root', '--bind-to', 'none', '-n', String(ranks)]
  for (const [name, value] of Object.entries({ mpi_yield_when_idle: '1', ...(isHosts(place) && settingsOf(place)) })) {
    words.push('--mca', name, value)
  }
  for (const name of ['FOVEA_BENCH_ROW', 'FOVEA_NATIVE', 'PATH'])
    if (process.env[name] ?? name === 'FOVEA_BENCH_ROW') words.push('-x', name)
  if (!isHosts(place)) return answer(await ended(spawnWith(row, [...words, '--oversubscribe', ...own(exchange)])))
  words.push('--host', Array.from({ length: ranks }, (_, rank) => `${hostOf(rank)}:1`).join())
  // mpirun must be where the others can call it back.
  const quoted = [...words, ...own(exchange)].map(word => `'${word}'`).join(' ')
  return answer(await ended(spawnWith(row, [place.shell, hostOf(0), quoted])))
}

const isHosts = (place: Place): place is Hosts => typeof place !== 'string'

/** Open MPI's, for hosts that are network namespaces. */
const settingsOf = ({ shell }: Hosts) => ({
  plm: 'rsh',
  plm_rsh_agent: shell,
  btl: 'tcp,self',
  btl_tcp_if_include: network,
  oob_tcp_if_include: network,
})

/** Steps of PyTorch: DistributedDataParallel over gloo. @throws Error with what it said when it fails */
export async function runTorch(python: string, { row, seconds, place }: Task): Promise<Pick<Seen, 'step' | 'version'>> {
  const address = isHosts(place) ? addressOf(0) : '127.0.0.1'
  const run = async (rank: number, size: number): Promise<Pick<Seen, 'step' | 'version'> | undefined> => {
    const own = [python, torch, String(rank), String(size), address, String(seconds)]
    const quoted = [`GLOO_SOCKET_IFNAME=${device}`, ...own.map(word => `'${word}'`)].join(' ')
    const printed = await ended(spawnWith(row, isHosts(place) ? [place.shell, hostOf(rank), quoted] : own))
    return rank === 0 ? answer(printed) : undefined
  }
  if (place === 'alone') return (await run(0, 1))!
  if (place === 'apart')
    return together(await Promise.all(Array.from({ length: ranks }, async () => (await run(0, 1))!)))
  const [first] = await Promise.all(Array.from({ length: ranks }, (_, rank) => run(rank, ranks)))
  return first!
}

/** What processes did that took no notice of each other, as if they had made their steps together. */
function together<S extends { readonly step: number }>(seen: readonly S[]): S {
  const perMs = seen.reduce((sum, { step }) => sum + 1 / step, 0)
  return { ...seen[0]!, step: seen.length / perMs }
}

/** Processes that have not ended. */
const running = new Set<ChildProcess>()

/** Milliseconds in which mpirun ends what it has started. */
const farewell = 3000

/** Ends all processes of a measurement, with those that they have started, without a turn of the event loop. */
export function endAll(): void {
  if (running.size === 0) return
  for (const child of running) endGroup(child)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, farewell)
}

const endGroup = ({ pid }: ChildProcess): void => {
  if (pid !== undefined) process.kill(-pid, 'SIGTERM')
}

function spawnWith(row: Row, [command, ...words]: readonly string[]) {
  const child = spawn(command, words, {
    env: { ...process.env, FOVEA_BENCH_ROW: JSON.stringify(row), OMP_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, which ends as a whole.
    detached: true,
  })
  running.add(child)
  const timer = setTimeout(() => endGroup(child), 1000 * mostSeconds)
  child.on('close', () => {
    clearTimeout(timer)
    running.delete(child)
  })
  return child
}

/** What a process printed. @throws Error when it failed */
function ended(child: ReturnType<typeof spawnWith>): Promise<string> {
  let [printed, said] = ['', '']
  child.stdout.setEncoding('utf8').on('data', text => {
    printed += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    said += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(printed)
      else reject(new Error(`${child.spawnargs[0]} ended with ${signal ?? code}: ${said.trim().slice(-500)}`))
    })
  })
}

/** The line of JSON among what was printed. */
function answer<T>(printed: string): T {
  const line = printed.split('\n').find(text => text.startsWith('{'))
  if (line === undefined) throw new Error(`no answer in: ${printed.slice(-500)}`)
  return JSON.parse(line) as T
}
