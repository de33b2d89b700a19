/**
 * A pickle reader that executes nothing.
 *
 * A pickle is a program for a small stack machine. Python's own reader lets it import and call anything. This one makes
 * only plain data, and asks a {@link PickleHost} for the rest: what the name of a global means, what "calling" it
 * returns, what a persistent id refers to. The host answers with its own objects or refuses; no name in the file ever
 * reaches a JavaScript object, function or module.
 *
 * The machine has no recursion, and stack, memo and number of objects are bounded, so that no file exhausts the memory.
 *
 * Source: CPython's `Lib/pickletools.py`, which documents every opcode, and PEP 307, 3154 and 574 (protocols 2, 4, 5);
 * https://docs.python.org/3/library/pickle.html
 */
import { PickleBytes, readScalar } from './pickleBytes.ts'
import { opcode, refusedOpcodes } from './pickleOpcodes.ts'
import { describeValue, PickleDictionary, PickleObject, PickleSequence, type PickleValue } from './pickleValues.ts'

/** Answers what plain data cannot express. Each function throws `PickleError` to refuse. */
export interface PickleHost {
  /** The meaning of `module.name`: a description of it, never the thing itself. */
  global(module: string, name: string): PickleObject
  /** Result of calling (or making an instance of) something that {@link PickleHost.global} has returned. */
  call(callee: PickleValue, args: readonly PickleValue[]): PickleValue
  /** The object that a persistent id refers to. */
  persistent(id: PickleValue): PickleValue
}

/** A value, and the position of the bytes after its pickle. */
export interface Unpickled {
  readonly value: PickleValue
  readonly end: number
}

/** Bytes of a pickle: a state dict takes one or two hundred for each tensor. */
export const maxPickleBytes = 64 * 2 ** 20
/** Values on the stack. */
export const maxPickleStack = 1_000_000
/** Containers, dictionary entries, objects and memo entries: enough for the state dict of 50,000 tensors. */
export const maxPickleObjects = 1_000_000

/**
 * Reads the pickle that begins at `start`.
 * @throws PickleError naming the rule that is broken, with its position.
 */
export function unpickle(bytes: Uint8Array, host: PickleHost, start = 0): Unpickled {
  return new Unpickler(bytes, host, start).run()
}

class Unpickler {
  readonly #input: PickleBytes
  readonly #host: PickleHost
  readonly #stack: PickleValue[] = []
  /** Heights of the stack at the marks that are open. */
  readonly #marks: number[] = []
  readonly #memo = new Map<number, PickleValue>()
  #objects = 0

  constructor(bytes: Uint8Array, host: PickleHost, start: number) {
    this.#input = new PickleBytes(bytes, start, maxPickleBytes)
    this.#host = host
  }

