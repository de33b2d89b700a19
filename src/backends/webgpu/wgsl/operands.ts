/** What a shader binds, and how it reads and writes that. */
import type { DType } from '../../../graph/shape.ts'
import type { Tensor } from '../../../graph/tensor.ts'

/** Something bound: a value, the scratch of a step, or the word in which a shader reports an index out of range. */
export type Binding = Tensor | 'workspace' | 'error'

/** Where a value is. */
export interface Slot {
  /** Equal for values in the same memory: these share a binding, since writable bindings must not overlap. */
  readonly memory: string
  /**
   * Whether nothing else that a step binds is in the same buffer. It may then be bound as read-only: WebGPU refuses a
   * buffer that one dispatch binds both ways.
   */
  readonly alone: boolean
}

/** Values that a shader writes and reads; each is bound when it is first mentioned. */
export class Operands {
  readonly #slotOf: (tensor: Tensor) => Slot
  readonly #bound: { binding: Binding; memory: string; alone: boolean; written: boolean; vectors: boolean }[] = []

  constructor(slotOf: (tensor: Tensor) => Slot) {
    this.#slotOf = slotOf
  }

  /** All bindings, by their numbers. */
  get bindings(): readonly Binding[] {
    return this.#bound.map(({ binding }) => binding)
  }

  /** Declares a value of f32 to be read and written as vectors of four. Its size is a multiple of 4. */
  asVectors(tensor: Tensor): void {
    this.#bound[this.#numberOf(tensor)].vectors = true
  }

  /** Element `at` as an f32. */
  float(tensor: Tensor, at: string): string {
    if (tensor.dtype !== 'f32') return `f32(${this.integer(tensor, at)})`
    const number = this.#numberOf(tensor)
    return this.#bound[number].vectors ? `b${number}[(${at}) / 4u][(${at}) % 4u]` : `b${number}[${at}]`
  }

  /** Elements `at` … `at` + 3 as a vector; `at` is a multiple of 4. The value was declared with {@link asVectors}. */
  vector(tensor: Tensor, at: string): string {
    return `b${this.#numberOf(tensor)}[(${at}) / 4u]`
  }

  /** Element `at` as an i32: of i32 its value, of u8 the byte, of f32 its bits. */
  integer(tensor: Tensor, at: string): string {
    const name = `b${this.#numberOf(tensor)}`
    if (tensor.dtype === 'u8') return `i32((${name}[(${at}) / 4u] >> (((${at}) % 4u) * 8u)) & 255u)`
    return tensor.dtype === 'i32' ? `${name}[${at}]` : `bitcast<i32>(${name}[${at}])`
  }

  /** Statement that stores an element: f32 or i32 in its type; of u8 a word with four bytes, at the word's index. */
  store(tensor: Tensor, at: string, value: string): string {
    const number = this.#numberOf(tensor)
    this.#bound[number].written = true
    return `b${number}[${at}] = ${value};`
  }

  /** Element `at` of the step's scratch, an f32, to be read or assigned. */
  workspace(at: string): string {
    const number = this.#bind('workspace', 'workspace', false)
    return `b${number}[${at}]`
  }

  /** Statement that reports an index out of range. */
  fail(): string {
    return `atomicStore(&b${this.#bind('error', 'error', false)}, 1u);`
  }

  /** The bindings as declarations of group 0. */
  declarations(): string {
    return this.#bound
      .map(({ binding, alone, written, vectors }, number) => {
        const access = alone && !written ? 'read' : 'read_write'
        return `@group(0) @binding(${number}) var<storage, ${access}> b${number}: ${typeOf(binding, vectors)};`
      })
      .join('\n')
  }

  #numberOf(tensor: Tensor): number {
    const { memory, alone } = this.#slotOf(tensor)
    return this.#bind(tensor, memory, alone)
  }

  #bind(binding: Binding, memory: string, alone: boolean): number {
    const known = this.#bound.findIndex(other => other.memory === memory)
    if (known >= 0) return known
    return this.#bound.push({ binding, memory, alone, written: false, vectors: false }) - 1
  }
}

const elementTypes: Readonly<Record<DType, string>> = { f32: 'f32', i32: 'i32', u8: 'u32' }

function typeOf(binding: Binding, vectors: boolean): string {
  if (binding === 'error') return 'atomic<u32>'
  if (binding === 'workspace') return 'array<f32>'
  return `array<${vectors ? 'vec4<f32>' : elementTypes[binding.dtype]}>`
}
