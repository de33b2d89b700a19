/**
 * The measurement: all contenders of a row live at the same time, and take turns. A turn is a few steps; while one computes,
 * the others wait for input. So a change in the machine's mood hits all of them alike.
 */
import type { ContenderSpec } from './contenders.ts'
import { freeGiB } from './machine.ts'
import { parameterCount } from './nets.ts'
import { ContenderProcess } from './process.ts'
import type { Row } from './rows.ts'
import { median } from './statistics.ts'
import { checksum } from './work.ts'

/** How long to measure. Turns are as many as the row asks for, and at least as few as the contender's time allows. */
export interface Effort {
  /** Most turns of each contender. */
  readonly rounds: number
  /** Most counted steps of a turn, and milliseconds that a turn should take. */
  readonly steps: number
  readonly turnMs: number
  /** Milliseconds of counted steps of one contender, after which it has no more turns if it has had three. */
  readonly totalMs: number
  /** Milliseconds of steps before the first turn; two steps at least. */
  readonly warmUpMs: number
}

/** What was measured of one contender at one thread count. */
export interface Measured {
  readonly version: string
  /** Milliseconds a step, over all turns. */
  readonly medianMs: number
  readonly minMs: number
  readonly steps: number
  readonly startupMs: number
  readonly peakBytes: number | null
  /** Share of one core that the process used while it was not its turn; `null` where that cannot be known. */
  readonly idleLoad: number | null
}

/** A measurement, or the reason why there is none. */
export type Result = Measured | { readonly reason: string }

/** Turns that every contender has, however long its steps are. */
const leastRounds = 3

/**
 * Milliseconds at the beginning of a turn that are not counted. A machine that has let a process wait takes some tens of them
 * until its threads have a core each: of LeNet-5's step on two threads, the first dozen took up to twice as long as the others.
 */
const settleMs = 50

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

interface Entry {
  readonly spec: ContenderSpec
  readonly process: ContenderProcess
  readonly ms: number[]
  /** Counted steps of a turn, and steps at its beginning that are not counted: caches are filled and threads woken. */
  steps: number
  settle: number
  rounds: number
  idleSince: { time: number; processor: number } | undefined
  idleSeconds: number
  idleProcessor: number
}

/** Measures the contenders of a row at one thread count; `say` is told what is happening. */
export async function measure(
  specs: readonly ContenderSpec[],
  row: Row,
  threads: number,
  effort: Effort,
  say: (message: string) => void,
): Promise<Map<string, Result>> {
  const results = new Map<string, Result>()
  const entries: Entry[] = []
  /** First result of the first of Fovea's variants, which have the same weights. */
  let reference: number | undefined
  const drop = (name: string, error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error)
    say(`${name}: ${reason}`)
    results.set(name, { reason })
  }

  for (const spec of specs) {
    const reason = spec.unable?.(row)
    if (reason !== undefined) {
      results.set(spec.name, { reason })
      continue
    }
    say(`${row.title}, ${threads} thread${threads > 1 ? 's' : ''}: starting ${spec.name}`)
    let process: ContenderProcess | undefined
    try {
      await spec.prepare?.(row)
      const free = freeGiB()
      if (free < row.freeGiB) throw new Error(`only ${free.toFixed(1)} GiB of memory left, needs ${row.freeGiB}`)
      process = await ContenderProcess.start(spec.command(row), row, threads)
      checkParameters(row, process)
      if (spec.kind === 'fovea') {
        reference ??= process.ready.loss
        checkResult(reference, process)
      }
      const waiting = { idleSince: undefined, idleSeconds: 0, idleProcessor: 0 }
      entries.push({ spec, process, ms: [], steps: 1, settle: 0, rounds: effort.rounds, ...waiting })
    } catch (error) {
      drop(spec.name, error)
      await process?.stop()
    }
  }
  for (const entry of [...entries]) {
    say(`warming up ${entry.spec.name}`)
    await attempt(entry, () => warmUp(entry, effort))
  }
  for (let round = 0; round < effort.rounds; round++) {
    say(`round ${round + 1} of ${effort.rounds}`)
    // Everyone follows everyone else in turn, so that no one always inherits the caches of the same neighbor.
    const order = entries.map((_, i) => entries[(i + round) % entries.length])
    for (const entry of order) {
      if (round >= entry.rounds) continue
      const { steps, settle } = entry
      await attempt(entry, async () => entry.ms.push(...(await run(entry, settle + steps)).slice(settle)))
    }
  }
  const ours = checksum(row)
  for (const entry of [...entries]) {
    await attempt(entry, async () => {
      const { peakBytes } = await entry.process.ask<{ peakBytes: number | null }>({ cmd: 'memory' })
      const { checksum: theirs } = await entry.process.ask<{ checksum: number }>({ cmd: 'checksum' })
      if (theirs !== ours) throw new Error(`works on other data: checksum ${theirs}, expected ${ours}`)
      const { version, startupMs } = entry.process.ready
      const idleLoad = entry.idleProcessor / entry.idleSeconds
      results.set(entry.spec.name, {
        version,
        medianMs: median(entry.ms),
        minMs: Math.min(...entry.ms),
        steps: entry.ms.length,
        startupMs,
        peakBytes,
        idleLoad: Number.isFinite(idleLoad) ? idleLoad : null,
      })
    })
    await entry.process.stop()
  }
  return results

  /** Does `work`; a contender that fails is taken out of the field with its reason. */
  async function attempt(entry: Entry, work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      entries.splice(entries.indexOf(entry), 1)
      drop(entry.spec.name, error)
      await entry.process.stop()
    }
  }
}