  run(): Unpickled {
    while (true) {
      const code = this.#input.uint8()
      if (code === opcode.STOP) return { value: this.#pop(), end: this.#input.position }
      const scalar = readScalar(code, this.#input)
      const object = scalar === undefined ? this.#object(code) : undefined
      if (scalar !== undefined) this.#push(scalar)
      else if (object !== undefined) this.#pushObject(object)
      else this.#execute(code)
    }
  }

  /** The object that an opcode makes; undefined for opcodes that make none. */
  #object(code: number): PickleValue | undefined {
    const input = this.#input
    switch (code) {
      case opcode.EMPTY_TUPLE:
        return new PickleSequence('tuple')
      case opcode.TUPLE1:
      case opcode.TUPLE2:
      case opcode.TUPLE3:
        return new PickleSequence(
          'tuple',
          Array.from({ length: code - opcode.TUPLE1 + 1 }, () => this.#pop()).reverse(),
        )
      case opcode.TUPLE:
        return new PickleSequence('tuple', this.#popToMark())
      case opcode.EMPTY_LIST:
        return new PickleSequence('list')
      case opcode.LIST:
        return new PickleSequence('list', this.#popToMark())
      case opcode.EMPTY_SET:
        return new PickleSequence('set')
      case opcode.FROZENSET:
        return new PickleSequence('frozenset', this.#popToMark())
      case opcode.EMPTY_DICT:
        return new PickleDictionary()
      case opcode.DICT:
        return this.#fill(new PickleDictionary(), this.#popToMark())
      case opcode.SHORT_BINBYTES:
        return input.raw(input.uint8())
      case opcode.BINBYTES:
        return input.raw(input.uint32())
      case opcode.BINBYTES8:
      case opcode.BYTEARRAY8:
        return input.raw(input.uint64())
      case opcode.GLOBAL: {
        const module = input.line()
        return this.#host.global(module, input.line())
      }
      case opcode.STACK_GLOBAL: {
        const name = this.#pop()
        const module = this.#pop()
        if (typeof module !== 'string' || typeof name !== 'string') return input.fail('a global whose name is not text')
        return this.#host.global(module, name)
      }
      case opcode.REDUCE:
      case opcode.NEWOBJ:
      case opcode.NEWOBJ_EX: {
        if (code === opcode.NEWOBJ_EX) this.#pop() // arguments by name, which no object read here has
        const args = this.#pop()
        const callee = this.#pop()
        if (!(args instanceof PickleSequence && args.kind === 'tuple'))
          return input.fail(`arguments must be a tuple, got ${describeValue(args)}`)
        return this.#host.call(callee, args.items)
      }
      case opcode.BINPERSID:
        return this.#host.persistent(this.#pop())
      default:
        return undefined
    }
  }

  /** Opcodes that change existing objects or the stack. */
  #execute(code: number): void {
    const input = this.#input
    switch (code) {
      case opcode.PROTO: {
        const protocol = input.uint8()
        if (protocol > 5) input.fail(`protocol ${protocol} is newer than 5, the newest that is known`)
        break
      }
      case opcode.FRAME:
        input.skip(8)
        break
      case opcode.MARK:
        if (this.#marks.length >= maxPickleStack) input.fail(`more than ${maxPickleStack} open marks`)
        this.#marks.push(this.#stack.length)
        break
      case opcode.POP:
        // Directly after MARK it removes the mark, as in CPython.
        if (this.#stack.length === this.#marks.at(-1)) this.#marks.pop()
        else this.#pop()
        break
      case opcode.POP_MARK:
        this.#popToMark()
        break
      case opcode.DUP:
        this.#push(this.#top())
        break
      case opcode.APPEND:
        this.#append([this.#pop()], 'list')
        break
      case opcode.APPENDS:
        this.#append(this.#popToMark(), 'list')
        break
      case opcode.ADDITEMS:
        this.#append(this.#popToMark(), 'set')
        break
      case opcode.SETITEM: {
        const value = this.#pop()
        const key = this.#pop()
        this.#fill(this.#top(), [key, value])
        break
      }
      case opcode.SETITEMS: {
        const items = this.#popToMark()
        this.#fill(this.#top(), items)
        break
      }
      case opcode.BUILD: {
        // The state of an object: attributes (such as a state dict's `_metadata`), which plain data does not need.
        this.#pop()
        const target = this.#top()
        if (!(target instanceof PickleDictionary || target instanceof PickleObject))
          input.fail(`${describeValue(target)} has no attributes to set`)
        break
      }
      case opcode.BINPUT:
        this.#remember(input.uint8())
        break
      case opcode.LONG_BINPUT:
        this.#remember(input.uint32())
        break
      case opcode.MEMOIZE:
        this.#remember(this.#memo.size)
        break
      case opcode.BINGET:
        this.#recall(input.uint8())
        break
      case opcode.LONG_BINGET:
        this.#recall(input.uint32())
        break
      default: {
        const name = refusedOpcodes.get(code)
        input.fail(name ? `opcode ${name} is not read` : `0x${code.toString(16)} is not an opcode`, input.position - 1)
      }
    }
  }

  // The stack.

  #push(value: PickleValue): void {
    if (this.#stack.length >= maxPickleStack) this.#input.fail(`more than ${maxPickleStack} values on the stack`)
    this.#stack.push(value)
  }

  #pushObject(value: PickleValue): void {
    this.#count(1)
    this.#push(value)
  }

  #top(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) this.#input.fail('the stack is empty')
    return this.#stack.at(-1) as PickleValue
  }

  #pop(): PickleValue {
    const value = this.#top()
    this.#stack.pop()
    return value
  }

  #popToMark(): PickleValue[] {
    const mark = this.#marks.pop()
    return mark === undefined ? this.#input.fail('no mark on the stack') : this.#stack.splice(mark)
  }

  #append(items: readonly PickleValue[], kind: 'list' | 'set'): void {
    const target = this.#top()
    if (target instanceof PickleObject) return // its contents are ignored
    if (target instanceof PickleSequence && target.kind === kind) for (const item of items) target.items.push(item)
    else this.#input.fail(`expected a ${kind}, got ${describeValue(target)}`)
  }

  #fill(target: PickleValue, items: readonly PickleValue[]): PickleValue {
    if (target instanceof PickleObject) return target
    if (!(target instanceof PickleDictionary))
      return this.#input.fail(`expected a dictionary, got ${describeValue(target)}`)
    if (items.length % 2 === 1) this.#input.fail('a dictionary key without a value')
    this.#count(items.length / 2)
    for (let i = 0; i < items.length; i += 2) target.entries.set(items[i] as PickleValue, items[i + 1] as PickleValue)
    return target
  }

  #remember(index: number): void {
    this.#count(1)
    this.#memo.set(index, this.#top())
  }

  #recall(index: number): void {
    const value = this.#memo.get(index)
    if (value === undefined) this.#input.fail(`memo ${index} is not set`)
    this.#push(value as PickleValue)
  }

  #count(objects: number): void {
    this.#objects += objects
    if (this.#objects > maxPickleObjects) this.#input.fail(`more than ${maxPickleObjects} objects`)
  }
}
