/** One function as machine code: the instructions on values, with the registers that hold them. */
import { control } from '../wasm/runtime/control.ts'
import { type Instruction, isVector, lengthOf, type Operand, type Value, type ValueCode } from './code.ts'
import { type Condition, opposite } from './conditions.ts'
import { type VectorInstructionName, vectorInstructions } from './instructions.ts'
import { IntegerPrinter } from './integers.ts'
import { general, type Memory, type Register } from './operand.ts'
import { signatureOf } from './operations.ts'
import { argumentOffsets, Places } from './places.ts'
import type { Label, MachineCode } from './x86.ts'

const { rax, rdx, rsp, r15 } = general

/** The register that holds the start of WebAssembly's memory. */
export const memoryBase = r15

/** What becomes of each load. */
const loads: Readonly<Record<string, VectorInstructionName | 'move' | 'moveByte'>> = {
  'i32.load': 'move',
  'i32.load8_u': 'moveByte',
  'f32.load': 'loadss',
  'v.load': 'loadups',
  'v.load32_splat': 'broadcastss',
  'v.load32_zero': 'loadss',
  'v.load64_zero': 'loadq',
}

const stores: ReadonlySet<string> = new Set(['i32.store', 'i32.store8', 'f32.store', 'v.store'])

/** What a function needs to know of its surroundings. */
export interface Surroundings {
  readonly code: MachineCode
  /** Whether the processor has AVX-512. */
  readonly avx512: boolean
  /** The beginning of a function, by its number. */
  readonly labelOf: (index: number) => Label
}

/** Prints a function, which starts where the code ends now. */
export function printFunction(values: ValueCode, surroundings: Surroundings): void {
  new Printer(values, surroundings).print()
}

class Printer {
  readonly #values: ValueCode
  readonly #code: MachineCode
  readonly #surroundings: Surroundings
  readonly #places: Places
  readonly #integers: IntegerPrinter
  readonly #targets: Label[]

  constructor(values: ValueCode, surroundings: Surroundings) {
    this.#values = values
    this.#code = surroundings.code
    this.#surroundings = surroundings
    this.#places = new Places(values, surroundings.code, surroundings.avx512)
    this.#integers = new IntegerPrinter(surroundings.code, this.#places, () => this.#trap())
    this.#targets = Array.from({ length: values.targets }, () => this.#code.label())
  }

