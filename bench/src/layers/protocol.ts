/**
 * What the driver of the layer sweep asks its contenders, one JSON line each way, and the Node half of the answers;
 * `torch_layers.py` has its own. A contender has one or several variants (memory layouts, say), all measured in each turn.
 */
import { createInterface } from 'node:readline'
import { median } from '../statistics.ts'
import type { Task } from './tasks.ts'

/** What the driver may ask. */
export type LayerRequest =
  /** Microseconds of a call that computes next to nothing. */
  | { readonly cmd: 'empty' }
  /** Makes a convolution ready and warms up for some milliseconds; the one before is forgotten. */
  | { readonly cmd: 'layer'; readonly task: Task; readonly warmUpMs: number }
  /** Measures it for about that many milliseconds, once at least. */
  | { readonly cmd: 'turn'; readonly turnMs: number }
  | { readonly cmd: 'quit' }

/** Answer to `empty`. */
export interface EmptyAnswer {
  readonly microseconds: number
}

/** Answer to `layer`. */
export interface LayerAnswer {
  /** Shape of the result: whether everyone does the same work. */
  readonly result: readonly number[]
  /** How it is computed, where that is known. */
  readonly method?: string
}

/** Answer to `turn`: median milliseconds of one convolution, by variant. */
export interface TurnAnswer {
  readonly ms: Readonly<Record<string, number>>
}

/** A convolution that is ready. */
export interface OpenLayer extends LayerAnswer {
  /** Computes it once, with something around it. */
  run(): Promise<unknown>
  /** What is around it, alone: its time is subtracted. */
  around(): Promise<unknown>
  close(): Promise<void>
}

/** A contender in Node. */
export interface LayerContender {
  readonly version: string
  /** Name of its only variant. */
  readonly variant: string
  /** A call that computes next to nothing. */
  empty(): Promise<() => Promise<unknown>>
  open(task: Task): Promise<OpenLayer>
}

/** Answers requests until stdin closes. */
export async function serveLayers({ version, variant, empty, open }: LayerContender): Promise<void> {
  const answer = (message: object): void => {
    process.stdout.write(`${JSON.stringify(message)}\n`)
  }
  let layer: OpenLayer | undefined
  const respond = async (request: LayerRequest): Promise<object> => {
    switch (request.cmd) {
      case 'empty':
        return { microseconds: (await 1000) * median(await repeat(await empty(), 100, 1000)) } satisfies EmptyAnswer
      case 'layer': {
        await layer?.close()
        layer = undefined
        layer = await open(request.task)
        const { result, method, run, around } = layer
        await repeat(around, request.warmUpMs / 4, 2)
        await repeat(run, request.warmUpMs, 2)
        return { result, ...(method !== undefined && { method }) } satisfies LayerAnswer
      }
      case 'turn': {
        if (!layer) throw new Error('no layer is open')
        const around = median(await repeat(layer.around, request.turnMs / 4, 1))
        const ms = median(await repeat(layer.run, request.turnMs, 1)) - around
        return { ms: { [variant]: ms } } satisfies TurnAnswer
      }
      default:
        throw new Error(`unknown request '${request.cmd}'`)
    }
  }
  answer({ ready: true, startupMs: performance.now(), version, loss: 0 })
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as LayerRequest
    if (request.cmd === 'quit') break
    try {
      answer(await respond(request))
    } catch (error) {
      answer({ error: error instanceof Error ? error.message : String(error) })
    }
  }
  process.exit(0)
}

/** Milliseconds of each of several calls, made for some milliseconds and at least so many times. */
async function repeat(call: () => Promise<unknown>, ms: number, least: number): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + ms
  while (times.length < least || performance.now() < end) {
    const begin = performance.now()
    await call()
    times.push(performance.now() - begin)
  }
  return times
}
