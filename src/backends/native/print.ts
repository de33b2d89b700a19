/** One function as machine code: the instructions on values, with the registers that hold them. */
import { control } from '../wasm/runtime/control.ts'
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
import { needsLowRegisters, signatureOf } from './operations.ts'
import {
  type Condition,
  general,
  type Label,
  type MachineCode,
  type Memory,
  opposite,
  type Place,
  type Register,
  type VectorLength,
} from './x86.ts'

const { rax, rdx, rsp, r15 } = general

/** The register that holds the start of WebAssembly's memory. */
export const memoryBase = r15

/** Room in the stack for vector registers that are borrowed for one instruction. */
const borrowedBytes = 64
const mostBorrowed = 5

/** What a function needs to know of its surroundings. */
export interface Surroundings {
  readonly code: MachineCode
  /** Whether the processor has AVX-512. */
  readonly avx512: boolean
  /** The beginning of a function, by its number. */
  readonly labelOf: (index: number) => Label
}

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

/** Prints a function, which starts where the code ends now. */
export function printFunction(values: ValueCode, surroundings: Surroundings): void {
  new Printer(values, surroundings).print()
}

class Printer {
  readonly #values: ValueCode
  readonly #code: MachineCode
  readonly #surroundings: Surroundings
  readonly #allocation: Allocation
  readonly #targets: Label[]
  /** Bytes of arguments that this function leaves for others. */
  readonly #argumentBytes: number
  readonly #frame: number
  /** The instruction that is being printed, and whether it has a form for low registers only. */
  #at = -1
  #low = false

  constructor(values: ValueCode, surroundings: Surroundings) {
    this.#values = values
    this.#code = surroundings.code
    this.#surroundings = surroundings
    this.#allocation = allocate(values, surroundings.avx512)
    this.#targets = Array.from({ length: values.targets }, () => this.#code.label())
    const calls = values.instructions.filter(({ op }) => op === 'call')
    this.#argumentBytes = Math.max(0, ...calls.map(call => argumentOffsets(this.#kindsOf(call.sources)).bytes))
    const used = this.#argumentBytes + this.#allocation.slotBytes + 64 + mostBorrowed * borrowedBytes
    // The return address is the other 8 bytes: the stack pointer of every function is a multiple of 64.
    this.#frame = Math.ceil(used / 64) * 64 + 56
  }

