/**
 * The threads that compute in an engine: the calling thread, and with it or in its place a pool of workers. Workers
 * compute if they start, and only programs that are worth sharing.
 */
import type { Plan } from '../../../plan/plan.ts'
import type { CrewTools, NativeGroups, Pool, Start } from './crewTools.ts'
import { obstacleToThreads } from './features.ts'
import { loadAlone, ThreadPool } from './threads.ts'
import { warn } from './warn.ts'
import { isWorthSharing } from './work.ts'

/** The code of a program: a module, and groups outside of it. */
export interface LoadedCode {
  readonly module: WebAssembly.Module
  readonly native?: NativeGroups
}

/** The threads of an engine. */
export class Crew {
  #pool: Pool | undefined
  #refused: string | undefined
  #started: Promise<void> | undefined
  #closed = false
  readonly #isWorthSharing: typeof isWorthSharing

  /** @param takesPart whether the calling thread computes too when there are several threads */
  constructor(threads: number, memory: WebAssembly.Memory, takesPart: boolean, tools: CrewTools = {}) {
    const { startPool } = tools
    if (threads > 1) {
      this.#pool = startPool?.(threads, memory, takesPart) ?? new ThreadPool(threads, memory, takesPart)
    }
    this.#isWorthSharing = tools.isWorthSharing ?? isWorthSharing
  }

  /** Threads available to a program. */
  get threads(): number {
    return this.#pool?.threads ?? 1
  }

  /** Why there cannot be more than one thread, if there cannot. */
  get alone(): string | undefined {
    return this.#refused ?? obstacleToThreads()
  }

  /**
   * Gives a program to all threads, or to one. Where the calling thread takes no part, on a page, workers get it with its
   * first run: they start while the page goes on, with weights that arrive for example.
   */
  async load(plan: Plan, { module, native }: LoadedCode, memory: WebAssembly.Memory): Promise<Start> {
    if (this.#pool?.takesPart) await this.#start()
    const shared = this.#pool && this.#isWorthSharing(plan, this.#pool)
    const give = (): Promise<Start> =>
      shared && this.#pool ? this.#pool.load(module, native) : loadAlone(module, memory, native)
    if (!shared || this.#pool?.takesPart) return give()
    const started = this.#start()
    let start: Promise<Start> | undefined
    return async (...run) => {
      start ??= started.then(give)
      await (await start)(...run)
    }
  }

  /** Stops all workers. Runs in progress are rejected. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#pool?.close()
  }

  /** Waits for the workers to start. Without them the calling thread computes alone: slower, with the same results. */
  #start(): Promise<void> {
    this.#started ??= this.#settle()
    return this.#started
  }

  async #settle(): Promise<void> {
    const pool = this.#pool
    const reason = await pool?.refusal()
    if (!pool || reason === undefined || this.#closed) return
    this.#pool = undefined
    this.#refused = `worker threads could not start: ${reason}`
    warn(`${this.#refused}. One thread computes.`)
    await pool.close()
  }
}
