/** The engine's memory: grows in whole pages, hands out aligned regions, and reuses released regions. */

import { MemoryError } from '../../../plan/memoryError.ts'
import { alignToLines as align } from '../../cpu/target.ts'
import { controlBytes } from './control.ts'

const pageBytes = 65536

/** Most pages an engine's memory can have: the limit of 32-bit addresses. */
const maximumPages = 65536

/** Smallest maximum size of an engine's memory, in pages: 128 MB. */
const fewestPages = 2048

/**
 * Small regions are cut from chunks. Otherwise the tables of a second program would come right after the arena of the
 * first, which could then not grow in place.
 */
const chunkBytes = 512 * 1024

/** Largest region that counts as small. */
const smallBytes = 32 * 1024

/**
 * A memory that may grow as far as the runtime allows. A shared memory reserves its addresses at once, and some
 * browsers (on 32-bit systems, on phones) reserve fewer than requested.
 */
function largestMemory(shared: boolean, most: number): { memory: WebAssembly.Memory; maximum: number } {
  for (let maximum = most; ; maximum /= 2) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 16, maximum, shared }), maximum }
    } catch (error) {
      if (maximum <= fewestPages) throw error
    }
  }
}

/** What a memory has handed out at some moment. */
export interface MemoryMark {
  readonly end: number
  readonly free: readonly { readonly address: number; readonly bytes: number }[]
  readonly chunk: { readonly address: number; readonly bytes: number }
}

/** A linear memory with a simple allocator. Fresh regions are zero; reused ones are not. */
export class LinearMemory {
  readonly memory: WebAssembly.Memory
  /** Bytes that the memory may grow to. */
  readonly limit: number
  #end = align(controlBytes)
  /** Where memory begins that nobody has had. */
  #fresh = 0
  readonly #free: { address: number; bytes: number }[] = []
  /** The rest of the latest chunk. */
  #chunk = { address: 0, bytes: 0 }

  /**
   * @param shared whether threads share the memory
   * @param mostPages pages of 64 KiB that it may have
   */
  constructor(shared: boolean, mostPages = maximumPages) {
    const { memory, maximum } = largestMemory(shared, mostPages)
    this.memory = memory
    this.limit = maximum * pageBytes
  }

  /** Bytes handed out so far, control words included. */
  get used(): number {
    return this.#end
  }

  /** The address of `bytes` fresh or reused bytes. @throws MemoryError when the memory is exhausted. */
  allocate(bytes: number): number {
    const size = align(Math.max(1, bytes))
    if (size > smallBytes) return this.#allocateLarge(size)
    if (this.#chunk.bytes < size) this.#chunk = { address: this.#allocateLarge(chunkBytes), bytes: chunkBytes }
    const { address, bytes: left } = this.#chunk
    this.#chunk = { address: address + size, bytes: left - size }
    return address
  }

  /** The address of `bytes` bytes that are zero. Fresh ones are: what is written later need not be written twice. */
  allocateZeros(bytes: number): number {
    const fresh = Math.max(this.#end, this.#fresh)
    const address = this.allocate(bytes)
    if (address < fresh) new Uint8Array(this.memory.buffer, address, bytes).fill(0)
    return address
  }

  #allocateLarge(size: number): number {
    const fit = this.#free.findIndex(region => region.bytes >= size)
    if (fit >= 0) {
      const region = this.#free[fit]
      this.#free.splice(fit, 1)
      if (region.bytes > size) this.#free.push({ address: region.address + size, bytes: region.bytes - size })
      return region.address
    }
    const address = this.#end
    this.#grow(address + size)
    this.#end = address + size
    return address
  }

  /** The address of a region made larger; what it held is lost. */
  enlarge(address: number, bytes: number, wanted: number): number {
    if (bytes === 0) return this.allocate(wanted)
    if (address + align(bytes) === this.#end) {
      this.#grow(address + align(wanted))
      this.#end = address + align(wanted)
      return address
    }
    const moved = this.allocate(wanted)
    this.release(address, bytes)
    return moved
  }

  /** Releases a region. */
  release(address: number, bytes: number): void {
    if (bytes > 0) this.#free.push({ address, bytes: align(bytes) })
  }

  /** What is handed out now, to go back to by {@link restore}. */
  mark(): MemoryMark {
    return { end: this.#end, free: [...this.#free], chunk: this.#chunk }
  }

  /** Takes back all that was handed out since a mark. Nothing may have been released since, but what was handed out since. */
  restore({ end, free, chunk }: MemoryMark): void {
    this.#fresh = Math.max(this.#fresh, this.#end)
    this.#end = end
    this.#free.splice(0, this.#free.length, ...free)
    this.#chunk = chunk
  }

  #grow(bytes: number): void {
    const missing = Math.ceil((bytes - this.memory.buffer.byteLength) / pageBytes)
    if (missing <= 0) return
    try {
      this.memory.grow(missing)
    } catch {
      // Below the limit, it is the system that refuses more memory.
      throw new MemoryError({ bytes, limit: bytes > this.limit ? this.limit : this.memory.buffer.byteLength })
    }
  }
}
