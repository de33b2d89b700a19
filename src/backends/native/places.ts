/**
 * Where the values of one function are while it is printed: in a register, in the stack, or for one instruction in a
 * register that is borrowed.
 */
import { type Allocation, allocate } from './allocation.ts'
import {
  bytesOf,
  type Instruction,
  isVector,
  lengthOf,
  type Operand,
  type Value,
  type ValueCode,
  type ValueKind,
} from './code.ts'
import { vectorInstructions } from './instructions.ts'
import { general, type Memory, type Place, type Register } from './operand.ts'
import { needsLowRegisters } from './operations.ts'
import type { MachineCode, VectorLength } from './x86.ts'

const { rax, rsp } = general

/** Room in the stack for vector registers that are borrowed for one instruction. */
const borrowedBytes = 64
const mostBorrowed = 5

/** Offsets of arguments from the start of the area where the caller leaves them, and its size. */
export function argumentOffsets(kinds: readonly ValueKind[]): { offsets: number[]; bytes: number } {
  let bytes = 0
  const offsets = kinds.map(kind => {
    const own = bytesOf(kind)
    const offset = Math.ceil(bytes / own) * own
    bytes = offset + own
    return offset
  })
  return { offsets, bytes: Math.ceil(bytes / 64) * 64 }
}

/** The places of a function's values. */
export class Places {
  readonly allocation: Allocation
  /** Bytes by which the function moves the stack pointer. */
  readonly frame: number
  readonly #values: ValueCode
  readonly #code: MachineCode
  readonly #avx512: boolean
  /** Bytes of arguments that the function leaves for others. */
  readonly #argumentBytes: number
  /** The instruction that is being printed, and whether it has a form for low registers only. */
  #at = -1
  #low = false

  constructor(values: ValueCode, code: MachineCode, avx512: boolean) {
    this.#values = values
    this.#code = code
    this.#avx512 = avx512
    this.allocation = allocate(values, avx512)
    const calls = values.instructions.filter(({ op }) => op === 'call')
    this.#argumentBytes = Math.max(0, ...calls.map(call => argumentOffsets(this.kindsOf(call.sources)).bytes))
    const used = this.#argumentBytes + this.allocation.slotBytes + 64 + mostBorrowed * borrowedBytes
    // The return address is the other 8 bytes: the stack pointer of every function is a multiple of 64.
    this.frame = Math.ceil(used / 64) * 64 + 56
  }

  /** Goes to an instruction. */
  moveTo(instruction: Instruction, at: number): void {
    this.#at = at
    this.#low = needsLowRegisters(instruction)
  }

