/**
 * A small WebAssembly assembler: functions written instruction by instruction, in the order the machine will see them
 * (`module.ts` makes modules of them). Instruction order decides the speed of register-tiled kernels, which is why
 * kernels are assembled here and not compiled from another language.
 */
import { ByteWriter } from './bytes.ts'
import { type Access, accessOf, encodingOf, type Operation } from './encodings.ts'
import { atomic, longer, longerName } from './opcodes.ts'

/** Types of parameters, results and locals; the longer vectors are for native code only. */
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'v256' | 'v512'

/** Index of a parameter or local of one function. */
export type Local = number

/** A number held in a local, or one known when the code is generated. */
export type Bound = Local | { readonly value: number }

/** Target of a branch, valid inside the block or loop that made it. */
export interface Label {
  readonly depth: number
}

/** Encodings of the types. */
export const typeCodes: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  v256: 0x3b,
  v512: 0x3a,
}

/** Body of one function. Methods append one instruction and return the builder. */
export class FunctionBuilder {
  readonly index: number
  readonly parameters: readonly ValueType[]
  readonly results: readonly ValueType[]
  /** Functions that this one calls. */
  readonly callees = new Set<FunctionBuilder>()
  /**
   * Length of the vectors (0, 1, 2: of 4, 8, 16 lanes) that instructions and locals named after vectors of four stand
   * for in this function. Not 0 in native code only.
   */
  vectorLength = 0
  readonly #locals: ValueType[] = []
  readonly #code = new ByteWriter()
  #depth = 0

  constructor(index: number, parameters: readonly ValueType[], results: readonly ValueType[]) {
    this.index = index
    this.parameters = parameters
    this.results = results
  }

  /** Declares a local, zero at entry. */
  local(type: ValueType): Local {
    const own = type === 'v128' ? longer.vectors[this.vectorLength] : type
    return this.parameters.length + this.#locals.push(own) - 1
  }

  /** Declares several locals of one type. */
  localArray(type: ValueType, count: number): Local[] {
    const locals: Local[] = []
    for (let k = 0; k < count; k++) locals.push(this.local(type))
    return locals
  }

  /** Declares locals of one type by their names. */
  named<Name extends string>(type: ValueType, ...names: readonly Name[]): Readonly<Record<Name, Local>> {
    return Object.fromEntries(names.map(name => [name, this.local(type)])) as Record<Name, Local>
  }

  get(local: Local): this {
    return this.#indexed(0x20, local)
  }

  set(local: Local): this {
    return this.#indexed(0x21, local)
  }

  tee(local: Local): this {
    return this.#indexed(0x22, local)
  }

  /** Pushes an i32 constant. */
  i32(value: number): this {
    this.#code.byte(0x41).signed(value)
    return this
  }

  /** Pushes a local, or a constant i32. */
  push(bound: Bound): this {
    return typeof bound === 'number' ? this.get(bound) : this.i32(bound.value)
  }

  /** Pushes an i64 constant in the range of i32. */
  i64(value: number): this {
    this.#code.byte(0x42).signed(value)
    return this
  }

  /** Pushes an f32 constant. */
  f32(value: number): this {
    this.#code.byte(0x43).float32(value)
    return this
  }

  /** Pushes a vector of four equal f32 constants. */
  f32x4(value: number): this {
    if (this.vectorLength > 0) return this.longConstant(longer.lanes[this.vectorLength] as 8 | 16, value)
    this.#code.byte(0xfd).byte(12)
    for (let lane = 0; lane < 4; lane++) this.#code.float32(value)
    return this
  }

  /** Pushes a vector of 8 or 16 equal f32 constants. */
  longConstant(lanes: 8 | 16, value: number): this {
    this.#code.byte(0xfd).unsigned(12 + longer.lanes.indexOf(lanes) * longer.step)
    this.#code.float32(value)
    return this
  }

  /** Pushes 16 bytes of the vector of 8 or 16 lanes on the stack. */
  extractPart(lanes: 8 | 16, part: number): this {
    this.#code.byte(0xfd).unsigned(33 + longer.lanes.indexOf(lanes) * longer.step)
    this.#code.byte(part)
    return this
  }

