/**
 * Which register holds each value of a function: linear scan over the intervals of values (Poletto and Sarkar, Linear
 * Scan Register Allocation, 1999). When registers run out, the value that is cheapest to keep in memory goes there.
 */
import { bytesOf, isVector, type Value, type ValueCode } from './code.ts'
import { type Interval, intervalsOf } from './liveness.ts'
import { general, type Register } from './operand.ts'
import { needsLowRegisters } from './operations.ts'

/** Registers that values may be kept in. */
interface RegisterSets {
  readonly general: readonly Register[]
  readonly vector: readonly Register[]
  /** For operands of instructions that have no form for the others. */
  readonly low: readonly Register[]
}

const { rcx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14 } = general

/** All but rax and rdx, which instructions use on the way, the stack pointer, and r15, the start of the memory. */
const generalRegisters = [rcx, rsi, rdi, r8, r9, r10, r11, rbx, rbp, r12, r13, r14]

const numbered = (from: number, to: number): Register[] => Array.from({ length: to - from }, (_, i) => from + i)

/** The registers of a processor. */
const registersOf = (avx512: boolean): RegisterSets => ({
  general: generalRegisters,
  vector: avx512 ? [...numbered(16, 32), ...numbered(0, 16).reverse()] : numbered(0, 16),
  low: numbered(0, 16),
})

/** Where the values of a function are. */
export interface Allocation {
  /** The register of a value, if it has one. */
  readonly registers: ReadonlyMap<Value, Register>
  /** Offset of a value in the function's part of the stack: of those without a register, and those saved during calls. */
  readonly slots: ReadonlyMap<Value, number>
  readonly slotBytes: number
  /** Values that keep their register during the call at an instruction, and so must be saved. */
  readonly saved: ReadonlyMap<number, readonly Value[]>
  /** A vector register that holds nothing during an instruction, if there is one. */
  freeVector(at: number, low: boolean, except: ReadonlySet<Register>): Register | undefined
  /** Values that are read before anything is written to them, which makes them zero. */
  readonly unset: readonly Value[]
}

/** Finds registers for all values, as far as they go. */
export function allocate(code: ValueCode, avx512: boolean): Allocation {
  const { intervals, unset } = intervalsOf(code)
  const sets = registersOf(avx512)
  const scan = new Scan(code, sets)
  for (const interval of intervals) scan.place(interval)
  const slots = new Slots(code)
  for (const { value } of intervals) if (!scan.registers.has(value)) slots.of(value)
  const saved = new Map<number, Value[]>()
  code.instructions.forEach(({ op, dest }, at) => {
    if (op !== 'call') return
    const during = intervals.filter(({ value, start, end }) => value !== dest && start < 2 * at && end > 2 * at + 1)
    const kept = during.map(({ value }) => value).filter(value => scan.registers.has(value))
    for (const value of kept) slots.of(value)
    saved.set(at, kept)
  })
  const held = new Map<Register, Interval[]>()
  for (const interval of intervals) {
    const register = scan.registers.get(interval.value)
    if (register === undefined || !isVector(code.kinds[interval.value])) continue
    const known = held.get(register)
    if (known) known.push(interval)
    else held.set(register, [interval])
  }
  const freeVector = (at: number, low: boolean, except: ReadonlySet<Register>): Register | undefined =>
    sets[low ? 'low' : 'vector'].find(
      register =>
        !except.has(register) && !held.get(register)?.some(({ start, end }) => start <= 2 * at + 1 && end >= 2 * at),
    )
  return { registers: scan.registers, slots: slots.offsets, slotBytes: slots.bytes, saved, freeVector, unset }
}

/** The state of the scan: which intervals hold registers at the present position. */
class Scan {
  readonly registers = new Map<Value, Register>()
  readonly #code: ValueCode
  readonly #sets: RegisterSets
  /** The interval that each register was given to last. */
  readonly #holders = { general: [] as (Interval | undefined)[], vector: [] as (Interval | undefined)[] }
  readonly #low: ReadonlySet<Value>

  constructor(code: ValueCode, sets: RegisterSets) {
    this.#code = code
    this.#sets = sets
    this.#low = new Set(
      code.instructions
        .filter(needsLowRegisters)
        .flatMap(({ reads, temporaries, dest }) => [...reads, ...temporaries, dest]),
    )
  }

  place(interval: Interval): void {
    const kind = this.#code.kinds[interval.value]
    const file = isVector(kind) ? 'vector' : 'general'
    const allowed = this.#low.has(interval.value) && file === 'vector' ? this.#sets.low : this.#sets[file]
    const holders = this.#holders[file]
    let [chosen, least] = [-1, costOf(interval)]
    for (const register of allowed) {
      const holder = holders[register]
      if (holder === undefined || holder.end < interval.start) {
        holders[register] = interval
        this.registers.set(interval.value, register)
        return
      }
      const cost = costOf(holder)
      if (cost < least) [chosen, least] = [register, cost]
    }
    if (chosen < 0) return
    this.registers.delete((holders[chosen] as Interval).value)
    holders[chosen] = interval
    this.registers.set(interval.value, chosen)
  }
}

/** What it costs to keep a value in memory, for each position at which it would free a register. */
const costOf = ({ weight, start, end }: Interval): number => weight / (end - start + 1)

/** Places in the stack, one for each value that needs one. */
class Slots {
  readonly offsets = new Map<Value, number>()
  bytes = 0
  readonly #code: ValueCode

  constructor(code: ValueCode) {
    this.#code = code
  }

  of(value: Value): number {
    const known = this.offsets.get(value)
    if (known !== undefined) return known
    const bytes = bytesOf(this.#code.kinds[value])
    const offset = Math.ceil(this.bytes / bytes) * bytes
    this.bytes = offset + bytes
    this.offsets.set(value, offset)
    return offset
  }
}