  /** Kinds of the operands of an instruction. */
  kindsOf(operands: readonly Operand[]): ValueKind[] {
    return operands.map(operand => (typeof operand === 'number' ? this.#values.kinds[operand] : 'i32'))
  }

  /** The source that an instruction can read from the stack, if that is where it is. */
  inMemory(
    sources: readonly Operand[],
    dest: Value,
    index: number | undefined,
  ): { readonly index: number; readonly place: Memory } | undefined {
    const source = index === undefined ? undefined : sources[index]
    if (index === undefined || typeof source !== 'number' || !isVector(this.#values.kinds[source])) return undefined
    const elsewhere = sources.some((other, at) => other === source && at !== index)
    if (this.allocation.registers.has(source) || elsewhere || source === dest) return undefined
    return { index, place: this.slot(source) }
  }

  /**
   * Runs `emit` with a vector register for each of some values. Values without one borrow a register for as long:
   * their number is read from the stack before; a result must be put back with {@link spill}.
   * @param extra registers wanted for nothing in particular, after those of the values
   */
  withVectors(values: readonly Value[], emit: (registers: readonly Register[]) => void, extra = 0): void {
    const { registers } = this.allocation
    const own: Register[] = []
    for (const value of values) {
      const register = registers.get(value)
      if (register !== undefined) own.push(register)
    }
    if (own.length === values.length && extra === 0) {
      emit(own)
      return
    }
    const taken = new Set(own)
    const borrowed: Register[] = []
    const borrow = (): Register => {
      const free = this.allocation.freeVector(this.#at, this.#low, taken)
      if (free !== undefined) {
        taken.add(free)
        return free
      }
      let register = 0
      while (taken.has(register)) register++
      taken.add(register)
      this.#keepBorrowed(register, borrowed.length, 'storeups')
      borrowed.push(register)
      return register
    }
    const lent = new Map<Value, Register>()
    const found = values.map(value => {
      const register = registers.get(value) ?? lent.get(value)
      if (register !== undefined) return register
      const lender = borrow()
      lent.set(value, lender)
      if (this.allocation.slots.has(value)) this.load(value, lender, this.slot(value))
      return lender
    })
    emit([...found, ...Array.from({ length: extra }, borrow)])
    borrowed.forEach((register, at) => {
      this.#keepBorrowed(register, at, 'loadups')
    })
  }

  #keepBorrowed(register: Register, at: number, how: 'storeups' | 'loadups'): void {
    const start = Math.ceil((this.#argumentBytes + this.allocation.slotBytes) / 64) * 64
    const place: Memory = { base: rsp, displacement: start + at * borrowedBytes }
    this.#code.vector(vectorInstructions[how], this.#avx512 ? 2 : 1, [register, 0, place])
  }

  /** Computes a number or a vector into its register, or into a borrowed one and from there into the stack. */
  toVector(dest: Value, emit: (register: Register) => void): void {
    this.withVectors([dest], ([register]) => {
      emit(register)
      this.spill(dest, register)
    })
  }

  /** Computes an integer into its register, or into eax and from there into the stack. */
  toGeneral(dest: Value, emit: (register: Register) => void): void {
    const register = this.allocation.registers.get(dest) ?? rax
    emit(register)
    this.spill(dest, register)
  }

  /** Puts a value that has no register into its place in the stack. */
  spill(value: Value, register: Register, always = false): void {
    if (always || !this.allocation.registers.has(value)) this.store(value, register, this.slot(value))
  }

  /** Stores a value that a register holds. */
  store(value: Value, register: Register, to: Memory): void {
    const kind = this.#values.kinds[value]
    if (kind === 'i32') this.#code.storeLong(to, register)
    else this.#code.vector(vectorInstructions[this.#storeOf(kind)], lengthOf(kind), [register, 0, to])
  }

  /** Loads a value into a register. */
  load(value: Value, register: Register, from: Memory): void {
    const kind = this.#values.kinds[value]
    if (kind === 'i32') this.#code.move(register, from)
    else this.#code.vector(vectorInstructions[this.#loadOf(kind)], lengthOf(kind), [register, 0, from])
  }

  #storeOf(kind: ValueKind): 'storess' | 'storesd' | 'storeups' {
    return kind === 'f32' ? 'storess' : kind === 'f64' ? 'storesd' : 'storeups'
  }

  #loadOf(kind: ValueKind): 'loadss' | 'loadsd' | 'loadups' {
    return kind === 'f32' ? 'loadss' : kind === 'f64' ? 'loadsd' : 'loadups'
  }

  /** The place of a value in the stack. */
  slot(value: Value): Memory {
    return { base: rsp, displacement: this.#argumentBytes + (this.allocation.slots.get(value) as number) }
  }

  /** The register of an integer; one without gets `spare`. */
  general(operand: Operand, spare: Register): Register {
    const register = typeof operand === 'number' ? this.allocation.registers.get(operand) : undefined
    if (register !== undefined) return register
    this.moveToGeneral(spare, operand)
    return spare
  }

  /** Where an integer lies. */
  place(value: Value): Place {
    return this.allocation.registers.get(value) ?? this.slot(value)
  }

  /** Where an integer lies; a constant is put into `spare`. */
  generalPlace(operand: Operand, spare: Register): Place {
    return typeof operand === 'number' ? this.place(operand) : this.general(operand, spare)
  }

  /** register ← an integer. */
  moveToGeneral(to: Register, operand: Operand): void {
    if (typeof operand !== 'number') this.#code.moveConstant(to, operand.constant)
    else {
      const from = this.place(operand)
      if (from !== to) this.#code.move(to, from)
    }
  }

  /** register ← register, unless they are the same. */
  moveGeneral(to: Register, from: Register): void {
    if (to !== from) this.#code.move(to, from)
  }

  /** The same for vectors. */
  moveVector(to: Register, from: Register, length: VectorLength): void {
    if (to !== from) this.#code.vector(vectorInstructions.movaps, length, [to, 0, from])
  }

  /** register ← zeros. */
  zero(register: Register, length: VectorLength): void {
    this.#code.vector(vectorInstructions.xorps, register < 16 ? 0 : length, [register, register, register])
  }
}
