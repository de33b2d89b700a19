/**
 * An encoder of x86-64 instructions: general registers, and vectors in VEX form (AVX2, FMA) or EVEX form (AVX-512).
 * Formats and opcodes are those of the Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
 */
import { ByteWriter } from '../wasm/emit/bytes.ts'
import type { Condition } from './conditions.ts'
import { extendsBase, extendsIndex, general, type Memory, type Place, type Pooled, type Register } from './operand.ts'

/** Arithmetic with two operands: the opcode's number in the group of `81 /n`. */
export const arithmetic = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const

/** Sizes of integers other than 32 bits: 64 (the bit W of the prefix), and 8. */
const [long, byteSized] = [8, 1]

/** Shifts: the opcode's number in the group of `c1 /n`. */
const shifts = { left: 4, right: 5, signed: 7 } as const

/** Length of vectors in bytes: 16, 32 or 64, as 0, 1 or 2. */
export type VectorLength = 0 | 1 | 2

/** How an instruction on vectors is encoded. */
export interface VectorInstruction {
  readonly opcode: number
  /** Prefix: none, 66, F3, F2. */
  readonly prefix: 0 | 1 | 2 | 3
  /** Opcode map: 0F, 0F38, 0F3A. */
  readonly map: 1 | 2 | 3
  /** The bit W of the EVEX form, and of the VEX form where it is not ignored. */
  readonly wide?: { readonly vex: 0 | 1; readonly evex: 0 | 1 }
  /** Bytes read or written at a memory operand; those of the vector by default. */
  readonly bytes?: number
  /** Which forms there are; both by default. */
  readonly only?: 'vex' | 'evex'
}

/** A place in the code that jumps refer to. */
export type Label = number

/** Machine code being written. */
export class MachineCode {
  readonly #code = new ByteWriter(65536)
  readonly #labels: number[] = []
  readonly #jumps: { at: number; label: Label }[] = []
  readonly #pool = new ByteWriter(1024)
  readonly #poolOffsets = new Map<string, number>()
  readonly #pooled: { at: number; end: number; pool: number }[] = []

  /** Bytes of code so far. */
  get size(): number {
    return this.#code.length
  }

  /** A label to be bound later. */
  label(): Label {
    return this.#labels.push(-1) - 1
  }

  /** Binds a label to the next instruction. */
  bind(label: Label): void {
    this.#labels[label] = this.size
  }

  /** Offset of a bound label from the start of the code. */
  offsetOf(label: Label): number {
    return this.#labels[label]
  }

