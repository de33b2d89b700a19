/**
 * What the threads of an engine are made with; tests put their own in its place. The declarations of the package reach this file, so
 * it names no type of `WebAssembly`, which TypeScript declares with the DOM only.
 */
import type { CompiledModule } from './compile.ts'
import type { isWorthSharing, Team } from './work.ts'

/** Runs a program once, with the addresses of its arena and of its scratch areas, and with its preparation or without. */
export type Start = (arena: number, scratch: number, prepare: boolean) => Promise<void> | undefined

/** Threads that run the same program together. */
export interface Pool extends Team {
  /** Waits for the workers to start. @returns why they do not, if one is refused or does not come */
  refusal(): Promise<string | undefined>
  /** Readies a program for all threads. */
  load(module: CompiledModule): Promise<Start>
  /** Stops all workers. Pending runs are rejected. */
  close(): Promise<void>
}

/** What a crew works with. */
export interface CrewTools {
  /** Whether a program is run by all threads, or by one. */
  readonly isWorthSharing?: typeof isWorthSharing
  /** Starts the threads over a `WebAssembly.Memory`. */
  readonly startPool?: (threads: number, memory: object, takesPart: boolean) => Pool
}
