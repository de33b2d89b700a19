/**
 * From WebAssembly's stack code to instructions on values. The operand stack exists only here: reading a local leaves no
 * instruction behind, constants and comparisons wait for the instruction that takes them, and the result of an
 * instruction goes straight into the local that it is stored in.
 */
import type { FunctionBuilder } from '../wasm/emit/assembler.ts'
import { longer } from '../wasm/emit/opcodes.ts'
import { Bytecode, type MemoryAccess, plainAccesses, plainNames, simdNames, vectorAccesses } from './bytecode.ts'
import {
  type Instruction,
  lengthOf,
  type Operand,
  type Target,
  type Value,
  type ValueCode,
  type ValueKind,
} from './code.ts'
import { type Condition, conditions, mirrored, opposite } from './conditions.ts'
import { InstructionList } from './instructionList.ts'
import { signatureOf } from './operations.ts'
import {
  boundOf,
  comparisons,
  type Entry,
  type Frame,
  kindOf,
  kindOfEntry,
  readsValue,
  sumOf,
  vectorKinds,
} from './stackEntry.ts'
import type { VectorLength } from './x86.ts'

/** Rewrites a function. @throws Error for an instruction that native code does not have. */
export function lift(f: FunctionBuilder): ValueCode {
  return new Lifting(f).run()
}

class Lifting {
  readonly #f: FunctionBuilder
  readonly #code: Bytecode
  readonly #list: InstructionList
  readonly #locals: number
  readonly #stack: Entry[] = []
  readonly #frames: Frame[] = []
  /** Blocks opened in code that is never reached. */
  #dead: number | undefined

  constructor(f: FunctionBuilder) {
    this.#f = f
    this.#code = new Bytecode(f.code)
    this.#list = new InstructionList([...f.parameters, ...f.locals].map(kindOf), f.parameters.length)
    this.#locals = this.#list.kinds.length
  }

  run(): ValueCode {
    this.#frames.push({ kind: 'function', target: this.#list.target(), height: 0 })
    while (!this.#code.ended) this.#instruction()
    if (this.#dead === undefined) this.#return()
    return this.#list
  }

  #instruction(): void {
    const code = this.#code.byte()
    if (this.#dead !== undefined) {
      const ended = this.#dead === 0 && (code === 0x05 || code === 0x0b)
      this.#dead = ended ? undefined : this.#dead + this.#code.skip(code)
      if (!ended) return
    }
    switch (code) {
      case 0x02:
      case 0x03:
      case 0x04:
        this.#open(code)
        return
      case 0x05:
        this.#otherwise()
        return
      case 0x0b:
        this.#close()
        return
      case 0x0c:
        this.#list.add('jump', [], { target: this.#targetOf(this.#code.unsigned()) })
        this.#dead = 0
        return
      case 0x0d: {
        const depth = this.#code.unsigned()
        const { condition, operands } = this.#condition()
        this.#list.add('branch', operands, { condition, target: this.#targetOf(depth) })
        return
      }
      case 0x10:
        this.#call(this.#code.unsigned())
        return
      case 0x20:
        this.#stack.push({ kind: 'value', value: this.#code.unsigned() })
        return
      case 0x21:
        this.#set(this.#code.unsigned())
        return
      case 0x22: {
        const local = this.#code.unsigned()
        this.#set(local)
        this.#stack.push({ kind: 'value', value: local })
        return
      }
      case 0x41:
        this.#stack.push({ kind: 'integer', constant: this.#code.signed() })
        return
      case 0x43:
        this.#stack.push({ kind: 'constant', type: 'f32', words: [this.#code.word()] })
        return
      case 0xfd:
        this.#simd(this.#code.unsigned())
        return
      default:
        this.#plain(code)
    }
  }

  #open(code: number): void {
    this.#code.byte() // the type of the block: none
    const condition = code === 0x04 ? this.#condition() : undefined
    this.#settleAll()
    const height = this.#stack.length
    const target = this.#list.target()
    if (condition) {
      const otherwise = this.#list.target()
      this.#frames.push({ kind: 'if', target, otherwise, height })
      this.#list.add('branch', condition.operands, { condition: opposite(condition.condition), target: otherwise })
      return
    }
    const loop = code === 0x03
    this.#frames.push({ kind: loop ? 'loop' : 'block', target, height })
    if (!loop) return
    this.#list.depth++
    this.#list.add('label', [], { target })
  }