  print(): void {
    this.#code.moveStack(-this.#frame)
    this.#takeArguments()
    this.#values.instructions.forEach((instruction, at) => {
      this.#at = at
      this.#low = needsLowRegisters(instruction)
      this.#print(instruction, at)
    })
  }

  #takeArguments(): void {
    const { parameters, kinds } = this.#values
    const { registers, slots, unset } = this.#allocation
    const { offsets } = argumentOffsets(kinds.slice(0, parameters))
    offsets.forEach((offset, value) => {
      if (!registers.has(value) && !slots.has(value)) return
      const from: Memory = { base: rsp, displacement: this.#frame + 8 + offset }
      const register = registers.get(value)
      if (register !== undefined) this.#load(value, register, from)
      else if (isVector(kinds[value])) {
        this.#withVectors(
          [],
          ([borrowed]) => {
            this.#load(value, borrowed, from)
            this.#spill(value, borrowed)
          },
          1,
        )
      } else {
        this.#load(value, rax, from)
        this.#spill(value, rax)
      }
    })
    for (const value of unset) {
      const kind = kinds[value]
      if (isVector(kind)) this.#toVector(value, register => this.#zero(register, lengthOf(kind)))
      else this.#toGeneral(value, register => this.#code.moveConstant(register, 0))
    }
  }

  #print(instruction: Instruction, at: number): void {
    const { op, sources, target, condition } = instruction
    const code = this.#code
    switch (op) {
      case 'label':
        code.bind(this.#targets[target as number])
        return
      case 'jump':
        code.jump(this.#targets[target as number])
        return
      case 'branch':
        code.jumpIf(this.#compare(condition as Condition, sources), this.#targets[target as number])
        return
      case 'compare': {
        const met = this.#compare(condition as Condition, sources)
        code.setIf(met, rax)
        code.extendByte(rax)
        this.#toGeneral(instruction.dest, register => this.#moveGeneral(register, rax))
        return
      }
      case 'select':
        this.#select(instruction)
        return
      case 'move':
        this.#move(instruction)
        return
      case 'constant':
        this.#constant(instruction)
        return
      case 'call':
        this.#call(instruction, at)
        return
      case 'return':
        this.#return(instruction)
        return
      case 'trap':
        code.storeConstant({ base: memoryBase, displacement: control.trapped }, 1)
        this.#leave()
        return
      default:
        if (op.startsWith('i32.') && !op.includes('load') && !op.includes('store')) this.#integer(instruction)
        else if (op.includes('load')) this.#loadMemory(instruction)
        else if (op.includes('store')) this.#storeMemory(instruction)
        else this.#operation(instruction)
    }
  }

  /** Compares two integers. @returns the condition to test */
  #compare(condition: Condition, [a, b]: readonly Operand[]): Condition {
    const first = this.#general(a, rax)
    if (typeof b !== 'number') {
      if (b.constant === 0) this.#code.test(first, first)
      else this.#code.arithmeticConstant('cmp', first, b.constant)
    } else this.#code.arithmetic('cmp', first, this.#place(b))
    return condition
  }

  #select({ sources, dest, condition }: Instruction): void {
    const [chosen, otherwise, ...compared] = sources
    const code = this.#code
    if (!isVector(this.#values.kinds[dest])) {
      const met = this.#compare(condition as Condition, compared)
      this.#moveToGeneral(rax, otherwise)
      code.moveIf(met, rax, this.#general(chosen, rdx))
      this.#toGeneral(dest, register => this.#moveGeneral(register, rax))
      return
    }
    this.#withVectors([chosen, otherwise, dest] as Value[], ([a, b, to]) => {
      const met = this.#compare(condition as Condition, compared)
      const length = lengthOf(this.#values.kinds[dest])
      const end = code.label()
      if (to === a) {
        code.jumpIf(met, end)
        this.#moveVector(to, b, length)
      } else {
        this.#moveVector(to, b, length)
        code.jumpIf(opposite(met), end)
        this.#moveVector(to, a, length)
      }
      code.bind(end)
      this.#spill(dest, to)
    })
  }

  #move({ sources: [source], dest, length }: Instruction): void {
    if (typeof source !== 'number') {
      this.#toGeneral(dest, register => this.#code.moveConstant(register, source.constant))
    } else if (isVector(this.#values.kinds[dest])) {
      this.#withVectors([source, dest], ([from, to]) => {
        this.#moveVector(to, from, length)
        this.#spill(dest, to)
      })
    } else this.#toGeneral(dest, register => this.#moveToGeneral(register, source))
  }

  #constant({ dest, length, words = [] }: Instruction): void {
    const code = this.#code
    this.#toVector(dest, register => {
      const single = this.#values.kinds[dest] === 'f32'
      if (words.length === 1 && words[0] === 0) this.#zero(register, length)
      else {
        const load = words.length > 1 ? 'loadups' : single ? 'loadss' : 'broadcastss'
        code.vector(vectorInstructions[load], length, [register, 0, code.constant(words)])
      }
    })
  }

  #call({ sources, dest, immediate }: Instruction, at: number): void {
    const { offsets } = argumentOffsets(this.#kindsOf(sources))
    const { registers, saved } = this.#allocation
    const kept = saved.get(at) ?? []
    for (const value of kept) this.#spill(value, registers.get(value) as Register, true)
    sources.forEach((source, index) => {
      const to: Memory = { base: rsp, displacement: offsets[index] }
      if (typeof source !== 'number') this.#code.storeConstant(to, source.constant)
      else if (isVector(this.#values.kinds[source]))
        this.#withVectors([source], ([from]) => this.#store(source, from, to))
      else this.#code.store(to, this.#general(source, rax))
    })
    this.#code.call(this.#surroundings.labelOf(immediate))
    if (dest >= 0) {
      const kind = this.#values.kinds[dest]
      const register = registers.get(dest)
      if (register === undefined) this.#store(dest, 0, this.#slot(dest))
      else if (isVector(kind)) this.#moveVector(register, 0, lengthOf(kind))
      else this.#moveGeneral(register, rax)
    }
    for (const value of kept) this.#load(value, registers.get(value) as Register, this.#slot(value))
  }

  #return({ sources: [result], length }: Instruction): void {
    if (typeof result === 'number' && isVector(this.#values.kinds[result])) {
      this.#withVectors([result], ([from]) => this.#moveVector(0, from, length))
    } else if (result !== undefined) this.#moveToGeneral(rax, result)
    this.#leave()
  }

  #leave(): void {
    this.#code.moveStack(this.#frame)
    this.#code.return()
  }

  /** Arithmetic on integers. */
  #integer({ op, sources, dest }: Instruction): void {
    const [a, b] = sources
    if (op.includes('div') || op.includes('rem')) this.#divide(op, a, b)
    const divided = op.includes('div') ? rax : op.includes('rem') ? rdx : undefined
    this.#toGeneral(dest, register => {
      if (divided !== undefined) this.#moveGeneral(register, divided)
      else if (op === 'i32.add') this.#add(register, a, b)
      else if (op === 'i32.mul') this.#multiply(register, a, b)
      else this.#combine(op.slice(4) as 'sub' | 'and' | 'or', register, [a, b])
    })
  }

  #add(to: Register, a: Operand, b: Operand): void {
    const first = this.#general(a, rax)
    if (typeof b !== 'number') {
      if (first === to) this.#code.arithmeticConstant('add', to, b.constant)
      else this.#code.address(to, { base: first, displacement: b.constant })
      return
    }
    const second = this.#general(b, rdx)
    if (first === to) this.#code.arithmetic('add', to, second)
    else if (second === to) this.#code.arithmetic('add', to, first)
    else this.#code.address(to, { base: first, index: second, displacement: 0 })
  }

  #multiply(to: Register, a: Operand, b: Operand): void {
    const [x, y] = typeof a === 'number' ? [a, b] : [b, a]
    if (typeof y !== 'number') {
      const power = Math.log2(y.constant)
      if (Number.isInteger(power)) {
        this.#moveToGeneral(to, x)
        if (power > 0) this.#code.shift(to, 'left', power)
      } else this.#code.multiplyConstant(to, this.#generalPlace(x, rax), y.constant)
      return
    }
    const second = this.#general(y, rdx)
    if (second === to) this.#code.multiply(to, this.#general(x, rax))
    else {
      this.#moveToGeneral(to, x)
      this.#code.multiply(to, second)
    }
  }

  /** to ← a (operation) b, by way of eax where b is in the place of the result. */
  #combine(operation: 'sub' | 'and' | 'or', to: Register, [a, b]: readonly [Operand, Operand]): void {
    const via = typeof b === 'number' && this.#allocation.registers.get(b) === to ? rax : to
    this.#moveToGeneral(via, a)
    if (typeof b === 'number') this.#code.arithmetic(operation, via, this.#place(b))
    else this.#code.arithmeticConstant(operation, via, b.constant)
    this.#moveGeneral(to, via)
  }

  /** eax, edx ← quotient and remainder. */
  #divide(op: string, a: Operand, b: Operand): void {
    const code = this.#code
    const signed = op.endsWith('_s')
    this.#moveToGeneral(rax, a)
    if (signed) code.extendSign()
    else code.moveConstant(rdx, 0)
    code.divide(typeof b === 'number' ? this.#place(b) : code.constant([b.constant]), signed)
  }

  #loadMemory({ op, sources: [address], dest, length, immediate }: Instruction): void {
    const from = this.#memory(address, immediate)
    if (op === 'i32.load') this.#toGeneral(dest, register => this.#code.move(register, from))
    else if (op === 'i32.load8_u') this.#toGeneral(dest, register => this.#code.moveByte(register, from))
    else {
      const name = (
        {
          'f32.load': 'loadss',
          'v.load': 'loadups',
          'v.load32_splat': 'broadcastss',
          'v.load32_zero': 'loadss',
        } as const
      )[op]
      this.#toVector(dest, register =>
        this.#code.vector(vectorInstructions[name ?? 'loadq'], length, [register, 0, from]),
      )
    }
  }

  #storeMemory({ op, sources: [value, address], length, immediate }: Instruction): void {
    const to = this.#memory(address, immediate)
    if (op === 'v.store' || op === 'f32.store') {
      const name = op === 'v.store' ? 'storeups' : 'storess'
      this.#withVectors([value as Value], ([from]) =>
        this.#code.vector(vectorInstructions[name], length, [from, 0, to]),
      )
    } else if (op === 'i32.store8') this.#code.storeByte(to, this.#general(value, rdx))
    else if (typeof value !== 'number') this.#code.storeConstant(to, value.constant)
    else this.#code.store(to, this.#general(value, rdx))
  }

  /** A place in WebAssembly's memory. */
  #memory(address: Operand | undefined, offset: number): Memory {
    if (address !== undefined) {
      return { base: memoryBase, index: this.#general(address, rax), displacement: offset }
    }
    if (offset < 2 ** 31 && offset >= 0) return { base: memoryBase, displacement: offset }
    this.#code.moveConstant(rax, offset)
    return { base: memoryBase, index: rax, displacement: 0 }
  }

  /** An instruction on numbers and vectors. */
  #operation({ op, sources, dest, temporaries, length, immediate }: Instruction): void {
    const signature = signatureOf(op)
    if (!signature) throw new Error(`native code: ${op} has no machine code`)
    const { kinds } = this.#values
    const inMemory = this.#inMemory(sources, dest, signature.fromMemory)
    const vectors = [...sources.filter((_, index) => index !== inMemory?.index), ...temporaries, dest].filter(
      (operand): operand is Value => typeof operand === 'number' && isVector(kinds[operand]),
    )
    this.#withVectors(vectors, registers => {
      const registerOf = new Map(vectors.map((value, at) => [value, registers[at]]))
      let spare: Register = rax
      const read = (operand: Operand, index: number): Register => {
        if (index === inMemory?.index) return -1
        const vector = typeof operand === 'number' ? registerOf.get(operand) : undefined
        if (vector !== undefined) return vector
        if (typeof operand !== 'number' && op.includes('x.sh')) return 0
        const register = this.#general(operand, spare)
        if (register === spare) spare = rdx
        return register
      }
      const emit = (to: Register): void =>
        signature.emit({
          code: this.#code,
          avx512: this.#surroundings.avx512,
          length,
          immediate,
          dest: to,
          sources: sources.map(read),
          operands: sources,
          ...(inMemory && { inMemory }),
          temporaries: temporaries.map(value => registerOf.get(value) as Register),
        })
      const to = registerOf.get(dest)
      if (to === undefined) this.#toGeneral(dest, emit)
      else {
        emit(to)
        this.#spill(dest, to)
      }
    })
  }

  /** The source that an instruction can read from the stack, if that is where it is. */
  #inMemory(
    sources: readonly Operand[],
    dest: Value,
    index: number | undefined,
  ): { readonly index: number; readonly place: Memory } | undefined {
    const source = index === undefined ? undefined : sources[index]
    if (index === undefined || typeof source !== 'number' || !isVector(this.#values.kinds[source])) return undefined
    const elsewhere = sources.some((other, at) => other === source && at !== index)
    if (this.#allocation.registers.has(source) || elsewhere || source === dest) return undefined
    return { index, place: this.#slot(source) }
  }

  /**
   * Runs `emit` with a vector register for each of some values. Values without one borrow a register for as long:
   * their number is read from the stack before; a result must be put back with {@link #spill}.
   * @param extra registers wanted for nothing in particular, after those of the values
   */
  #withVectors(values: readonly Value[], emit: (registers: readonly Register[]) => void, extra = 0): void {
    const { registers } = this.#allocation
    const taken = new Set<Register>()
    for (const value of values) {
      const register = registers.get(value)
      if (register !== undefined) taken.add(register)
    }
    const borrowed: Register[] = []
    const borrow = (): Register => {
      const free = this.#allocation.freeVector(this.#at, this.#low, taken)
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
      const own = borrow()
      lent.set(value, own)
      if (this.#allocation.slots.has(value)) this.#load(value, own, this.#slot(value))
      return own
    })
    emit([...found, ...Array.from({ length: extra }, borrow)])
    borrowed.forEach((register, at) => {
      this.#keepBorrowed(register, at, 'loadups')
    })
  }

  #keepBorrowed(register: Register, at: number, how: 'storeups' | 'loadups'): void {
    const start = Math.ceil((this.#argumentBytes + this.#allocation.slotBytes) / 64) * 64
    const place: Memory = { base: rsp, displacement: start + at * borrowedBytes }
    this.#code.vector(vectorInstructions[how], this.#surroundings.avx512 ? 2 : 1, [register, 0, place])
  }

  #toVector(dest: Value, emit: (register: Register) => void): void {
    this.#withVectors([dest], ([register]) => {
      emit(register)
      this.#spill(dest, register)
    })
  }

  /** Computes an integer into its register, or into eax and from there into the stack. */
  #toGeneral(dest: Value, emit: (register: Register) => void): void {
    const register = this.#allocation.registers.get(dest) ?? rax
    emit(register)
    this.#spill(dest, register)
  }

  /** Puts a value that has no register into its place in the stack. */
  #spill(value: Value, register: Register, always = false): void {
    if (always || !this.#allocation.registers.has(value)) this.#store(value, register, this.#slot(value))
  }

  #store(value: Value, register: Register, to: Memory): void {
    const kind = this.#values.kinds[value]
    if (kind === 'i32') this.#code.storeLong(to, register)
    else this.#code.vector(vectorInstructions[this.#storeOf(kind)], lengthOf(kind), [register, 0, to])
  }

  #load(value: Value, register: Register, from: Memory): void {
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

  #slot(value: Value): Memory {
    return { base: rsp, displacement: this.#argumentBytes + (this.#allocation.slots.get(value) as number) }
  }

  /** The register of an integer; one without gets `spare`. */
  #general(operand: Operand, spare: Register): Register {
    const register = typeof operand === 'number' ? this.#allocation.registers.get(operand) : undefined
    if (register !== undefined) return register
    this.#moveToGeneral(spare, operand)
    return spare
  }

  /** Where an integer lies. */
  #place(value: Value): Place {
    return this.#allocation.registers.get(value) ?? this.#slot(value)
  }

  #generalPlace(operand: Operand, spare: Register): Place {
    return typeof operand === 'number' ? this.#place(operand) : this.#general(operand, spare)
  }

  #moveToGeneral(to: Register, operand: Operand): void {
    if (typeof operand !== 'number') this.#code.moveConstant(to, operand.constant)
    else {
      const from = this.#place(operand)
      if (from !== to) this.#code.move(to, from)
    }
  }

  #moveGeneral(to: Register, from: Register): void {
    if (to !== from) this.#code.move(to, from)
  }

  #moveVector(to: Register, from: Register, length: VectorLength): void {
    if (to !== from) this.#code.vector(vectorInstructions.movaps, length, [to, 0, from])
  }

  #zero(register: Register, length: VectorLength): void {
    this.#code.vector(vectorInstructions.xorps, register < 16 ? 0 : length, [register, register, register])
  }

  #kindsOf(operands: readonly Operand[]): ValueKind[] {
    return operands.map(operand => (typeof operand === 'number' ? this.#values.kinds[operand] : 'i32'))
  }
}
