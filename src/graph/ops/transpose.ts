/** Permutation of axes. */
import { eachWhere } from '../batch.ts'
import { apply, elementwiseCost, type Op } from '../op.ts'
import { formatShape, ShapeError, sizeOf, stridesOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

/** Attributes of `transpose`. */
export interface TransposeAttributes {
  /** Axis `i` of the result is axis `permutation[i]` of the input. */
  readonly permutation: readonly number[]
}

/** Keeps the element type. */
export const transposeOp: Op<TransposeAttributes> = {
  name: 'transpose',
  shape([x], { permutation }) {
    const sorted = [...permutation].sort((a, b) => a - b)
    if (permutation.length !== x.shape.length || sorted.some((axis, position) => axis !== position)) {
      throw new ShapeError(
        `transpose: [${permutation.join(', ')}] is not a permutation of the ${x.shape.length} axes of ${formatShape(x.shape)}`,
      )
    }
    return { shape: permutation.map(axis => x.shape[axis]), dtype: x.dtype }
  },
  reference([x], { permutation }, shape) {
    const from = stridesOf(x.shape)
    const strides = permutation.map(axis => from[axis])
    const target = stridesOf(shape)
    return Float64Array.from({ length: sizeOf(shape) }, (_, position) => {
      let at = 0
      for (let axis = 0; axis < shape.length; axis++) {
        at += (Math.floor(position / target[axis]) % shape[axis]) * strides[axis]
      }
      return x.values[at]
    })
  },
  vjp(output, gradient, { permutation }) {
    if (output.dtype !== 'f32') return [undefined]
    return [transpose(gradient, inversePermutation(permutation))]
  },
  cost: elementwiseCost,
  batch: eachWhere((_, { permutation }) => permutation[0] === 0),
}

/**
 * Reorders axes: axis `i` of the result is axis `permutation[i]` of `x`. Reverses all axes by default.
 * @throws ShapeError when `permutation` does not name every axis once.
 * @example const rowsLast = transpose(x, [0, 2, 3, 1]) // [N, C, H, W] → [N, H, W, C]
 */
export function transpose(
  x: Tensor,
  permutation: readonly number[] = x.shape.map((_, axis) => axis).reverse(),
): Tensor {
  const result = apply(transposeOp, [x], { permutation })
  return permutation.every((axis, position) => axis === position) ? x : result
}

/** The permutation that undoes another. */
export function inversePermutation(permutation: readonly number[]): number[] {
  const inverse = new Array<number>(permutation.length)
  permutation.forEach((axis, position) => {
    inverse[axis] = position
  })
  return inverse
}
