/**
 * Scalar expressions as WebAssembly: four lanes at a time, or one. Equal subexpressions are computed once.
 *
 * A comparison stays a bit mask while it only selects, and becomes 1 or 0 where it is used as a number. Functions
 * without an instruction (exp, tanh, …) are calls to the math library. They run the same code for one lane as for four,
 * so that a value does not depend on whether its neighbors filled a vector.
 */

import { type Expression, structureOf } from '../../../graph/expression.ts'
import type { FunctionBuilder, Local } from './assembler.ts'
import { type AnyLanes, type Floats, floatsOf, pushConstant, typeOf } from './lanes.ts'
import type { MathFunction, MathLibrary } from './math.ts'

/** Pushes the element of input `index` for the current position: a vector, or an f32 for one lane. */
export type PushInput = (index: number) => void

/** An emitter for single numbers, and one for vectors of each length. */
export const emittersOf = (f: FunctionBuilder, math: MathLibrary): Record<AnyLanes, ExpressionEmitter> => ({
  1: new ExpressionEmitter(f, math, 1),
  4: new ExpressionEmitter(f, math, 4),
  8: new ExpressionEmitter(f, math, 8),
  16: new ExpressionEmitter(f, math, 16),
})

/** Emits expressions into one function; temporary locals are reused between calls. */
export class ExpressionEmitter {
  readonly #f: FunctionBuilder
  readonly #math: MathLibrary
  readonly #lanes: AnyLanes
  readonly #floats: Floats
  readonly #free: Local[] = []

  constructor(f: FunctionBuilder, math: MathLibrary, lanes: AnyLanes) {
    this.#f = f
    this.#math = math
    this.#lanes = lanes
    this.#floats = floatsOf(lanes)
  }

  /** Pushes the value of the expression. */
  push(expression: Expression, pushInput: PushInput): void {
    const { numbers, counts } = sharedSubexpressions(expression)
    const known = new Map<number, Local>()
    const emit = (e: Expression): void => {
      const number = numbers.get(e)!
      const local = known.get(number)
      if (local !== undefined) {
        this.#f.get(local)
        return
      }
      this.#pushNode(e, emit, pushInput)
      if (counts.get(number)! > 1 && e.kind !== 'constant') {
        const kept = this.#free.pop() ?? this.#f.local(typeOf(this.#lanes))
        known.set(number, kept)
        this.#f.tee(kept)
      }
    }
    emit(expression)
    this.#free.push(...known.values())
  }

  #pushNode(e: Expression, emit: (e: Expression) => void, pushInput: PushInput): void {
    const f = this.#f
    const type = typeOf(this.#lanes)
    switch (e.kind) {
      case 'input':
        pushInput(e.index)
        return
      case 'constant':
        pushConstant(f, this.#lanes, e.value)
        return
      case 'unary':
        this.#pushUnary(e, emit)
        return
      case 'binary':
        emit(e.x)
        emit(e.y)
        f.op(`${this.#floats}.${e.fn}`)
        return
      case 'compare':
        this.#pushMask(e, emit)
        if (type === 'f32') f.op('f32.convert_i32_s')
        else pushConstant(f, this.#lanes, 1).op(`${type}.and`)
        return
      case 'select':
        emit(e.x)
        emit(e.y)
        this.#pushMask(e.condition, emit)
        f.op(type === 'f32' ? 'select' : `${type}.bitselect`)
        return
      default:
        e satisfies never
    }
  }

  /** Pushes all-ones lanes (or i32 1) where the condition is not 0. */
  #pushMask(condition: Expression, emit: (e: Expression) => void): void {
    const f = this.#f
    if (condition.kind === 'compare') {
      emit(condition.x)
      emit(condition.y)
      f.op(`${this.#floats}.${condition.fn}`)
    } else {
      emit(condition)
      pushConstant(f, this.#lanes, 0).op(`${this.#floats}.ne`)
    }
  }

  #pushUnary(e: Expression & { kind: 'unary' }, emit: (e: Expression) => void): void {
    const f = this.#f
    switch (e.fn) {
      case 'neg':
      case 'abs':
      case 'sqrt':
      case 'floor':
        emit(e.x)
        f.op(`${this.#floats}.${e.fn}`)
        return
      case 'relu':
        // max keeps a NaN, as PyTorch's relu does.
        emit(e.x)
        pushConstant(f, this.#lanes, 0).op(`${this.#floats}.max`)
        return
      case 'exp':
      case 'log':
      case 'tanh':
      case 'sigmoid':
      case 'sin':
      case 'cos':
      case 'erf':
        emit(e.x)
        this.#call(e.fn)
        return
      default:
        e.fn satisfies never
    }
  }

  #call(fn: MathFunction): void {
    if (this.#lanes === 1) this.#f.op('f32x4.splat').call(this.#math.function(fn)).extractLane(0)
    else this.#f.call(this.#math.function(fn, this.#lanes))
  }
}

/** What occurs more than once in an expression. */
interface Shared {
  /** The distinct subexpression that a node is, by its number. */
  readonly numbers: ReadonlyMap<Expression, number>
  /** How often each distinct subexpression occurs. */
  readonly counts: ReadonlyMap<number, number>
}

/** Known answers: the store of a register tile emits one expression for each of its vectors. */
const knownShared = new WeakMap<Expression, Shared>()

function sharedSubexpressions(root: Expression): Shared {
  const known = knownShared.get(root)
  if (known) return known
  const { numbers } = structureOf(root)
  const counts = new Map<number, number>()
  const visit = (e: Expression): void => {
    const number = numbers.get(e)!
    const count = counts.get(number) ?? 0
    counts.set(number, count + 1)
    // The operands of a repeated node are computed only with its first occurrence.
    if (count > 0) return
    if (e.kind === 'unary') visit(e.x)
    else if (e.kind === 'binary' || e.kind === 'compare') {
      visit(e.x)
      visit(e.y)
    } else if (e.kind === 'select') {
      visit(e.x)
      visit(e.y)
      visit(e.condition)
    }
  }
  visit(root)
  const shared = { numbers, counts }
  knownShared.set(root, shared)
  return shared
}
