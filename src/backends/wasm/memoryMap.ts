/** The contents of an engine's memory: variables, constants, tables of kernels, and the arena that plans share. */
import { byteSizeOf, sizeOf } from '../../graph/shape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { TypedArray, Variable } from '../../graph/variable.ts'
import type { MemoryNeed } from '../../plan/memoryError.ts'
import { storageOf } from '../../plan/step.ts'
import type { CpuPlan } from '../cpu/layouts/form.ts'
import type { Addresses } from './codegen.ts'
import { LinearMemory } from './runtime/memory.ts'

/**
 * The memory of one engine. Whatever a program needs beyond its runs gets its place and values when first requested.
 */
export class MemoryMap implements Addresses {
  readonly #linear: LinearMemory
  readonly #variables = new Map<Variable, number>()
  readonly #constants = new Map<Tensor, number>()
  readonly #tables = new Map<string, number>()
  #arena = { address: 0, bytes: 0 }
  /** Counts what gets its place at any time: regions, and larger arenas. */
  #others = 0

  /**
   * @param shared whether threads share the memory
   * @param mostPages pages of 64 KiB that it may have; as many as there can be by default
   */
  constructor(shared: boolean, mostPages?: number) {
    this.#linear = new LinearMemory(shared, mostPages)
  }

  get memory(): WebAssembly.Memory {
    return this.#linear.memory
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#linear.used
  }

  variable(variable: Variable): number {
    const known = this.#variables.get(variable)
    if (known !== undefined) return known
    const bytes = byteSizeOf(variable)
    const address = variable.isUnset ? this.#linear.allocateZeros(bytes) : this.#linear.allocate(bytes)
    this.#variables.set(variable, address)
    if (!variable.isUnset) variable.copyTo(this.#view(address, variable.tensor))
    return address
  }

  /**
   * Places variables side by side.
   * @returns the address of the first
   * @throws Error when one already has a place
   */
  region(variables: readonly Variable[], offsets: readonly number[], length: number): number {
    this.#others++
    const placed = variables.find(variable => this.#variables.has(variable))
    if (placed) throw new Error(`region: ${placed.name} already has a place in memory`)
    const bytes = length * Float32Array.BYTES_PER_ELEMENT
    const address = this.#linear.allocate(bytes)
    // What is reused is not zero.
    new Uint8Array(this.memory.buffer, address, bytes).fill(0)
    for (const [k, variable] of variables.entries()) {
      const at = address + offsets[k]! * Float32Array.BYTES_PER_ELEMENT
      this.#variables.set(variable, at)
      variable.copyTo(this.#view(at, variable.tensor))
    }
    return address
  }

  constant(tensor: Tensor): number {
    const known = this.#constants.get(tensor)
    if (known !== undefined) return known
    const address = this.#linear.allocate(byteSizeOf(tensor))
    this.#constants.set(tensor, address)
    if (tensor.source?.kind === 'constant') this.#view(address, tensor).set(tensor.source.values)
    return address
  }

  kept(tensor: Tensor): number {
    return this.constant(tensor)
  }

  table(values: Int32Array): number {
    const key = values.join()
    const known = this.#tables.get(key)
    if (known !== undefined) return known
    const address = this.#linear.allocate(values.byteLength)
    new Int32Array(this.memory.buffer, address, values.length).set(values)
    this.#tables.set(key, address)
    return address
  }

  /** The memory of a variable, if it has a place. */
  valuesOf(variable: Variable): TypedArray | undefined {
    const address = this.#variables.get(variable)
    return address === undefined ? undefined : this.#view(address, variable.tensor)
  }

  /** Memory of a plan's row-major value; returns the known array unless the arena has moved or the memory has grown. */
  viewOf(plan: CpuPlan, tensor: Tensor, known: TypedArray | undefined): TypedArray {
    const address = this.#locate(plan, tensor)
    const current = known?.byteOffset === address && known.buffer === this.memory.buffer
    return current ? known : this.#view(address, tensor)
  }

  /**
   * Begins to place what a program needs.
   * @returns gives all of it back, for a program that does not fit, unless others have got memory behind it
   */
  attempt(): () => void {
    const places = [this.#variables, this.#constants, this.#tables] as Map<unknown, number>[]
    const [before, others, mark] = [places.map(({ size }) => size), this.#others, this.#linear.mark()]
    return () => {
      if (this.#others !== others) return
      for (const [k, known] of places.entries()) for (const key of [...known.keys()].slice(before[k])) known.delete(key)
      this.#linear.restore(mark)
    }
  }

  /** Memory that the engine would hold with a plan on the given number of threads. */
  needOf({ values, arenaBytes, scratchBytes }: CpuPlan, threads: number): MemoryNeed {
    const arena = Math.max(this.#arena.bytes, arenaBytes + scratchBytes * threads)
    const more = new Map<Variable | Tensor, number>()
    for (const { tensor, space, variable, bytes } of values) {
      if (variable && !this.#variables.has(variable)) more.set(variable, byteSizeOf(variable))
      if ((space === 'constant' || space === 'kept') && !this.#constants.has(tensor)) more.set(tensor, bytes)
    }
    const lasting = [...more.values()].reduce((sum, bytes) => sum + bytes, 0)
    return { bytes: this.bytes - this.#arena.bytes + lasting + arena, limit: this.#linear.limit }
  }

  /**
   * Makes room for a plan: its arena, then the scratch of its threads. Plans share it, since only one runs at a time.
   */
  reserve(plan: CpuPlan, threads: number): void {
    const bytes = plan.arenaBytes + plan.scratchBytes * threads
    if (this.#arena.bytes >= bytes) return
    this.#arena = { address: this.#linear.enlarge(this.#arena.address, this.#arena.bytes, bytes), bytes }
    this.#others++
  }

  /** Addresses of a plan's arena and of its scratch, once room is reserved. */
  arenaOf({ arenaBytes }: CpuPlan): { arena: number; scratch: number } {
    const { address } = this.#arena
    return { arena: address, scratch: address + arenaBytes }
  }

  /** Sets all values in a plan's arena to 0, once room is reserved. */
  clearArena({ arenaBytes }: CpuPlan): void {
    new Uint8Array(this.memory.buffer, this.#arena.address, arenaBytes).fill(0)
  }

  #locate(plan: CpuPlan, tensor: Tensor): number {
    const value = plan.value(tensor)
    if (value?.space === 'arena') return this.#arena.address + value.offset
    return value?.variable ? this.variable(value.variable) : this.constant(storageOf(tensor))
  }

  #view(address: number, { shape, dtype }: Tensor): TypedArray {
    const { buffer } = this.memory
    if (dtype === 'f32') return new Float32Array(buffer, address, sizeOf(shape))
    return dtype === 'i32'
      ? new Int32Array(buffer, address, sizeOf(shape))
      : new Uint8Array(buffer, address, sizeOf(shape))
  }
}
