/**
 * A small WebAssembly assembler: modules and functions written instruction by instruction, in the order the machine
 * will see them. Instruction order decides the speed of register-tiled kernels, which is why kernels are assembled
 * here and not compiled from another language.
 */
import { atomic, memory, plain, simd } from './opcodes.ts'

/** Types of parameters, results and locals. */
export type ValueType = 'i32' | 'i64' | 'f32' | 'v128'

/** Index of a parameter or local of one function. */
export type Local = number

/** Target of a branch, valid inside the block or loop that made it. */
export interface Label {
  readonly depth: number
}

const typeCodes: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, v128: 0x7b }

/** LEB128, unsigned. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value >>> 0
  do {
    const low = rest & 0x7f
    rest >>>= 7
    bytes.push(rest ? low | 0x80 : low)
  } while (rest)
  return bytes
}

/** LEB128, signed 32-bit. */
function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value | 0
  for (;;) {
    const low = rest & 0x7f
    rest >>= 7
    if ((rest === 0 && !(low & 0x40)) || (rest === -1 && low & 0x40)) return [...bytes, low]
    bytes.push(low | 0x80)
  }
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value)
  return [...unsigned(bytes.length), ...bytes]
}

const list = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()]

/** The bits of a number as little-endian f32. */
function float32(value: number): number[] {
  return [...new Uint8Array(new Float32Array([value]).buffer)]
}

/** Body of one function. Methods append one instruction and return the builder. */
export class FunctionBuilder {
  readonly index: number
  readonly parameters: readonly ValueType[]
  readonly results: readonly ValueType[]
  private readonly locals: ValueType[] = []
  private readonly code: number[] = []
  private depth = 0

  constructor(index: number, parameters: readonly ValueType[], results: readonly ValueType[]) {
    this.index = index
    this.parameters = parameters
    this.results = results
  }

  /** Declares a local, zero at entry. */
  local(type: ValueType): Local {
    return this.parameters.length + this.locals.push(type) - 1
  }

  /** Declares several locals of one type. */
  localArray(type: ValueType, count: number): Local[] {
    return Array.from({ length: count }, () => this.local(type))
  }

  get(local: Local): this {
    return this.bytes(0x20, ...unsigned(local))
  }

  set(local: Local): this {
    return this.bytes(0x21, ...unsigned(local))
  }

  tee(local: Local): this {
    return this.bytes(0x22, ...unsigned(local))
  }

  /** Pushes an i32 constant. */
  i32(value: number): this {
    return this.bytes(0x41, ...signed(value))
  }

  /** Pushes an i64 constant in the range of i32. */
  i64(value: number): this {
    return this.bytes(0x42, ...signed(value))
  }

  /** Pushes an f32 constant. */
  f32(value: number): this {
    return this.bytes(0x43, ...float32(value))
  }

  /** Pushes a vector of four equal f32 constants. */
  f32x4(value: number): this {
    const lane = float32(value)
    return this.bytes(0xfd, 12, ...lane, ...lane, ...lane, ...lane)
  }

  /** Pushes a vector of four i32 constants. */
  i32x4(lanes: readonly [number, number, number, number]): this {
    return this.bytes(0xfd, 12, ...new Uint8Array(new Int32Array(lanes).buffer))
  }

  /** Appends instructions without immediates. */
  op(...names: (keyof typeof plain | keyof typeof simd)[]): this {
    for (const name of names) {
      if (name in plain) this.bytes(plain[name as keyof typeof plain])
      else this.bytes(0xfd, ...unsigned(simd[name as keyof typeof simd]))
    }
    return this
  }

  /** Loads from (address on the stack) + offset bytes, or stores there. */
  memory(name: keyof typeof memory, offset = 0): this {
    const { code, simd, align } = memory[name]
    if (simd) this.bytes(0xfd)
    return this.bytes(code, align, ...unsigned(offset))
  }

  /** Atomic access to an aligned 32-bit word. */
  atomic(name: keyof typeof atomic, offset = 0): this {
    return this.bytes(0xfe, atomic[name], 2, ...unsigned(offset))
  }

  extractLane(lane: number): this {
    return this.bytes(0xfd, 31, lane)
  }

  replaceLane(lane: number): this {
    return this.bytes(0xfd, 32, lane)
  }

  extractIntegerLane(lane: number): this {
    return this.bytes(0xfd, 27, lane)
  }

  replaceIntegerLane(lane: number): this {
    return this.bytes(0xfd, 28, lane)
  }

  /** Shuffles the 32-bit lanes of two vectors: lane i of the result is lane `lanes[i]` of (a, b), 0…7. */
  shuffle32(lanes: readonly [number, number, number, number]): this {
    return this.bytes(0xfd, 13, ...lanes.flatMap(lane => [0, 1, 2, 3].map(byte => lane * 4 + byte)))
  }