  #otherwise(): void {
    const frame = this.#frames[this.#frames.length - 1]
    this.#settleAll()
    this.#list.add('jump', [], { target: frame.target })
    this.#list.add('label', [], { target: frame.otherwise as Target })
    frame.otherwise = undefined
    this.#stack.length = frame.height
  }

  #close(): void {
    const frame = this.#frames.pop() as Frame
    this.#settleAll()
    this.#stack.length = frame.height
    if (frame.kind === 'loop') {
      this.#list.depth--
      return
    }
    if (frame.otherwise !== undefined) this.#list.add('label', [], { target: frame.otherwise })
    this.#list.add('label', [], { target: frame.target })
  }

  #call(index: number): void {
    const callee = [...this.#f.callees].find(f => f.index === index)
    if (!callee) throw this.#unknown(`a call of function ${index}`)
    const operands = callee.parameters.map(() => this.#pop()).reverse()
    const sources = operands.map(entry => this.#operand(entry))
    const [result] = callee.results
    const dest = result === undefined ? -1 : this.#list.temporary(kindOf(result))
    this.#list.add('call', sources, { dest, immediate: index })
    if (dest >= 0) this.#stack.push({ kind: 'value', value: dest })
  }

  #plain(code: number): void {
    const access = plainAccesses.get(code)
    if (access) {
      this.#memory(access, 0)
      return
    }
    const name = plainNames.get(code)
    if (name === undefined) throw this.#unknown(`instruction ${code}`)
    const condition = comparisons[name]
    if (condition !== undefined) {
      const [a, b] = this.#operands(2)
      this.#stack.push({ kind: 'compare', condition, operands: [a, b] })
    } else if (name === 'i32.eqz') this.#isZero()
    else if (name === 'i32.add' || name === 'i32.sub') this.#sum(name)
    else if (name === 'select') this.#select()
    else if (name === 'drop') this.#pop()
    else if (name === 'return') {
      this.#return()
      this.#dead = 0
    } else if (name === 'unreachable') {
      this.#list.add('trap', [])
      this.#dead = 0
    } else this.#compute(name, 0)
  }

  #simd(code: number): void {
    const length = Math.floor(code / longer.step)
    if (length > 2) throw this.#unknown(`vector instruction ${code}`)
    const own = code % longer.step
    const vector = length as VectorLength
    const access = vectorAccesses.get(own)
    if (access) this.#memory(access, vector)
    else if (own === 12) {
      const words =
        vector === 0
          ? [this.#code.word(), this.#code.word(), this.#code.word(), this.#code.word()]
          : [this.#code.word()]
      const equal = words.every(word => word === words[0])
      this.#stack.push({ kind: 'constant', type: vectorKinds[vector], words: equal ? [words[0]] : words })
    } else if (own === 13) this.#shuffle()
    else if (own === 33)
      this.#push('extractPart', this.#operands(1), 'v128', { immediate: this.#code.byte(), length: vector })
    else if (own === 31) this.#push('extractLane', this.#operands(1), 'f32', { immediate: this.#code.byte() })
    else if (own === 32 || own === 28) {
      const op = own === 32 ? 'replaceLane' : 'replaceIntegerLane'
      const lane = this.#code.byte()
      this.#push(op, this.#operands(2), 'v128', { immediate: lane })
    } else {
      const name = simdNames.get(own)
      if (name === undefined) throw this.#unknown(`vector instruction ${code}`)
      this.#compute(name, vector)
    }
  }

  /** An instruction that pops its operands and pushes its result. */
  #compute(name: string, length: VectorLength): void {
    const signature = signatureOf(name)
    if (!signature) throw this.#unknown(name)
    const kind = signature.result === 'vector' ? vectorKinds[length] : signature.result
    const bound = signature.operands === 2 ? boundOf(name, this.#stack) : undefined
    if (bound) {
      this.#stack.length -= 2
      const operands = [this.#operand(bound.other), this.#operand(bound.constant)]
      this.#push(bound.op, operands, kind, { length })
    } else this.#push(name, this.#operands(signature.operands), kind, { length })
  }

  #shuffle(): void {
    const lanes = [0, 1, 2, 3].map(() => (this.#code.word() & 0xff) >> 2)
    const immediate = lanes.reduce((sum, lane, at) => sum | (lane << (3 * at)), 0)
    this.#push('shuffle', this.#operands(2), 'v128', { immediate })
  }

  #memory({ name, stores, kind }: MemoryAccess, length: VectorLength): void {
    const offset = this.#code.memoryOffset()
    if (stores) {
      const value = this.#operand(this.#pop())
      const { address, displacement } = this.#address(offset)
      this.#list.add(name, [value, ...address], { length, immediate: displacement })
      return
    }
    const { address, displacement } = this.#address(offset)
    if (name === 'prefetch') {
      this.#list.add(name, address, { immediate: displacement })
      return
    }
    this.#push(name, address, kind === 'vector' ? vectorKinds[length] : kind, { length, immediate: displacement })
  }

  /** The address on the stack: a value, if it has one, plus a constant. (Sums wrap around at 2³², addresses do not.) */
  #address(offset: number): { address: readonly Operand[]; displacement: number } {
    if (offset >= 2 ** 31) throw this.#unknown(`an offset of ${offset} bytes`)
    const entry = this.#pop()
    if (entry.kind === 'integer') return { address: [], displacement: (entry.constant >>> 0) + offset }
    return { address: [this.#value(entry)], displacement: offset }
  }

  #isZero(): void {
    const entry = this.#pop()
    if (entry.kind === 'compare') {
      this.#stack.push({ ...entry, condition: opposite(entry.condition) })
      return
    }
    const operands = [this.#operand(entry), { constant: 0 }] as const
    this.#stack.push({ kind: 'compare', condition: conditions.equal, operands })
  }

  #sum(name: 'i32.add' | 'i32.sub'): void {
    const b = this.#pop()
    const a = this.#pop()
    const sum = sumOf(a, b, name === 'i32.add' ? 1 : -1)
    if (sum) this.#stack.push(sum)
    else this.#push(name, [this.#operand(a), this.#operand(b)], 'i32')
  }

  #select(): void {
    const { condition, operands } = this.#condition()
    const otherwise = this.#pop()
    const chosen = this.#pop()
    const sources = [this.#operand(chosen), this.#operand(otherwise)]
    const kind = kindOfEntry(chosen, this.#list.kinds)
    this.#push('select', [...sources, ...operands], kind, { condition, length: lengthOf(kind) })
  }

  #return(): void {
    const sources = this.#f.results.map(() => this.#operand(this.#pop()))
    this.#list.add('return', sources, {
      length: sources.length === 0 ? 0 : lengthOf(kindOf(this.#f.results[0])),
    })
  }

  #set(local: Value): void {
    const entry = this.#pop()
    // Older reads of the local that wait on the stack keep its present value.
    let copied = false
    this.#stack.forEach((waiting, at) => {
      if (!readsValue(waiting, local)) return
      this.#stack[at] = { kind: 'value', value: this.#copied(waiting) }
      copied = true
    })
    const last = this.#list.last
    const isLast = entry.kind === 'value' && entry.value >= this.#locals && last?.dest === entry.value
    // An instruction that writes its result early must not have it in the place of a source.
    if (isLast && !copied && !(signatureOf(last.op)?.early && last.sources.includes(local))) {
      last.dest = local
      return
    }
    this.#move(local, entry)
  }

  /** The condition on the stack. */
  #condition(): { condition: Condition; operands: readonly [Operand, Operand] } {
    const entry = this.#pop()
    if (entry.kind !== 'compare') {
      return { condition: conditions.notEqual, operands: [this.#value(entry), { constant: 0 }] }
    }
    const [a, b] = entry.operands
    // Only the second operand of a comparison may be a constant.
    if (typeof a === 'number') return entry
    if (typeof b === 'number') return { condition: mirrored(entry.condition), operands: [b, a] }
    return { condition: entry.condition, operands: [this.#value({ kind: 'integer', constant: a.constant }), b] }
  }

  #pop(): Entry {
    const entry = this.#stack.pop()
    if (!entry) throw this.#unknown('an empty stack')
    return entry
  }

  #operands(count: number): [Operand, Operand, ...Operand[]] {
    const entries = this.#stack.splice(this.#stack.length - count)
    if (entries.length < count) throw this.#unknown('an empty stack')
    return entries.map(entry => this.#operand(entry)) as [Operand, Operand, ...Operand[]]
  }

  #operand(entry: Entry): Operand {
    return entry.kind === 'integer' ? { constant: entry.constant } : this.#value(entry)
  }

  /** The value that an entry is, after an instruction that computes it if need be. */
  #value(entry: Entry): Value {
    return entry.kind === 'value' ? entry.value : this.#copied(entry)
  }

  #copied(entry: Entry): Value {
    const value = this.#list.temporary(kindOfEntry(entry, this.#list.kinds))
    this.#move(value, entry)
    return value
  }

  #move(dest: Value, entry: Entry): void {
    const length = lengthOf(this.#list.kinds[dest])
    if (entry.kind === 'value') this.#list.add('move', [entry.value], { dest, length })
    else if (entry.kind === 'integer') this.#list.add('move', [{ constant: entry.constant }], { dest })
    else if (entry.kind === 'sum') this.#list.add('i32.add', [entry.value, { constant: entry.constant }], { dest })
    else if (entry.kind === 'constant') this.#list.add('constant', [], { dest, length, words: entry.words })
    else {
      this.#stack.push(entry)
      const { condition, operands } = this.#condition()
      this.#list.add('compare', operands, { dest, condition })
    }
  }

  /** Gives every waiting entry a value of its own, since the code that follows may run several times or not at all. */
  #settleAll(): void {
    this.#stack.forEach((entry, at) => {
      if (entry.kind === 'value' && entry.value >= this.#locals) return
      this.#stack[at] = { kind: 'value', value: this.#copied(entry) }
    })
  }

  #push(op: string, sources: readonly Operand[], kind: ValueKind, more: Partial<Instruction> = {}): void {
    const dest = this.#list.temporary(kind)
    this.#list.add(op, sources, { ...more, dest })
    this.#stack.push({ kind: 'value', value: dest })
  }

  #targetOf(depth: number): Target {
    return this.#frames[this.#frames.length - 1 - depth].target
  }

  #unknown(what: string): Error {
    return new Error(`native code: function ${this.#f.index} has ${what}, which has no machine code`)
  }
}
