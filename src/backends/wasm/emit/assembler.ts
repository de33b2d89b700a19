/**
 * A small WebAssembly assembler: modules and functions written instruction by instruction, in the order the machine
 * will see them. Instruction order decides the speed of register-tiled kernels, which is why kernels are assembled
 * here and not compiled from another language.
 */
import { ByteWriter } from './bytes.ts'
import { atomic, memory, plain, simd } from './opcodes.ts'

/** Types of parameters, results and locals. */
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128'

/** Index of a parameter or local of one function. */
export type Local = number

/** Target of a branch, valid inside the block or loop that made it. */
export interface Label {
  readonly depth: number
}

const typeCodes: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }

/** Encodings of instructions without immediates. */
const encodings = new Map<string, Uint8Array>([
  ...Object.entries(plain).map(([name, code]) => [name, Uint8Array.of(code)] as const),
  ...Object.entries(simd).map(([name, code]) => [name, new ByteWriter(4).byte(0xfd).unsigned(code).written] as const),
])

/** Body of one function. Methods append one instruction and return the builder. */
export class FunctionBuilder {
  readonly index: number
  readonly parameters: readonly ValueType[]
  readonly results: readonly ValueType[]
  /** Functions that this one calls. */
  readonly callees = new Set<FunctionBuilder>()
  /** Rows and columns of the largest register tile the function computes, if it computes any. */
  tile: { readonly rows: number; readonly columns: number } | undefined
  private readonly locals: ValueType[] = []
  private readonly code = new ByteWriter()
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
    return this.indexed(0x20, local)
  }

  set(local: Local): this {
    return this.indexed(0x21, local)
  }

  tee(local: Local): this {
    return this.indexed(0x22, local)
  }

  /** Pushes an i32 constant. */
  i32(value: number): this {
    this.code.byte(0x41).signed(value)
    return this
  }

  /** Pushes an i64 constant in the range of i32. */
  i64(value: number): this {
    this.code.byte(0x42).signed(value)
    return this
  }

  /** Pushes an f32 constant. */
  f32(value: number): this {
    this.code.byte(0x43).float32(value)
    return this
  }

  /** Pushes a vector of four equal f32 constants. */
  f32x4(value: number): this {
    this.code.byte(0xfd).byte(12)
    for (let lane = 0; lane < 4; lane++) this.code.float32(value)
    return this
  }

  /** Pushes a vector of four i32 constants. */
  i32x4(lanes: readonly [number, number, number, number]): this {
    this.code.byte(0xfd).byte(12)
    for (const lane of lanes) this.code.word(lane)
    return this
  }

  /** Appends instructions without immediates. */
  op(...names: (keyof typeof plain | keyof typeof simd)[]): this {
    for (const name of names) this.code.bytes(encodings.get(name) as Uint8Array)
    return this
  }

  /** Loads from (address on the stack) + offset bytes, or stores there. */
  memory(name: keyof typeof memory, offset = 0): this {
    const { code, simd, align } = memory[name]
    if (simd) this.code.byte(0xfd)
    this.code.byte(code).byte(align).unsigned(offset)
    return this
  }

  /** Atomic access to an aligned 32-bit word. */
  atomic(name: keyof typeof atomic, offset = 0): this {
    this.code.byte(0xfe).byte(atomic[name]).byte(2).unsigned(offset)
    return this
  }

  extractLane(lane: number): this {
    return this.lane(31, lane)
  }

  replaceLane(lane: number): this {
    return this.lane(32, lane)
  }

  extractIntegerLane(lane: number): this {
    return this.lane(27, lane)
  }

  replaceIntegerLane(lane: number): this {
    return this.lane(28, lane)
  }

  /** Shuffles the 32-bit lanes of two vectors: lane i of the result is lane `lanes[i]` of (a, b), 0…7. */
  shuffle32(lanes: readonly [number, number, number, number]): this {
    this.code.byte(0xfd).byte(13)
    for (const lane of lanes) for (let byte = 0; byte < 4; byte++) this.code.byte(lane * 4 + byte)
    return this
  }

  call(target: FunctionBuilder): this {
    this.callees.add(target)
    return this.indexed(0x10, target.index)
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
        this.code.byte(0x05)
        otherwise()
      }
    })
  }

  branch(label: Label): this {
    return this.indexed(0x0c, this.depth - label.depth)
  }

  branchIf(label: Label): this {
    return this.indexed(0x0d, this.depth - label.depth)
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

  /** Appends the encoded body: size, locals, code, end. */
  encode(into: ByteWriter): void {
    const locals = new ByteWriter()
    const runs = runsOf(this.locals)
    locals.unsigned(runs.length)
    for (const { type, count } of runs) locals.unsigned(count).byte(typeCodes[type])
    into.unsigned(locals.length + this.code.length + 1)
    into.bytes(locals.written).bytes(this.code.written).byte(0x0b)
  }

  /** Bytes of code so far. */
  get codeSize(): number {
    return this.code.length
  }

  /** This function and all that it calls. */
  get reachable(): ReadonlySet<FunctionBuilder> {
    const found = new Set<FunctionBuilder>([this])
    for (const f of found) for (const callee of f.callees) found.add(callee)
    return found
  }

  /** The function by itself: parameters, results, locals and code. Functions that it calls are in it by their index only. */
  get identity(): Uint8Array {
    const identity = new ByteWriter(this.code.length + 64)
    for (const types of [this.parameters, this.results]) {
      identity.unsigned(types.length)
      for (const type of types) identity.byte(typeCodes[type])
    }
    this.encode(identity)
    return identity.written
  }

  private indexed(opcode: number, index: number): this {
    this.code.byte(opcode).unsigned(index)
    return this
  }

  private lane(opcode: number, lane: number): this {
    this.code.byte(0xfd).byte(opcode).byte(lane)
    return this
  }

  private nested(opcode: number, body: (label: Label) => void): this {
    this.code.byte(opcode).byte(0x40)
    this.depth++
    body({ depth: this.depth })
    this.depth--
    this.code.byte(0x0b)
    return this
  }
}

