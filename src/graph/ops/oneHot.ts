/** Class numbers as indicator rows. Not differentiable. */
import { eachWhere } from '../batch.ts'
import { apply, elementwiseCost, type Op } from '../op.ts'
import { ShapeError, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

/** Attributes of `oneHot`. */
export interface OneHotAttributes {
  /** Size of the new last axis. */
  readonly classes: number
}

/** `i32 […] → f32 […, classes]`; entries must be in 0 … classes − 1. */
export const oneHotOp: Op<OneHotAttributes> = {
  name: 'oneHot',
  shape([indices], { classes }) {
    if (indices.dtype !== 'i32') throw new ShapeError(`oneHot: expected i32 indices, got ${indices.dtype}`)
    if (!Number.isInteger(classes) || classes < 1) {
      throw new RangeError(`oneHot: classes (=${classes}) must be a whole number ≥ 1`)
    }
    return { shape: [...indices.shape, classes], dtype: 'f32' }
  },
  reference([indices], { classes }, shape) {
    const result = new Float64Array(sizeOf(shape))
    indices.values.forEach((index, row) => {
      if (!Number.isInteger(index) || index < 0 || index >= classes) {
        throw new RangeError(`oneHot: index ${index} is out of range for ${classes} classes`)
      }
      result[row * classes + index] = 1
    })
    return result
  },
  vjp: () => [undefined],
  cost: elementwiseCost,
  indices: ({ inputs }, { classes }) => ({ operand: inputs[0], limit: classes }),
  batch: eachWhere(({ shape }) => shape.length === 1),
}

/**
 * A new last axis that is 1 at the index and 0 elsewhere: `i32 [N] → f32 [N, classes]`.
 * @throws ShapeError when the indices are not i32. An index out of range is a RangeError when the reference evaluates
 * it.
 */
export function oneHot(indices: Tensor, classes: number): Tensor {
  return apply(oneHotOp, [indices], { classes })
}