  /** Pushes a vector of four i32 constants. */
  i32x4(lanes: readonly [number, number, number, number]): this {
    if (this.vectorLength > 0) {
      // Functions on longer vectors have equal lanes only.
      this.#code
        .byte(0xfd)
        .unsigned(12 + this.vectorLength * longer.step)
        .word(lanes[0])
      return this
    }
    this.#code.byte(0xfd).byte(12)
    for (const lane of lanes) this.#code.word(lane)
    return this
  }

  /** Appends instructions without immediates. */
  op(...names: Operation[]): this {
    for (const name of names) {
      const own = this.vectorLength > 0 ? longerName(name, this.vectorLength) : name
      this.#code.bytes(encodingOf(own))
    }
    return this
  }

  /** Loads from the address on the stack plus `offset` bytes, or stores there. */
  memory(name: Access, offset = 0): this {
    const { bytes, align } = accessOf(name)
    this.#code.bytes(bytes).coded(align, offset)
    return this
  }

  /** Atomic access to an aligned 32-bit word. */
  atomic(name: keyof typeof atomic, offset = 0): this {
    this.#code.byte(0xfe).byte(atomic[name]).byte(2).unsigned(offset)
    return this
  }

  extractLane(lane: number): this {
    return this.#lane(31, lane)
  }

  replaceLane(lane: number): this {
    return this.#lane(32, lane)
  }

  replaceIntegerLane(lane: number): this {
    return this.#lane(28, lane)
  }

  /** Shuffles the 32-bit lanes of two vectors: lane i of the result is lane `lanes[i]` of (a, b), 0…7. */
  shuffle32(lanes: readonly [number, number, number, number]): this {
    this.#code.byte(0xfd).byte(13)
    for (const lane of lanes) for (let byte = 0; byte < 4; byte++) this.#code.byte(lane * 4 + byte)
    return this
  }

  call(target: FunctionBuilder): this {
    this.callees.add(target)
    return this.#indexed(0x10, target.index)
  }

  /** Adds `local`, or `local · factor`, to the i32 on the stack. */
  plus(local: Local, factor?: number): this {
    this.get(local)
    if (factor !== undefined) this.times(factor)
    return this.op('i32.add')
  }

  /** Adds a constant to the i32 on the stack. */
  offset(amount: number): this {
    return this.i32(amount).op('i32.add')
  }

  /** Multiplies the i32 on the stack by a constant. */
  times(factor: number): this {
    return this.i32(factor).op('i32.mul')
  }

  /** Divides the nonnegative number on the stack by a constant, rounding down. */
  over(divisor: number): this {
    return this.i32(divisor).op('i32.div_u')
  }

  /** Takes the remainder of the nonnegative number on the stack by a constant. */
  modulo(divisor: number): this {
    return this.i32(divisor).op('i32.rem_u')
  }

  /** Pushes `base + Σ index · stride`, strides in bytes. */
  address(base: Local, ...terms: readonly (readonly [index: Local, stride: number])[]): this {
    this.get(base)
    for (const [index, stride] of terms) this.plus(index, stride)
    return this
  }

  /** Pushes the smaller of two signed numbers; a constant is given as `{ value }`. */
  smaller(a: Bound, b: Bound): this {
    return this.#chosen('i32.lt_s', a, b)
  }

  /** local ← the signed number on the stack; pushes the smaller of that number and `most`. */
  capped(local: Local, most: Bound): this {
    this.tee(local).push(most).get(local)
    return this.push(most).op('i32.lt_s', 'select')
  }

  /** Pushes the larger of two signed numbers. */
  larger(a: Bound, b: Bound): this {
    return this.#chosen('i32.gt_s', a, b)
  }

  /** local ← local + amount. */
  increment(local: Local, amount: number): this {
    return amount === 0 ? this : this.get(local).i32(amount).op('i32.add').set(local)
  }

  /** local ← local − 1, and pushes the new value. */
  countDown(local: Local): this {
    return this.get(local).i32(1).op('i32.sub').tee(local)
  }