/** Neighbours of one type together. */
function runsOf(types: readonly ValueType[]): { type: ValueType; count: number }[] {
  const runs: { type: ValueType; count: number }[] = []
  for (const type of types) {
    const last = runs[runs.length - 1]
    if (last?.type === type) last.count++
    else runs.push({ type, count: 1 })
  }
  return runs
}

/** A module that imports one memory and exports some of its functions. */
export class ModuleBuilder {
  private readonly types = new Map<string, number>()
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
    if (name !== undefined) this.export(name, builder)
    return builder
  }

  /** Exports a function that is there already. */
  export(name: string, target: FunctionBuilder): void {
    this.exported.push([name, target])
  }

  /** The binary module. It imports `env.memory` of at least one page. */
  encode(): Uint8Array<ArrayBuffer> {
    const module = new ByteWriter(65536).bytes([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    const section = (id: number, write: (body: ByteWriter) => void): void => {
      const body = new ByteWriter(4096)
      write(body)
      module.byte(id).unsigned(body.length).bytes(body.written)
    }
    const typeIndex = this.functions.map(f => this.typeOf(f))
    section(1, body => {
      body.unsigned(this.types.size)
      for (const type of this.types.keys()) body.bytes(type.split(',').map(Number))
    })
    section(2, body =>
      body
        .unsigned(1)
        .text('env')
        .text('memory')
        .byte(2)
        .byte(this.shared ? 3 : 1)
        .unsigned(1)
        .unsigned(65536),
    )
    section(3, body => {
      body.unsigned(typeIndex.length)
      for (const index of typeIndex) body.unsigned(index)
    })
    section(7, body => {
      body.unsigned(this.exported.length)
      for (const [name, f] of this.exported) body.text(name).byte(0).unsigned(f.index)
    })
    section(10, body => {
      body.unsigned(this.functions.length)
      for (const f of this.functions) f.encode(body)
    })
    return module.written.slice()
  }

  private typeOf({ parameters, results }: FunctionBuilder): number {
    const codes = (types: readonly ValueType[]): number[] => [types.length, ...types.map(type => typeCodes[type])]
    const key = [0x60, ...codes(parameters), ...codes(results)].join(',')
    const known = this.types.get(key) ?? this.types.size
    this.types.set(key, known)
    return known
  }
}

/** A module with a custom section that says nothing: the same code as other bytes. */
export function withSection(bytes: Uint8Array<ArrayBuffer>, name: string): Uint8Array<ArrayBuffer> {
  const contents = new ByteWriter().text(name)
  return new ByteWriter(bytes.length + contents.length + 8)
    .bytes(bytes)
    .byte(0)
    .unsigned(contents.length)
    .bytes(contents.written)
    .written.slice()
}
