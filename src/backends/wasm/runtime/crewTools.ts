/**
 * The tools that make the threads of an engine; tests replace them. The declarations of the package reach this file, so
 * it names no type of `WebAssembly`, which TypeScript declares only with the DOM.
 */
import type { CompiledModule } from './compile.ts'
import type { isWorthSharing, Team } from './work.ts'

/** What is to be computed of a program. */
export interface Work {
  /** Whether its preparation runs first. */
  readonly prepare: boolean
  /** Its groups `from … to − 1`. */
  readonly from: number
  readonly to: number
}

/** Runs a program once, or some of its groups, given the addresses of its arena and of its scratch areas. */
export type Start = (arena: number, scratch: number, work: Work) => Promise<void> | undefined

/** Calls a group of native code by its number. */
export type NativeImport = (group: number) => void

/** What another thread needs for its import: the text of a function `(load, given, memory)`, and what it is given. */
export interface NativeMessage {
  readonly source: string
  readonly given: object
}

/** The groups of a program as native code. */
export interface NativeGroups {
  /** Tells the threads' contexts where the memory begins: before the first run, and after the memory may have moved. */
  prepare(memory: { readonly buffer: ArrayBufferLike }, threads: number): void
  /** The import of a thread of this process's own. */
  import(memory: { readonly buffer: ArrayBufferLike }, thread: number): NativeImport
  /** The same for a worker. */
  message(memory: { readonly buffer: ArrayBufferLike }, thread: number): NativeMessage
}

/** Threads that run the same program together. */
export interface Pool extends Team {
  /** Waits for the workers to start. @returns the reason if one is refused or does not start */
  refusal(): Promise<string | undefined>
  /** Readies a program for all threads. */
  load(module: CompiledModule, native?: NativeGroups): Promise<Start>
  /** Stops all workers. Pending runs are rejected. */
  close(): Promise<void>
}

/** What a crew works with. */
export interface CrewTools {
  /** Whether all threads run a program, or only one. */
  readonly isWorthSharing?: typeof isWorthSharing
  /** Starts the threads over a `WebAssembly.Memory`. */
  readonly startPool?: (threads: number, memory: object, takesPart: boolean) => Pool
}
