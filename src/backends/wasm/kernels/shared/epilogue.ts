/**
 * The epilogue: element-wise work on a result while it is still in registers, right before it is stored.
 */

import { type Expression, input } from '../../../../graph/expression.ts'
import { type Dimension, dimensionsOf, type Operand, stridesAlong } from '../../../cpu/access.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { fitsLongVectors, pushElements } from '../../emit/elements.ts'
import { type ExpressionEmitter, emittersOf } from '../../emit/expression.ts'
import type { AnyLanes } from '../../emit/lanes.ts'
import type { MathLibrary } from '../../emit/math.ts'

/** What to do with each element of a result: `input(0)` is the element, `input(k)` comes from `operands[k − 1]`. */
export interface EpilogueSpec {
  readonly expression: Expression
  readonly operands: readonly Operand[]
}

/** Stores the element unchanged. */
export const plainStore: EpilogueSpec = { expression: input(0), operands: [] }

/** A result and its epilogue. */
export interface StoredResult {
  readonly epilogue: EpilogueSpec
  readonly result: Operand
  /** Its physical dimensions, if visited in another order; lanes run along the last one. */
  readonly dimensions?: readonly Dimension[]
  /** Addresses of the epilogue's operands. */
  readonly bases: readonly Local[]
}

/**
 * An epilogue inside one kernel. The kernel passes its place with one local per dimension of the result; `locate`
 * computes the addresses of all operands for that place, and `push` finishes elements near it.
 */
export class EpilogueEmitter {
  readonly #f: FunctionBuilder
  readonly #spec: EpilogueSpec
  readonly #strides: readonly (readonly number[])[]
  readonly #pointers: readonly Local[]
  readonly #bases: readonly Local[]
  readonly #emitters: Record<AnyLanes, ExpressionEmitter>

  constructor(
    f: FunctionBuilder,
    math: MathLibrary,
    { epilogue, result, dimensions = dimensionsOf(result), bases }: StoredResult,
  ) {
    this.#f = f
    this.#spec = epilogue
    this.#strides = epilogue.operands.map(operand => stridesAlong(operand, dimensions, result.shape))
    this.#pointers = f.localArray('i32', bases.length)
    this.#bases = bases
    this.#emitters = emittersOf(f, math)
  }

  /** Whether results may be finished in vectors of more than four lanes. */
  get fitsLongVectors(): boolean {
    return this.#spec.operands.every(({ dtype }, k) => fitsLongVectors(dtype, this.#strides[k].at(-1) ?? 0))
  }

  /** Computes the operands' addresses for a place: one local or number per dimension. */
  locate(place: readonly (Local | { value: number })[]): void {
    const f = this.#f
    this.#pointers.forEach((pointer, k) => {
      f.get(this.#bases[k])
      place.forEach((coordinate, d) => {
        const stride = this.#strides[k][d]
        if (stride === 0) return
        if (typeof coordinate === 'number') f.plus(coordinate, stride)
        else if (coordinate.value !== 0) f.offset(coordinate.value * stride)
      })
      f.set(pointer)
    })
  }

  /**
   * Pushes the finished values of the elements `shift` steps from the located place.
   * @param shift       steps along each dimension
   * @param pushElement pushes the raw result
   */
  push(lanes: AnyLanes, shift: readonly number[], pushElement: () => void): void {
    const spec = this.#spec
    const strides = this.#strides
    this.#emitters[lanes].push(spec.expression, index => {
      if (index === 0) {
        pushElement()
        return
      }
      const own = strides[index - 1]
      const offset = own.reduce((sum, stride, d) => sum + stride * shift[d], 0)
      const { dtype } = spec.operands[index - 1]
      const place = { address: this.#pointers[index - 1], offset, stride: own[own.length - 1] }
      pushElements(this.#f, lanes, dtype, place)
    })
  }
}