  call(target: FunctionBuilder): this {
    return this.bytes(0x10, ...unsigned(target.index))
  }

  /** local ← local + amount. */
  increment(local: Local, amount: number): this {
    return amount === 0 ? this : this.get(local).i32(amount).op('i32.add').set(local)
  }

  /** A block; branching to its label leaves it. */
  block(body: (exit: Label) => void): this {
    return this.nested(0x02, body)
  }

  /** A loop; branching to its label repeats it. */
  loop(body: (again: Label) => void): this {
    return this.nested(0x03, body)
  }

  /** Runs `then` when the i32 on the stack is not 0, else `otherwise`. */
  if(then: () => void, otherwise?: () => void): this {
    return this.nested(0x04, () => {
      then()
      if (otherwise) {
        this.bytes(0x05)
        otherwise()
      }
    })
  }

  branch(label: Label): this {
    return this.bytes(0x0c, ...unsigned(this.depth - label.depth))
  }

  branchIf(label: Label): this {
    return this.bytes(0x0d, ...unsigned(this.depth - label.depth))
  }

  /** for (counter = from; counter < to; counter += step) body. Bounds are locals or numbers; empty ranges are skipped. */
  for(
    counter: Local,
    from: Local | { value: number },
    to: Local | { value: number },
    body: () => void,
    step = 1,
  ): this {
    const push = (bound: Local | { value: number }): this =>
      typeof bound === 'number' ? this.get(bound) : this.i32(bound.value)
    const known = typeof from === 'object' && typeof to === 'object'
    if (known && from.value >= to.value) return this
    push(from).set(counter)
    const repeat = (): this =>
      this.loop(again => {
        body()
        this.get(counter).i32(step).op('i32.add').tee(counter)
        push(to).op('i32.lt_s').branchIf(again)
      })
    if (known) return repeat()
    return this.block(exit => {
      this.get(counter)
      push(to).op('i32.ge_s').branchIf(exit)
      repeat()
    })
  }

  /** The encoded body in parts: size and locals, code, end. */
  encode(): readonly (readonly number[])[] {
    const locals = list(this.locals.map(type => [1, typeCodes[type]]))
    const size = locals.length + this.code.length + 1
    return [[...unsigned(size), ...locals], this.code, [0x0b]]
  }

  /** Bytes of code so far. */
  get codeSize(): number {
    return this.code.length
  }

  private nested(opcode: number, body: (label: Label) => void): this {
    this.bytes(opcode, 0x40)
    this.depth++
    body({ depth: this.depth })
    this.depth--
    return this.bytes(0x0b)
  }

  private bytes(...values: number[]): this {
    for (const value of values) this.code.push(value)
    return this
  }
}

/** A module that imports one memory and exports some of its functions. */
export class ModuleBuilder {
  private readonly types: string[] = []
  private readonly functions: FunctionBuilder[] = []
  private readonly exported: [name: string, target: FunctionBuilder][] = []
  private readonly shared: boolean

  /** @param shared whether the imported memory is shared between threads */
  constructor(shared: boolean) {
    this.shared = shared
  }

  /** Adds a function; it is exported when `name` is given. */
  function(parameters: readonly ValueType[], results: readonly ValueType[], name?: string): FunctionBuilder {
    const builder = new FunctionBuilder(this.functions.length, parameters, results)
    this.functions.push(builder)
    if (name !== undefined) this.exported.push([name, builder])
    return builder
  }

  /** The binary module. It imports `env.memory` of at least one page. */
  encode(): Uint8Array<ArrayBuffer> {
    const typeIndex = this.functions.map(f => this.typeOf(f))
    const section = (id: number, body: readonly number[]): number[] => [id, ...unsigned(body.length), ...body]
    const memoryImport = [
      ...text('env'),
      ...text('memory'),
      0x02,
      this.shared ? 3 : 1,
      ...unsigned(1),
      ...unsigned(65536),
    ]
    const bodies = [unsigned(this.functions.length), ...this.functions.flatMap(f => f.encode())]
    return joined([
      [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, list(this.types.map(type => type.split(',').map(Number)))),
      section(2, [1, ...memoryImport]),
      section(3, list(typeIndex.map(unsigned))),
      section(7, list(this.exported.map(([name, f]) => [...text(name), 0, ...unsigned(f.index)]))),
      [10, ...unsigned(bodies.reduce((sum, part) => sum + part.length, 0))],
      ...bodies,
    ])
  }

  private typeOf(f: FunctionBuilder): number {
    const codes = (types: readonly ValueType[]): number[][] => types.map(type => [typeCodes[type]])
    const key = [0x60, ...list(codes(f.parameters)), ...list(codes(f.results))].join(',')
    const known = this.types.indexOf(key)
    return known >= 0 ? known : this.types.push(key) - 1
  }
}

/** Parts one after another. */
function joined(parts: readonly (readonly number[])[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
