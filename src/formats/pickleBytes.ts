/** The bytes of a pickle, read from front to back: every length is checked before it is used. */
import { opcode } from './pickleOpcodes.ts'
import type { PickleValue } from './pickleValues.ts'

/** Thrown for a pickle that is broken, too large, or asks for something that is not data. */
export class PickleError extends Error {
  override readonly name = 'PickleError'
}

/** Longest module or name of a global. */
const maxLineBytes = 1024

/** Reads numbers and texts in the forms of the pickle opcodes. */
export class PickleBytes {
  /** Position of the next byte. */
  position: number
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #end: number
  readonly #limited: boolean

  /** @param limit number of bytes after `start` that may be read */
  constructor(bytes: Uint8Array, start: number, limit: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.position = start
    this.#end = Math.min(bytes.length, start + limit)
    this.#limited = this.#end < bytes.length
  }

  /** @throws PickleError with the position. */
  fail(rule: string, at = this.position): never {
    throw new PickleError(`pickle, byte ${at}: ${rule}`)
  }

  uint8(): number {
    return this.#bytes[this.skip(1)]!
  }

  uint16(): number {
    return this.#view.getUint16(this.skip(2), true)
  }

  int32(): number {
    return this.#view.getInt32(this.skip(4), true)
  }

  uint32(): number {
    return this.#view.getUint32(this.skip(4), true)
  }

  /** A length; beyond 2^53 it is rounded, which is past the end of any file all the same. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.skip(8), true))
  }

  /** Big-endian, unlike every other number of a pickle. */
  float64(): number {
    return this.#view.getFloat64(this.skip(8), false)
  }

  /** An int in two's complement, little-endian; a `number` where that is exact. */
  long(length: number): number | bigint {
    const at = this.skip(length)
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#bytes[at + i]!)
    value = BigInt.asIntN(8 * length, value)
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
  }

  /** Bytes as a view of the file. */
  raw(length: number): Uint8Array {
    const at = this.skip(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** UTF-8. */
  text(length: number): string {
    const at = this.position
    return decode(this.raw(length)) ?? this.fail('text is not UTF-8', at)
  }

  /**
   * A `str` of Python 2, whose encoding is not stated: UTF-8 if valid, else Latin-1, whose characters are its bytes.
   */
  oldText(length: number): string {
    const bytes = this.raw(length)
    return decode(bytes) ?? Array.from(bytes, byte => String.fromCharCode(byte)).join('')
  }

  /** Text to the next newline. */
  line(): string {
    const start = this.position
    while (this.uint8() !== 0x0a)
      if (this.position - start > maxLineBytes) this.fail(`a name of more than ${maxLineBytes} bytes`, start)
    return decode(this.#bytes.subarray(start, this.position - 1)) ?? this.fail('name is not UTF-8', start)
  }

  /** Skips some bytes and returns the position of the first. */
  skip(length: number): number {
    const at = this.position
    if (length > this.#end - at) {
      if (this.#limited) this.fail(`larger than the description of any model's weights (${this.#end} bytes)`, at)
      this.fail(`${length} bytes expected, ${this.#end - at} left: truncated?`, at)
    }
    this.position = at + length
    return at
  }
}

/** The scalar or text that an opcode stands for; undefined for every other opcode. */
export function readScalar(code: number, input: PickleBytes): PickleValue | undefined {
  switch (code) {
    case opcode.NONE:
      return null
    case opcode.NEWTRUE:
      return true
    case opcode.NEWFALSE:
      return false
    case opcode.BININT:
      return input.int32()
    case opcode.BININT1:
      return input.uint8()
    case opcode.BININT2:
      return input.uint16()
    case opcode.LONG1:
      return input.long(input.uint8())
    case opcode.BINFLOAT:
      return input.float64()
    case opcode.SHORT_BINUNICODE:
      return input.text(input.uint8())
    case opcode.BINUNICODE:
      return input.text(input.uint32())
    case opcode.BINUNICODE8:
      return input.text(input.uint64())
    case opcode.SHORT_BINSTRING:
      return input.oldText(input.uint8())
    case opcode.BINSTRING:
      return input.oldText(input.uint32())
    default:
      return undefined
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text of UTF-8 bytes; undefined when they are not valid. Copies, because browsers refuse to decode shared memory. */
function decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes))
  } catch {
    return undefined
  }
}
