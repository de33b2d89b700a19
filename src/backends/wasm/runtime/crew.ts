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

  /** Waits for the workers to start. Without them the calling thread computes alone: slower, with the same results. */
  async start(): Promise<void> {
    const pool = this.#pool
    const reason = await pool?.refusal()
    if (!pool || reason === undefined || this.#closed) return
    this.#pool = undefined
    this.#refused = `worker threads could not start: ${reason}`
    warn(`${this.#refused}. One thread computes.`)
    await pool.close()
  }

  /** Gives a program to all threads, or to one. */
  async load(plan: Plan, { module, native }: LoadedCode, memory: WebAssembly.Memory): Promise<Start> {
    const pool = this.#pool
    return pool && this.#isWorthSharing(plan, pool) ? pool.load(module, native) : loadAlone(module, memory, native)
  }

  /** Stops all workers. Runs in progress are rejected. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#pool?.close()
  }
}
