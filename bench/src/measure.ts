/**
 * The measurement: all contenders live at the same time, and take turns. A turn is a few steps; while one computes,
 * the others wait for input. So a change in the machine's mood hits all of them alike.
 */
import type { ContenderSpec } from './contenders.ts'
import { ContenderProcess } from './process.ts'
import { median } from './statistics.ts'
import { checksum } from './work.ts'

/** How long to measure. */
export interface Effort {
  /** Turns of each contender. */
  readonly rounds: number
  /** Steps of a turn, and steps at its beginning that are not counted: caches are filled and threads woken. */
  readonly steps: number
  readonly settle: number
  /** Steps before the first turn. */
  readonly warmUp: number
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
  /** Share of one core that the process used while it was not its turn; NaN where that cannot be known. */
  readonly idleLoad: number
}

/** A measurement, or the reason why there is none. */
export type Result = Measured | { readonly reason: string }

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

interface Entry {
  readonly spec: ContenderSpec
  readonly process: ContenderProcess
  readonly effort: Effort
  readonly ms: number[]
  idleSince: { time: number; processor: number } | undefined
  idleSeconds: number
  idleProcessor: number
}

/** Measures the contenders at one thread count; `say` is told what is happening. */
export async function measure(
  specs: readonly ContenderSpec[],
  threads: number,
  effort: Effort,
  say: (message: string) => void,
): Promise<Map<string, Result>> {
  const results = new Map<string, Result>()
  const entries: Entry[] = []
  const drop = (name: string, error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error)
    say(`${name}: ${reason}`)
    results.set(name, { reason })
  }

  for (const spec of specs) {
    say(`${threads} thread${threads > 1 ? 's' : ''}: starting ${spec.name}`)
    try {
      const process = await ContenderProcess.start(spec.command, threads)
      entries.push({
        spec,
        process,
        effort: spec.slow ? slowed(effort) : effort,
        ms: [],
        idleSince: undefined,
        idleSeconds: 0,
        idleProcessor: 0,
      })
    } catch (error) {
      drop(spec.name, error)
    }
  }
  for (const entry of [...entries]) {
    say(`warming up ${entry.spec.name}`)
    await attempt(entry, () => run(entry, entry.effort.warmUp))
  }
  for (let round = 0; round < effort.rounds; round++) {
    say(`round ${round + 1} of ${effort.rounds}`)
    // Everyone follows everyone else in turn, so that no one always inherits the caches of the same neighbor.
    const order = entries.map((_, i) => entries[(i + round) % entries.length])
    for (const entry of order) {
      if (round >= entry.effort.rounds) continue
      const { steps, settle } = entry.effort
      await attempt(entry, async () => entry.ms.push(...(await run(entry, steps)).slice(settle)))
    }
  }
  const ours = checksum()
  for (const entry of [...entries]) {
    await attempt(entry, async () => {
      const { peakBytes } = await entry.process.ask<{ peakBytes: number | null }>({ cmd: 'memory' })
      const { checksum: theirs } = await entry.process.ask<{ checksum: number }>({ cmd: 'checksum' })
      if (theirs !== ours) throw new Error(`works on other data: checksum ${theirs}, expected ${ours}`)
      const { version, startupMs } = entry.process.ready
      results.set(entry.spec.name, {
        version,
        medianMs: median(entry.ms),
        minMs: Math.min(...entry.ms),
        steps: entry.ms.length,
        startupMs,
        peakBytes,
        idleLoad: entry.idleProcessor / entry.idleSeconds,
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

/** Few turns of few steps, for contenders whose steps take tenths of a second. */
function slowed({ rounds }: Effort): Effort {
  return { rounds: Math.max(1, Math.round(rounds / 4)), steps: 2, settle: 0, warmUp: 2 }
}

async function run(entry: Entry, steps: number): Promise<number[]> {
  const before = { time: performance.now(), processor: entry.process.processorSeconds() }
  if (entry.idleSince) {
    entry.idleSeconds += (before.time - entry.idleSince.time) / 1000
    entry.idleProcessor += before.processor - entry.idleSince.processor
  }
  const { ms, loss } = await entry.process.ask<{ ms: number[]; loss: number }>({ cmd: 'run', steps })
  if (!Number.isFinite(loss)) throw new Error(`the loss became ${loss}`)
  // Thread pools may spin for some milliseconds after their last work; the next contender starts after that.
  await pause(50)
  entry.idleSince = { time: performance.now(), processor: entry.process.processorSeconds() }
  return ms
}
