/** Links machine code to a module of WebAssembly: the import by which it calls its groups. */
import { contexts, control } from '../wasm/runtime/control.ts'
import type { NativeGroups, NativeImport, NativeMessage } from '../wasm/runtime/crewTools.ts'
import { type Caller, type Door, openCaller, type Pages, quietly } from './door.ts'

/** What the import of one thread is made of. */
interface Given {
  readonly entries: readonly bigint[]
  /** Address of the thread's context. */
  readonly context: bigint
  /** Index of the word in memory that tells whether the code has come to an instruction that cannot be executed. */
  readonly trapped: number
}

/** The memory that groups work on. */
interface Memory {
  readonly buffer: ArrayBufferLike
}

/**
 * The import: calls a group by its number. Other threads evaluate the text of this function, so it refers to nothing
 * outside.
 */
function importOf({ entries, context, trapped }: Given, caller: Caller, memory: Memory): NativeImport {
  const calls = entries.map(caller)
  let words = new Int32Array(memory.buffer)
  return group => {
    calls[group](context)
    if (words.buffer !== memory.buffer) words = new Int32Array(memory.buffer)
    if (words[trapped] === 0) return
    words[trapped] = 0
    throw new WebAssembly.RuntimeError('unreachable')
  }
}

/** The groups of a program as machine code. */
export class LinkedGroups implements NativeGroups {
  readonly #door: Door
  readonly #entries: readonly bigint[]
  readonly #pages: Pages

  /** @param entries offsets of the groups in the pages */
  constructor(door: Door, pages: Pages, entries: readonly number[]) {
    this.#door = door
    this.#pages = pages
    this.#entries = entries.map(offset => pages.address + BigInt(offset))
  }

  prepare(memory: Memory, threads: number): void {
    const base = this.#door.addressOf(memory.buffer)
    const view = new DataView(memory.buffer)
    for (let thread = 0; thread < threads; thread++) {
      view.setBigUint64(contexts.address + thread * contexts.stride, base, true)
    }
  }

  import(memory: Memory, thread: number): NativeImport {
    return importOf(this.#given(memory, thread), this.#door.caller, memory)
  }

  /** A function that calls a group with the arguments it is given. */
  call(memory: Memory, group: number): (...values: number[]) => void {
    const run = this.import(memory, 0)
    return (...values) => {
      this.prepare(memory, 1)
      new Int32Array(memory.buffer).set(values, (contexts.address + contexts.arguments) / 4)
      run(group)
    }
  }

  message(memory: Memory, thread: number): NativeMessage {
    const source = `(load, given, memory) => (${importOf})(given, (${openCaller})((${quietly})(load), given.koffi), memory)`
    return { source, given: { ...this.#given(memory, thread), koffi: this.#door.koffi } }
  }

  /** Gives the pages back; nothing of them may run any more. */
  release(): void {
    this.#pages.release()
  }

  #given(memory: Memory, thread: number): Given {
    const context = this.#door.addressOf(memory.buffer) + BigInt(contexts.address + thread * contexts.stride)
    return { entries: this.#entries, context, trapped: control.trapped / 4 }
  }
}
