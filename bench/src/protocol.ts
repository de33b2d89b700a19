/**
 * The bench's line protocol: one JSON request a line on a contender's stdin, one JSON answer a line on its stdout.
 * This is the Node half; `contenders/protocol.py` is the Python half. Between requests a contender waits for input
 * and uses no processor time.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Row } from './rows.ts'
import { checksum } from './work.ts'

/** What the driver may ask. */
export type Request =
  | { readonly cmd: 'run'; readonly steps: number }
  | { readonly cmd: 'memory' }
  | { readonly cmd: 'checksum' }
  | { readonly cmd: 'quit' }
  /** Understood by Fovea only. */
  | { readonly cmd: 'details' }
  | { readonly cmd: 'epoch' }

/** A contender's first line, sent when its first step is done. */
export interface Ready {
  readonly ready: true
  /** From before the import of the framework to the end of the first step, in milliseconds. */
  readonly startupMs: number
  readonly version: string
  /** What the first step returned: the loss, or the first logit of an inference. */
  readonly loss: number
  /** Trainable numbers of the network, where the contender has built it itself. */
  readonly parameters?: number | undefined
}

/** A contender. */
export interface Contender {
  readonly version: string
  /** Trainable numbers of the network, where the contender has built it itself. */
  readonly parameters?: number
  /**
   * Performs step number `index` on batch `index` modulo the number of batches, and returns the loss, or the first logit of
   * an inference; done when it resolves.
   */
  step(index: number): number | Promise<number>
  /** Answers to requests that only this contender understands. */
  readonly extra?: Readonly<Record<string, () => unknown>>
}

/** The work, set by the driver. */
export const row = JSON.parse(process.env.FOVEA_BENCH_ROW ?? 'null') as Row

/** Threads this contender may compute with, set by the driver. */
export const threads = Number(process.env.FOVEA_BENCH_THREADS ?? '1')

/** The largest resident set this process has had (VmHWM), in bytes; `null` where /proc does not say. */
export function peakBytes(): number | null {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    return match ? Number(match[1]) * 1024 : null
  } catch {
    return null
  }
}

/** Opens a contender (importing its framework), performs its first step and answers requests until stdin closes. */
export async function serve(open: () => Promise<Contender>): Promise<void> {
  const answer = (message: object): void => {
    process.stdout.write(`${JSON.stringify(message)}\n`)
  }
  const started = performance.now()
  const contender = await open()
  const loss = await contender.step(0)
  const { version, parameters } = contender
  answer({ ready: true, startupMs: performance.now() - started, version, loss, parameters } satisfies Ready)
  let done = 1
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request
    if (request.cmd === 'run') {
      const ms: number[] = []
      let last = 0
      for (let i = 0; i < request.steps; i++) {
        const begin = performance.now()
        last = await contender.step(done++)
        ms.push(performance.now() - begin)
      }
      answer({ ms, loss: last })
    } else if (request.cmd === 'memory') {
      answer({ peakBytes: peakBytes() })
    } else if (request.cmd === 'checksum') {
      answer({ checksum: checksum(row) })
    } else if (request.cmd === 'quit') {
      answer({ bye: true })
      break
    } else {
      const handler = contender.extra?.[request.cmd]
      answer(handler ? { value: await handler() } : { error: `unknown request '${request.cmd}'` })
    }
  }
  process.exit(0)
}