  /** A block; branching to its label leaves it. */
  block(body: (exit: Label) => void): this {
    return this.#nested(0x02, body)
  }

  /** A loop; branching to its label repeats it. */
  loop(body: (again: Label) => void): this {
    return this.#nested(0x03, body)
  }

  /** Runs `then` when the i32 on the stack is not 0, else `otherwise`. */
  if(then: () => void, otherwise?: () => void): this {
    return this.#nested(0x04, () => {
      then()
      if (otherwise) {
        this.#code.byte(0x05)
        otherwise()
      }
    })
  }

  branch(label: Label): this {
    return this.#indexed(0x0c, this.#depth - label.depth)
  }

  branchIf(label: Label): this {
    return this.#indexed(0x0d, this.#depth - label.depth)
  }

  /**
   * for (counter = from; counter < to; counter += step) body. Bounds are locals or numbers; empty ranges are skipped.
   */
  for(counter: Local, from: Bound, to: Bound, body: () => void, step = 1): this {
    const known = typeof from === 'object' && typeof to === 'object'
    if (known && from.value >= to.value) return this
    this.push(from).set(counter)
    const repeat = (): this =>
      this.loop(again => {
        body()
        this.get(counter).i32(step).op('i32.add').tee(counter)
        this.push(to).op('i32.lt_s').branchIf(again)
      })
    if (known) return repeat()
    return this.block(exit => {
      this.get(counter)
      this.push(to).op('i32.ge_s').branchIf(exit)
      repeat()
    })
  }

  /** Appends the encoded body: size, locals, code, end. */
  encode(into: ByteWriter): void {
    const locals = new ByteWriter()
    const runs = runsOf(this.#locals)
    locals.unsigned(runs.length)
    for (const { type, count } of runs) locals.unsigned(count).byte(typeCodes[type])
    into.unsigned(locals.length + this.#code.length + 1)
    into.bytes(locals.written).bytes(this.#code.written).byte(0x0b)
  }

  /** The code so far, without its end: a view that later instructions may invalidate. */
  get code(): Uint8Array {
    return this.#code.written
  }

  /** Types of the locals. */
  get locals(): readonly ValueType[] {
    return this.#locals
  }

  /** Bytes of code so far. */
  get codeSize(): number {
    return this.#code.length
  }

  /** This function and all that it calls. */
  get reachable(): ReadonlySet<FunctionBuilder> {
    const found = new Set<FunctionBuilder>([this])
    for (const f of found) for (const callee of f.callees) found.add(callee)
    return found
  }

  /** The function itself: parameters, results, locals and code. Functions that it calls appear only by their index. */
  get identity(): Uint8Array {
    const identity = new ByteWriter(this.#code.length + 64)
    for (const types of [this.parameters, this.results]) {
      identity.unsigned(types.length)
      for (const type of types) identity.byte(typeCodes[type])
    }
    this.encode(identity)
    return identity.written
  }

  #chosen(comparison: 'i32.lt_s' | 'i32.gt_s', a: Bound, b: Bound): this {
    for (const bound of [a, b, a, b]) this.push(bound)
    return this.op(comparison, 'select')
  }

  #indexed(opcode: number, index: number): this {
    this.#code.coded(opcode, index)
    return this
  }

  #lane(opcode: number, lane: number): this {
    this.#code.byte(0xfd).byte(opcode).byte(lane)
    return this
  }

  #nested(opcode: number, body: (label: Label) => void): this {
    this.#code.byte(opcode).byte(0x40)
    this.#depth++
    body({ depth: this.#depth })
    this.#depth--
    this.#code.byte(0x0b)
    return this
  }
}

/** Groups neighbors of the same type. */
function runsOf(types: readonly ValueType[]): { type: ValueType; count: number }[] {
  const runs: { type: ValueType; count: number }[] = []
  for (const type of types) {
    const last = runs[runs.length - 1]
    if (last?.type === type) last.count++
    else runs.push({ type, count: 1 })
  }
  return runs
}
