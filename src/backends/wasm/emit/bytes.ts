/**
 * Byte output: a growing buffer, with the number formats of WebAssembly's binary format. Modules of large networks have
 * a million bytes, written a few at a time, so nothing here allocates an array for each write.
 */

/** Bytes written one after another. */
export class ByteWriter {
  #buffer: Uint8Array<ArrayBuffer>
  #end = 0

  /** @param capacity initial bytes; more are allocated as needed */
  constructor(capacity = 256) {
    this.#buffer = new Uint8Array(capacity)
  }

  /** Number of bytes so far. */
  get length(): number {
    return this.#end
  }

  /** The bytes so far: a view that later writes may invalidate. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#end)
  }

  /** One byte. */
  byte(value: number): this {
    if (this.#end === this.#buffer.length) this.#reserve(1)
    this.#buffer[this.#end++] = value
    return this
  }

  /** Two bytes, or more for a large number: an instruction and its operand. */
  coded(code: number, operand: number): this {
    if (operand >>> 0 > 0x7f) return this.byte(code).unsigned(operand)
    if (this.#end + 2 > this.#buffer.length) this.#reserve(2)
    this.#buffer[this.#end++] = code
    this.#buffer[this.#end++] = operand
    return this
  }

  /** Several bytes. */
  bytes(values: ArrayLike<number>): this {
    const { length } = values
    this.#reserve(length)
    // Most are instructions of two or three bytes, for which `set` takes longer.
    if (length > 4) this.#buffer.set(values, this.#end)
    else for (let k = 0; k < length; k++) this.#buffer[this.#end + k] = values[k]
    this.#end += length
    return this
  }

  /** LEB128, unsigned. */
  unsigned(value: number): this {
    let rest = value >>> 0
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    return this.byte(rest)
  }

  /** LEB128, signed 32-bit. */
  signed(value: number): this {
    let rest = value | 0
    while (rest < -0x40 || rest > 0x3f) {
      this.byte((rest & 0x7f) | 0x80)
      rest >>= 7
    }
    return this.byte(rest & 0x7f)
  }

  /** Bits of a 32-bit number, least significant byte first. */
  word(value: number): this {
    return this.byte(value & 0xff)
      .byte((value >>> 8) & 0xff)
      .byte((value >>> 16) & 0xff)
      .byte((value >>> 24) & 0xff)
  }

  /** The bits of a number as f32. */
  float32(value: number): this {
    floatBits[0] = value
    return this.word(wordBits[0])
  }

  /** UTF-8, preceded by its length. */
  text(value: string): this {
    const bytes = new TextEncoder().encode(value)
    return this.unsigned(bytes.length).bytes(bytes)
  }

  #reserve(more: number): void {
    if (this.#end + more <= this.#buffer.length) return
    const larger = new Uint8Array(Math.max(2 * this.#buffer.length, this.#end + more))
    larger.set(this.written)
    this.#buffer = larger
  }
}

const floatBits = new Float32Array(1)
const wordBits = new Int32Array(floatBits.buffer)
