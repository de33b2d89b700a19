/** Reads the code of a WebAssembly function: names of instructions, and the numbers that follow them. */
import { longer, memory, plain, simd } from '../wasm/emit/opcodes.ts'

/** An instruction's name without the number of its lanes: `f32x4.add` is `f32x.add`. */
const withoutLanes = (name: string): string => name.replace(/^([fi]\d+x)\d+/, '$1').replace(/^v128\./, 'v.')

export const plainNames: ReadonlyMap<number, string> = new Map(
  Object.entries(plain).map(([name, code]) => [code as number, name]),
)
/** Names of instructions on vectors, without lanes. */
export const simdNames: ReadonlyMap<number, string> = new Map(
  Object.entries(simd).map(([name, code]) => [code as number, withoutLanes(name)]),
)

/** A load or a store. */
export interface MemoryAccess {
  /** Its name without lanes. */
  readonly name: string
  readonly stores: boolean
  /** What it loads or stores. */
  readonly kind: 'vector' | 'f32' | 'i32'
}

const accesses = (vectors: boolean): ReadonlyMap<number, MemoryAccess> =>
  new Map(
    Object.entries(memory)
      .filter(([, { simd }]) => simd === vectors)
      .map(([name, { code }]) => {
        const kind = vectors ? 'vector' : name.startsWith('f32') ? 'f32' : 'i32'
        return [code, { name: withoutLanes(name), stores: name.includes('store'), kind }]
      }),
  )

/** Loads and stores of single numbers, by opcode. */
export const plainAccesses = accesses(false)
/** Loads and stores of vectors. */
export const vectorAccesses = accesses(true)

/** Instructions followed by one index: branches, calls, locals. */
const indexed: ReadonlySet<number> = new Set([0x0c, 0x0d, 0x10, 0x20, 0x21, 0x22])

/** Code being read. */
export class Bytecode {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length
  }

  byte(): number {
    return this.#bytes[this.#at++]
  }

  /** 32 bits, least significant byte first. */
  word(): number {
    return this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24)
  }

  /** LEB128, unsigned. */
  unsigned(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }

  /** LEB128, signed 32-bit. */
  signed(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return shift + 7 < 32 && byte & 0x40 ? value | (-1 << (shift + 7)) : value
    }
  }

  /** The offset of a load or store, after its alignment. */
  memoryOffset(): number {
    this.unsigned()
    return this.unsigned()
  }

  /** Skips what follows the opcode of an instruction. @returns by how many blocks it goes deeper: 1, 0 or −1 */
  skip(code: number): number {
    if (code === 0x02 || code === 0x03 || code === 0x04) {
      this.#at++
      return 1
    }
    if (code === 0x0b) return -1
    if (indexed.has(code)) this.unsigned()
    else if (code === 0x41 || code === 0x42) this.signed()
    else if (code === 0x43) this.#at += 4
    else if (plainAccesses.has(code)) this.memoryOffset()
    else if (code === 0xfd) this.#skipVectorImmediates(this.unsigned())
    else if (code === 0xfe) throw new Error('native code: atomic instructions have no machine code')
    return 0
  }

  #skipVectorImmediates(code: number): void {
    const own = code % longer.step
    if (vectorAccesses.has(own)) this.memoryOffset()
    else if (own === 12) this.#at += code === own ? 16 : 4
    else if (own === 13) this.#at += 16
    else if ([28, 31, 32, 33].includes(own)) this.#at++
  }
}