  print(): void {
    this.#code.moveStack(-this.#places.frame)
    this.#takeArguments()
    this.#values.instructions.forEach((instruction, at) => {
      this.#places.moveTo(instruction, at)
      this.#print(instruction, at)
    })
  }

  #takeArguments(): void {
    const { parameters, kinds } = this.#values
    const { registers, slots, unset } = this.#places.allocation
    const { offsets } = argumentOffsets(kinds.slice(0, parameters))
    offsets.forEach((offset, value) => {
      if (!registers.has(value) && !slots.has(value)) return
      const from: Memory = { base: rsp, displacement: this.#places.frame + 8 + offset }
      const register = registers.get(value)
      if (register !== undefined) this.#places.load(value, register, from)
      else if (isVector(kinds[value])) {
        this.#places.withVectors(
          [],
          ([borrowed]) => {
            this.#places.load(value, borrowed, from)
            this.#places.spill(value, borrowed)
          },
          1,
        )
      } else {
        this.#places.load(value, rax, from)
        this.#places.spill(value, rax)
      }
    })
    for (const value of unset) {
      const kind = kinds[value]
      if (isVector(kind)) this.#places.toVector(value, register => this.#places.zero(register, lengthOf(kind)))
      else this.#places.toGeneral(value, register => this.#code.moveConstant(register, 0))
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
        this.#places.toGeneral(instruction.dest, register => this.#places.moveGeneral(register, rax))
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
        this.#trap()
        return
      case 'prefetch':
        code.prefetch(this.#memory(sources[0], instruction.immediate))
        return
      default:
        if (loads[op] !== undefined) this.#loadMemory(instruction)
        else if (stores.has(op)) this.#storeMemory(instruction)
        else if (op.startsWith('i32.')) this.#integers.print(instruction)
        else this.#operation(instruction)
    }
  }

  /** Compares two integers. @returns the condition to test */
  #compare(condition: Condition, [a, b]: readonly Operand[]): Condition {
    const first = this.#places.general(a, rax)
    if (typeof b !== 'number') {
      if (b.constant === 0) this.#code.test(first, first)
      else this.#code.arithmeticConstant('cmp', first, b.constant)
    } else this.#code.arithmetic('cmp', first, this.#places.place(b))
    return condition
  }

  #select({ sources, dest, condition }: Instruction): void {
    const [chosen, otherwise, ...compared] = sources
    const code = this.#code
    if (!isVector(this.#values.kinds[dest])) {
      const met = this.#compare(condition as Condition, compared)
      this.#places.moveToGeneral(rax, otherwise)
      code.moveIf(met, rax, this.#places.general(chosen, rdx))
      this.#places.toGeneral(dest, register => this.#places.moveGeneral(register, rax))
      return
    }
    this.#places.withVectors([chosen, otherwise, dest] as Value[], ([a, b, to]) => {
      const met = this.#compare(condition as Condition, compared)
      const length = lengthOf(this.#values.kinds[dest])
      const end = code.label()
      if (to === a) {
        code.jumpIf(met, end)
        this.#places.moveVector(to, b, length)
      } else {
        this.#places.moveVector(to, b, length)
        code.jumpIf(opposite(met), end)
        this.#places.moveVector(to, a, length)
      }
      code.bind(end)
      this.#places.spill(dest, to)
    })
  }

  #move({ sources: [source], dest, length }: Instruction): void {
    if (typeof source !== 'number') {
      this.#places.toGeneral(dest, register => this.#code.moveConstant(register, source.constant))
    } else if (isVector(this.#values.kinds[dest])) {
      this.#places.withVectors([source, dest], ([from, to]) => {
        this.#places.moveVector(to, from, length)
        this.#places.spill(dest, to)
      })
    } else this.#places.toGeneral(dest, register => this.#places.moveToGeneral(register, source))
  }

  #constant({ dest, length, words = [] }: Instruction): void {
    const code = this.#code
    this.#places.toVector(dest, register => {
      const single = this.#values.kinds[dest] === 'f32'
      if (words.length === 1 && words[0] === 0) this.#places.zero(register, length)
      else {
        const load = words.length > 1 ? 'loadups' : single ? 'loadss' : 'broadcastss'
        code.vector(vectorInstructions[load], length, [register, 0, code.constant(words)])
      }
    })
  }

  #call({ sources, dest, immediate }: Instruction, at: number): void {
    const { offsets } = argumentOffsets(this.#places.kindsOf(sources))
    const { registers, saved } = this.#places.allocation
    const kept = saved.get(at) ?? []
    for (const value of kept) this.#places.spill(value, registers.get(value) as Register, true)
    sources.forEach((source, index) => {
      const to: Memory = { base: rsp, displacement: offsets[index] }
      if (typeof source !== 'number') this.#code.storeConstant(to, source.constant)
      else if (isVector(this.#values.kinds[source]))
        this.#places.withVectors([source], ([from]) => this.#places.store(source, from, to))
      else this.#code.store(to, this.#places.general(source, rax))
    })
    this.#code.call(this.#surroundings.labelOf(immediate))
    if (dest >= 0) {
      const kind = this.#values.kinds[dest]
      const register = registers.get(dest)
      if (register === undefined) this.#places.store(dest, 0, this.#places.slot(dest))
      else if (isVector(kind)) this.#places.moveVector(register, 0, lengthOf(kind))
      else this.#places.moveGeneral(register, rax)
    }
    for (const value of kept) this.#places.load(value, registers.get(value) as Register, this.#places.slot(value))
  }

  #return({ sources: [result], length }: Instruction): void {
    if (typeof result === 'number' && isVector(this.#values.kinds[result])) {
      this.#places.withVectors([result], ([from]) => this.#places.moveVector(0, from, length))
    } else if (result !== undefined) this.#places.moveToGeneral(rax, result)
    this.#leave()
  }

  #trap(): void {
    this.#code.storeConstant({ base: memoryBase, displacement: control.trapped }, 1)
    this.#leave()
  }

  #leave(): void {
    this.#code.moveStack(this.#places.frame)
    this.#code.return()
  }

  #loadMemory({ op, sources: [address], dest, length, immediate }: Instruction): void {
    const from = this.#memory(address, immediate)
    const how = loads[op]
    if (how === 'move') this.#places.toGeneral(dest, register => this.#code.move(register, from))
    else if (how === 'moveByte') this.#places.toGeneral(dest, register => this.#code.moveByte(register, from))
    else
      this.#places.toVector(dest, register => this.#code.vector(vectorInstructions[how], length, [register, 0, from]))
  }

  #storeMemory({ op, sources: [value, address], length, immediate }: Instruction): void {
    const to = this.#memory(address, immediate)
    if (op === 'v.store' || op === 'f32.store') {
      const name = op === 'v.store' ? 'storeups' : 'storess'
      this.#places.withVectors([value as Value], ([from]) =>
        this.#code.vector(vectorInstructions[name], length, [from, 0, to]),
      )
    } else if (op === 'i32.store8') this.#code.storeByte(to, this.#places.general(value, rdx))
    else if (typeof value !== 'number') this.#code.storeConstant(to, value.constant)
    else this.#code.store(to, this.#places.general(value, rdx))
  }

  /** A place in WebAssembly's memory. */
  #memory(address: Operand | undefined, offset: number): Memory {
    if (address !== undefined) {
      return { base: memoryBase, index: this.#places.general(address, rax), displacement: offset }
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
    const inMemory = this.#places.inMemory(sources, dest, signature.fromMemory)
    const vectors: Value[] = []
    sources.forEach((source, index) => {
      if (typeof source === 'number' && index !== inMemory?.index && isVector(kinds[source])) vectors.push(source)
    })
    vectors.push(...temporaries)
    if (isVector(kinds[dest])) vectors.push(dest)
    this.#places.withVectors(vectors, registers => {
      const registerOf = (value: Value): Register => registers[vectors.indexOf(value)]
      let spare: Register = rax
      const read = (operand: Operand, index: number): Register => {
        if (index === inMemory?.index) return -1
        if (typeof operand !== 'number') {
          if (op.includes('x.sh')) return 0
        } else if (isVector(kinds[operand])) return registerOf(operand)
        const register = this.#places.general(operand, spare)
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
          temporaries: temporaries.map(registerOf),
        })
      if (isVector(kinds[dest])) {
        const to = registerOf(dest)
        emit(to)
        this.#places.spill(dest, to)
      } else this.#places.toGeneral(dest, emit)
    })
  }
}