/** @throws Error when a contender has built another network. */
function checkParameters({ net }: Row, { ready: { parameters } }: ContenderProcess): void {
  const expected = parameterCount(net)
  if (parameters !== undefined && parameters !== expected) {
    throw new Error(`has another network: ${parameters} parameters, expected ${expected}`)
  }
}

/** @throws Error when a variant of Fovea computes something else than the others. */
function checkResult(expected: number, { ready: { loss } }: ContenderProcess): void {
  const tolerance = 1e-3 * Math.max(1, Math.abs(expected))
  if (!(Math.abs(loss - expected) <= tolerance)) throw new Error(`computes ${loss}, expected ${expected}`)
}

/** Steps that are not counted, and from their time the length of a turn. */
async function warmUp(entry: Entry, effort: Effort): Promise<void> {
  let ms = await run(entry, 2)
  for (let spent = ms[0] + ms[1]; spent < effort.warmUpMs; ) {
    ms = await run(entry, Math.max(1, Math.min(50, Math.round((effort.warmUpMs - spent) / ms[ms.length - 1]))))
    spent += ms.reduce((sum, time) => sum + time, 0)
  }
  const step = median(ms.slice(-5))
  entry.settle = step < 300 ? Math.ceil(settleMs / step) : 0
  entry.steps = Math.max(1, Math.min(effort.steps, Math.round(effort.turnMs / step)))
  const turns = Math.floor(effort.totalMs / (step * entry.steps))
  entry.rounds = Math.min(effort.rounds, Math.max(leastRounds, turns))
}

async function run(entry: Entry, steps: number): Promise<number[]> {
  const before = { time: performance.now(), processor: entry.process.processorSeconds() }
  if (entry.idleSince) {
    entry.idleSeconds += (before.time - entry.idleSince.time) / 1000
    entry.idleProcessor += before.processor - entry.idleSince.processor
  }
  const { ms, loss } = await entry.process.ask<{ ms: number[]; loss: number }>({ cmd: 'run', steps })
  if (!Number.isFinite(loss)) throw new Error(`the result became ${loss}`)
  // Thread pools may spin for some milliseconds after their last work; the next contender starts after that.
  await pause(50)
  entry.idleSince = { time: performance.now(), processor: entry.process.processorSeconds() }
  return ms
}
