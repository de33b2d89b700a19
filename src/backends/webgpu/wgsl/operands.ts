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
  /** Whether it is in half precision, two elements to a word: the one of even number in its low bits. */
  readonly half: boolean
}

/** How a shader uses something that it binds. */
interface Bound extends Slot {
  readonly binding: Binding
  written: boolean
  /** Whether it is read as vectors of four. */
  vectors: boolean
  /** Whether single elements are stored into words that they share with another invocation's. */
  shared: boolean
}

/** Values that a shader writes and reads; each is bound when it is first mentioned. */
export class Operands {
  readonly #slotOf: (tensor: Tensor) => Slot
  readonly #bound: Bound[] = []

  constructor(slotOf: (tensor: Tensor) => Slot) {
    this.#slotOf = slotOf
  }

  /** All bindings, by their numbers. */
  get bindings(): readonly Binding[] {
    return this.#bound.map(({ binding }) => binding)
  }

  /** Whether a value is in half precision: whoever can should store two elements at once, by {@link storePair}. */
  isHalf(tensor: Tensor): boolean {
    return this.#slotOf(tensor).half
  }

  /** Declares a value of f32 to be read and written as vectors of four. Its size is a multiple of 4. */
  asVectors(tensor: Tensor): void {
    this.#bound[this.#numberOf(tensor)].vectors = true
  }

  /** Element `at` as an f32. */
  float(tensor: Tensor, at: string): string {
    if (tensor.dtype !== 'f32') return `f32(${this.integer(tensor, at)})`
    const number = this.#numberOf(tensor)
    const { vectors, half } = this.#bound[number]
    if (half) {
      const word = vectors ? `b${number}[(${at}) / 4u][((${at}) / 2u) % 2u]` : `b${number}[(${at}) / 2u]`
      return `halfOf(${word}, ${at})`
    }
    return vectors ? `b${number}[(${at}) / 4u][(${at}) % 4u]` : `b${number}[${at}]`
  }

  /** Elements `at` … `at` + 3 as a vector; `at` is a multiple of 4. The value was declared with {@link asVectors}. */
  vector(tensor: Tensor, at: string): string {
    const number = this.#numberOf(tensor)
    const read = `b${number}[(${at}) / 4u]`
    return this.#bound[number].half ? `fourHalves(${read})` : read
  }

  /** Element `at` as an i32: of i32 its value, of u8 the byte, of f32 its bits. */
  integer(tensor: Tensor, at: string): string {
    const name = `b${this.#numberOf(tensor)}`
    if (tensor.dtype === 'u8') return `i32((${name}[(${at}) / 4u] >> (((${at}) % 4u) * 8u)) & 255u)`
    return tensor.dtype === 'i32' ? `${name}[${at}]` : `bitcast<i32>(${name}[${at}])`
  }

  /**
   * Statement that stores an element: f32 or i32 in its type; of u8 a word with four bytes, at the word's index. In half
   * precision another invocation may store the word's other element meanwhile: both change their bits by atomic operations.
   */
  store(tensor: Tensor, at: string, value: string): string {
    const number = this.#write(tensor)
    if (!this.#bound[number].half) return `b${number}[${at}] = ${value};`
    this.#bound[number].shared = true
    const [word, shift] = [`&b${number}[(${at}) / 2u]`, `(((${at}) % 2u) * 16u)`]
    return `atomicAnd(${word}, 0xffff0000u >> ${shift}); atomicOr(${word}, halfBits(${value}) << ${shift});`
  }

  /** Statement that stores two elements in half precision, a `vec2<f32>`; `at` is even. */
  storePair(tensor: Tensor, at: string, values: string): string {
    return `b${this.#write(tensor)}[(${at}) / 2u] = packHalves(${values});`
  }

  /** Element `at` of the step's scratch, an f32, to be read or assigned. */
  workspace(at: string): string {
    const number = this.#bind('workspace', { memory: 'workspace', alone: false, half: false })
    return `b${number}[${at}]`
  }

  /** Statement that reports an index out of range. */
  fail(): string {
    return `atomicStore(&b${this.#bind('error', { memory: 'error', alone: false, half: false })}, 1u);`
  }

  /** The bindings as declarations of group 0. */
  declarations(): string {
    return this.#bound
      .map((bound, number) => {
        const access = bound.alone && !bound.written ? 'read' : 'read_write'
        return `@group(0) @binding(${number}) var<storage, ${access}> b${number}: ${typeOf(bound)};`
      })
      .join('\n')
  }

  #write(tensor: Tensor): number {
    const number = this.#numberOf(tensor)
    this.#bound[number].written = true
    return number
  }

  #numberOf(tensor: Tensor): number {
    return this.#bind(tensor, this.#slotOf(tensor))
  }

  #bind(binding: Binding, slot: Slot): number {
    const known = this.#bound.findIndex(({ memory }) => memory === slot.memory)
    if (known >= 0) return known
    return this.#bound.push({ binding, ...slot, written: false, vectors: false, shared: false }) - 1
  }
}

const elementTypes: Readonly<Record<DType, string>> = { f32: 'f32', i32: 'i32', u8: 'u32' }

function typeOf({ binding, vectors, half, shared }: Bound): string {
  if (binding === 'error') return 'atomic<u32>'
  if (binding === 'workspace') return 'array<f32>'
  if (half) return `array<${vectors ? 'vec2<u32>' : shared ? 'atomic<u32>' : 'u32'}>`
  return `array<${vectors ? 'vec4<f32>' : elementTypes[binding.dtype]}>`
}
