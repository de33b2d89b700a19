/** Position of the largest element along an axis. Not differentiable. */
import { eachWhere } from '../batch.ts'
import { apply, elementwiseCost, type Op } from '../op.ts'
import { normalizeAxis, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'

/** Attributes of `argmax`. */
export interface ArgmaxAttributes {
  /** Axis that is searched and removed; not negative. */
  readonly axis: number
}

/**
 * Reads inputs of any type as numbers; the result is `i32`. The first of equal maxima wins; a NaN counts as the
 * largest.
 */
export const argmaxOp: Op<ArgmaxAttributes> = {
  name: 'argmax',
  shape([x], { axis }) {
    normalizeAxis(axis, x.shape.length, 'argmax')
    return { shape: x.shape.filter((_, at) => at !== axis), dtype: 'i32' }
  },
  reference([x], { axis }, shape) {
    const extent = x.shape[axis]
    const inner = sizeOf(x.shape.slice(axis + 1))
    return Float64Array.from({ length: sizeOf(shape) }, (_, position) => {
      const start = Math.floor(position / inner) * extent * inner + (position % inner)
      let best = 0
      let largest = x.values[start]
      for (let k = 1; k < extent && !Number.isNaN(largest); k++) {
        const element = x.values[start + k * inner]
        if (element > largest || Number.isNaN(element)) {
          best = k
          largest = element
        }
      }
      return best
    })
  },
  vjp: () => [undefined],
  cost: elementwiseCost,
  batch: eachWhere((_, { axis }) => axis !== 0),
}

/**
 * Index of the largest element along `axis` (the last by default), which is removed; the first of equals wins.
 * @throws ShapeError when the axis is out of range.
 * @example const predicted = argmax(logits) // [N, classes] → i32 [N]
 */
export function argmax(x: Tensor, axis = -1): Tensor {
  return apply(argmaxOp, [x], { axis: normalizeAxis(axis, x.shape.length, 'argmax') })
}
