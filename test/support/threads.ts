/** Engines whose threads share every program, however small, and whose workers can be watched and made to crash. */
import { createWasmEngineWith, type EngineTools, WasmEngine } from '../../src/backends/wasm/engine.ts'
import type { WasmEngineOptions } from '../../src/backends/wasm/options.ts'
import { control } from '../../src/backends/wasm/runtime/control.ts'
import { ThreadPool } from '../../src/backends/wasm/runtime/threads.ts'
import { startWorker, type WorkerListeners, workerSource } from '../../src/backends/wasm/runtime/workers.ts'

/** Every program is worth sharing. */
export const sharing: EngineTools = { isWorthSharing: () => true }

/** When a worker crashes, in milliseconds, and the code it exits with; without one it throws. */
interface Crash {
  readonly delay?: number | undefined
  readonly exit?: number | undefined
}

/** An addition to the program of workers: the message `crash`. */
const crashing = `
on(message => {
  if (message.type !== 'crash') return
  port.postMessage({ type: 'crashing' })
  Atomics.wait(words, C.failed, 0, message.delay)
  if (message.exit !== undefined) process.exit(message.exit)
  throw new Error('crashed on request')
})
`

/** The threads of an engine, with workers that crash when they are told to. */
class WatchedThreads {
  readonly pool: ThreadPool
  readonly #words: Int32Array
  readonly #crashes: ((crash: Crash) => Promise<void>)[] = []

  constructor(threads: number, memory: WebAssembly.Memory, takesPart: boolean) {
    this.#words = new Int32Array(memory.buffer)
    this.pool = new ThreadPool(threads, memory, takesPart, listeners => this.#start(listeners))
  }

  #start({ onMessage, onError }: WorkerListeners): ReturnType<typeof startWorker> {
    let begun: (() => void) | undefined
    const watching: WorkerListeners = {
      onMessage: message => {
        if ((message.type as string) === 'crashing') begun?.()
        else onMessage(message)
      },
      onError: error => {
        // Its message may have been lost with it.
        begun?.()
        onError(error)
      },
    }
    const port = startWorker(watching, workerSource + crashing)
    this.#crashes.push(
      ({ delay = 0, exit }) =>
        new Promise(resolve => {
          begun = resolve
          port.post({ type: 'crash', delay, exit })
        }),
    )
    return port
  }

  /** How many jobs the workers have been told of; those that only send them back to their event loops count. */
  get jobs(): number {
    return Atomics.load(this.#words, control.job / 4) / 2
  }

  /** Makes workers crash. @returns when they have begun to wait for it, or are gone already */
  async crash(workers: readonly number[], crash: Crash): Promise<void> {
    // A new program brings workers back to their event loops, where they hear of this.
    await this.pool.load(new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)))
    await Promise.all(workers.map(worker => this.#crashes[worker](crash)))
  }
}

const watchedThreads = new WeakMap<WasmEngine, WatchedThreads>()

/** Makes an engine with tools that remember its threads for the functions below. */
export function watched(make: (tools: EngineTools) => WasmEngine, tools: EngineTools = {}): WasmEngine {
  let threads: WatchedThreads | undefined
  const startPool: EngineTools['startPool'] = (count, memory, takesPart) => {
    threads = new WatchedThreads(count, memory as WebAssembly.Memory, takesPart)
    return threads.pool
  }
  const engine = make({ ...tools, startPool })
  if (threads) watchedThreads.set(engine, threads)
  return engine
}

function threadsOf(engine: WasmEngine): WatchedThreads {
  const threads = watchedThreads.get(engine)
  if (!threads) throw new Error('the engine has one thread, or was not made by watched()')
  return threads
}

/** How many jobs the workers of an engine have been told of. */
export const jobsOf = (engine: WasmEngine): number => threadsOf(engine).jobs

/** Waits for the workers of an engine to start. @returns why they do not, if one does not */
export const refusalOf = (engine: WasmEngine): Promise<string | undefined> => threadsOf(engine).pool.refusal()

/** Makes workers of an engine throw, or exit with a code, `delay` milliseconds from when the promise resolves. */
export const crash = (engine: WasmEngine, workers: readonly number[], how: Crash = {}): Promise<void> =>
  threadsOf(engine).crash(workers, how)

/** An engine whose threads share every program. */
export const threadedEngine = (options: WasmEngineOptions): WasmEngine =>
  watched(tools => createWasmEngineWith(tools, options), sharing)

/** An engine whose calling thread only waits, as on a page, and whose workers share every program. */
export const pageEngine = (threads: number): WasmEngine =>
  watched(tools => new WasmEngine({ threads, fused: false, takesPart: false }, {}, tools), sharing)