  /** The place of 32-bit words in the pool; equal words share one. */
  constant(words: readonly number[]): Pooled {
    const key = words.join()
    const known = this.#poolOffsets.get(key)
    if (known !== undefined) return { pool: known }
    // Aligned to its own size.
    while (this.#pool.length % (words.length * 4) !== 0) this.#pool.byte(0)
    const pool = this.#pool.length
    for (const word of words) this.#pool.word(word)
    this.#poolOffsets.set(key, pool)
    return { pool }
  }

  /** The code, followed by its constants. @throws Error when a label is not bound. */
  finish(): Uint8Array<ArrayBuffer> {
    while (this.size % 64 !== 0) this.#code.byte(0xcc)
    const poolStart = this.size
    const bytes = this.#code.bytes(this.#pool.written).written.slice()
    const view = new DataView(bytes.buffer)
    for (const { at, label } of this.#jumps) {
      if (this.#labels[label] < 0) throw new Error(`machine code: label ${label} is not bound`)
      view.setInt32(at, this.#labels[label] - (at + 4), true)
    }
    for (const { at, end, pool } of this.#pooled) view.setInt32(at, poolStart + pool - end, true)
    return bytes
  }

  jump(label: Label): void {
    this.#code.byte(0xe9)
    this.#distance(label)
  }

  jumpIf(condition: Condition, label: Label): void {
    this.#code.byte(0x0f).byte(0x80 | condition)
    this.#distance(label)
  }

  call(label: Label): void {
    this.#code.byte(0xe8)
    this.#distance(label)
  }

  return(): void {
    this.#code.byte(0xc3)
  }

  push(register: Register): void {
    if (register >= 8) this.#code.byte(0x41)
    this.#code.byte(0x50 | (register & 7))
  }

  pop(register: Register): void {
    if (register >= 8) this.#code.byte(0x41)
    this.#code.byte(0x58 | (register & 7))
  }

  /** register ← constant, all 64 bits: the upper half is zero. */
  moveConstant(to: Register, value: number): void {
    if (to >= 8) this.#code.byte(0x41)
    this.#code.byte(0xb8 | (to & 7)).word(value)
  }

  /** register ← the 32 bits at a place. */
  move(to: Register, from: Place): void {
    this.#general(0x8b, to, from)
  }

  /** register ← the 64 bits at a place. */
  moveLong(to: Register, from: Place): void {
    this.#general(0x8b, to, from, long)
  }

  /** Stores 32 bits of a register. */
  store(to: Memory, from: Register): void {
    this.#general(0x89, from, to)
  }

  /** Stores 64 bits of a register. */
  storeLong(to: Memory, from: Register): void {
    this.#general(0x89, from, to, long)
  }

  /** Stores 32 constant bits. */
  storeConstant(to: Memory, value: number): void {
    this.#general(0xc7, 0, to, 0, 4)
    this.#code.word(value)
  }

  /** Stores the lowest byte of a register. */
  storeByte(to: Memory, from: Register): void {
    this.#general(0x88, from, to, byteSized)
  }

  /** register ← the byte in memory, zero-extended. */
  moveByte(to: Register, from: Memory): void {
    this.#general(0x0fb6, to, from)
  }

  /** Begins to fetch the cache line of an address, into all levels of the cache. */
  prefetch(from: Memory): void {
    this.#general(0x0f18, 1, from)
  }

  /** register ← register (operation) place. */
  arithmetic(operation: keyof typeof arithmetic, to: Register, from: Place): void {
    this.#general((arithmetic[operation] << 3) | 3, to, from)
  }

  /** place ← place (operation) constant. */
  arithmeticConstant(operation: keyof typeof arithmetic, to: Place, value: number): void {
    const short = value >= -128 && value <= 127
    this.#general(short ? 0x83 : 0x81, arithmetic[operation], to, 0, short ? 1 : 4)
    if (short) this.#code.byte(value & 0xff)
    else this.#code.word(value)
  }

  /** The stack pointer moves by a number of bytes. */
  moveStack(bytes: number): void {
    this.#general(0x81, arithmetic.add, general.rsp, long, 4)
    this.#code.word(bytes)
  }

  /** The stack pointer is rounded down to a multiple of 64. */
  alignStack(): void {
    this.#general(0x83, arithmetic.and, general.rsp, long, 1)
    this.#code.byte(-64 & 0xff)
  }

  multiply(to: Register, from: Place): void {
    this.#general(0x0faf, to, from)
  }

  /** to ← from · constant. */
  multiplyConstant(to: Register, from: Place, value: number): void {
    this.#general(0x69, to, from, 0, 4)
    this.#code.word(value)
  }

  /** to ← the address of a memory operand, its lower 32 bits. */
  address(to: Register, from: Memory): void {
    this.#general(0x8d, to, from)
  }

  /** eax, edx ← quotient and remainder of edx:eax. */
  divide(by: Place, signed: boolean): void {
    this.#general(0xf7, signed ? 7 : 6, by)
  }

  /** edx ← the sign of eax. */
  extendSign(): void {
    this.#code.byte(0x99)
  }

  test(a: Register, b: Register): void {
    this.#general(0x85, b, a)
  }

  /** register ← register shifted by a constant: `left`, `right` with zeros, `signed` with the sign. */
  shift(to: Register, how: keyof typeof shifts, by: number): void {
    this.#general(0xc1, shifts[how], to, 0, 1)
    this.#code.byte(by)
  }

  /** The lowest byte of a register ← 1 if the condition holds, else 0. */
  setIf(condition: Condition, to: Register): void {
    this.#general(0x0f90 | condition, 0, to, byteSized)
  }

  /** register ← the register's lowest byte, zero-extended. */
  extendByte(to: Register): void {
    this.#general(0x0fb6, to, to, byteSized)
  }

  moveIf(condition: Condition, to: Register, from: Place): void {
    this.#general(0x0f40 | condition, to, from)
  }

  /** Zeroes the upper halves of the vector registers: code for older instructions would be slow with anything in them. */
  clearUpperVectors(): void {
    this.#code.bytes([0xc5, 0xf8, 0x77])
  }

  /** Reads the processor's features: leaf in eax, subleaf in ecx; results in eax, ebx, ecx, edx. */
  cpuid(): void {
    this.#code.bytes([0x0f, 0xa2])
  }

  /** Reads the state that the operating system saves: edx:eax for the number in ecx. */
  xgetbv(): void {
    this.#code.bytes([0x0f, 0x01, 0xd0])
  }

  /**
   * An instruction on vectors, `reg ← operand, place` in Intel's order.
   * @param operand the register in field vvvv; 0 where the instruction has none
   * @param immediate last byte, if the instruction has one
   */
  vector(
    instruction: VectorInstruction,
    length: VectorLength,
    [reg, operand, place]: readonly [reg: Register, operand: Register, place: Place],
    immediate?: number,
  ): void {
    const far = reg >= 16 || operand >= 16 || (typeof place === 'number' && place >= 16)
    const after = immediate === undefined ? 0 : 1
    if (length === 2 || far || instruction.only === 'evex')
      this.#evex(instruction, length, [reg, operand, place], after)
    else this.#vex(instruction, length, [reg, operand, place], after)
    if (immediate !== undefined) this.#code.byte(immediate & 0xff)
  }

  #vex(
    { opcode, prefix, map, wide }: VectorInstruction,
    length: VectorLength,
    [reg, operand, place]: readonly [Register, Register, Place],
    after: number,
  ): void {
    const [index, base] = [extendsIndex(place), extendsBase(place)]
    const last = ((~operand & 15) << 3) | (length << 2) | prefix
    if (map === 1 && !index && !base && !wide?.vex) {
      this.#code.byte(0xc5).byte((reg & 8 ? 0 : 0x80) | last)
    } else {
      this.#code
        .byte(0xc4)
        .byte((reg & 8 ? 0 : 0x80) | (index ? 0 : 0x40) | (base ? 0 : 0x20) | map)
        .byte(((wide?.vex ?? 0) << 7) | last)
    }
    this.#code.byte(opcode)
    this.#operand(reg, place, after)
  }

  #evex(
    { opcode, prefix, map, wide, bytes }: VectorInstruction,
    length: VectorLength,
    [reg, operand, place]: readonly [Register, Register, Place],
    after: number,
  ): void {
    const [index, base] = [extendsIndex(place), extendsBase(place)]
    this.#code
      .byte(0x62)
      .byte((reg & 8 ? 0 : 0x80) | (index ? 0 : 0x40) | (base ? 0 : 0x20) | (reg & 16 ? 0 : 0x10) | map)
      .byte(((wide?.evex ?? 0) << 7) | ((~operand & 15) << 3) | 4 | prefix)
      .byte((length << 5) | (operand & 16 ? 0 : 8))
      .byte(opcode)
    this.#operand(reg, place, after, bytes ?? 16 << length)
  }

  /**
   * An instruction on general registers.
   * @param opcode of one byte, or of two that start with 0f
   * @param size   `long` or `byteSized`, or 0 for 32 bits
   * @param after  bytes of the instruction that follow
   */
  #general(opcode: number, reg: Register, place: Place, size = 0, after = 0): void {
    const prefix =
      0x40 | (size & long) | (reg & 8 ? 4 : 0) | (extendsIndex(place) ? 2 : 0) | (extendsBase(place) ? 1 : 0)
    // Bytes of rsp … rdi can only be named with the prefix.
    if (prefix !== 0x40 || size === byteSized) this.#code.byte(prefix)
    if (opcode > 0xff) this.#code.byte(opcode >> 8)
    this.#code.byte(opcode & 0xff)
    this.#operand(reg, place, after)
  }

  /**
   * The bytes that name a register and a place.
   * @param after bytes of the instruction that follow
   * @param scale unit of one-byte displacements
   */
  #operand(reg: Register, place: Place, after: number, scale = 1): void {
    const field = (reg & 7) << 3
    if (typeof place === 'number') {
      this.#code.byte(0xc0 | field | (place & 7))
      return
    }
    if ('pool' in place) {
      this.#code.byte(field | 5)
      this.#pooled.push({ at: this.size, end: this.size + 4 + after, pool: place.pool })
      this.#code.word(0)
      return
    }
    const { base, index, displacement } = place
    const scaled = displacement / scale
    const short = Number.isInteger(scaled) && scaled >= -128 && scaled <= 127
    // Without a displacement, rbp and r13 would mean something else.
    const mode = displacement === 0 && (base & 7) !== 5 ? 0 : short ? 0x40 : 0x80
    if (index !== undefined || (base & 7) === 4) {
      this.#code.byte(mode | field | 4).byte((((index ?? 4) & 7) << 3) | (base & 7))
    } else {
      this.#code.byte(mode | field | (base & 7))
    }
    if (mode === 0x40) this.#code.byte(scaled & 0xff)
    else if (mode === 0x80) this.#code.word(displacement)
  }

  #distance(label: Label): void {
    this.#jumps.push({ at: this.size, label })
    this.#code.word(0)
  }
}
