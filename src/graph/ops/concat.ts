/** Tensors joined along an axis; the gradient cuts them apart again. */
import { apply, elementwiseCost, type Op } from '../op.ts'
import { formatShape, normalizeAxis, ShapeError, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { sliceAxis } from './slice.ts'

/** Attributes of `concat`. */
export interface ConcatAttributes {
  /** Axis along which the inputs follow each other; not negative. */
  readonly axis: number
}

/** One or more `f32` inputs whose shapes differ only along `axis`. */
export const concatOp: Op<ConcatAttributes> = {
  name: 'concat',
  shape(inputs, { axis }) {
    if (inputs.length === 0) throw new ShapeError('concat: expected at least one tensor')
    const [first] = inputs
    normalizeAxis(axis, first.shape.length, 'concat')
    for (const { shape, dtype } of inputs) {
      if (dtype !== 'f32') throw new ShapeError(`concat: expected f32 tensors, got ${dtype}`)
      const fits = first.shape.every((extent, at) => at === axis || shape[at] === extent)
      if (shape.length !== first.shape.length || !fits) {
        throw new ShapeError(
          `concat: shapes ${inputs.map(x => formatShape(x.shape)).join(', ')} must be equal but for axis ${axis}`,
        )
      }
    }
    const total = inputs.reduce((sum, x) => sum + x.shape[axis], 0)
    return { shape: first.shape.map((extent, at) => (at === axis ? total : extent)), dtype: 'f32' }
  },
  reference(inputs, { axis }, shape) {
    const result = new Float64Array(sizeOf(shape))
    const row = sizeOf(shape.slice(axis))
    let lead = 0
    for (const x of inputs) {
      const part = sizeOf(x.shape.slice(axis))
      for (let outer = 0; outer * part < x.values.length; outer++) {
        result.set(x.values.subarray(outer * part, (outer + 1) * part), outer * row + lead)
      }
      lead += part
    }
    return result
  },
  vjp(output, gradient, { axis }) {
    let start = 0
    return output.inputs.map(x => {
      start += x.shape[axis]
      return sliceAxis(gradient, axis, start - x.shape[axis], start)
    })
  },
  cost: elementwiseCost,
  batch: ({ inputs, isBatched }, { axis }) => (axis !== 0 && inputs.every(isBatched) ? 'parallel' : 'whole'),
}

/**
 * Joins tensors along `axis`, in order; the other sizes must agree.
 * @throws ShapeError when they do not, when there is no tensor, or one is not f32.
 * @example const inception = concat([a, b, c, d], 1) // channels of [N, C, H, W]
 */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  const along = normalizeAxis(axis, tensors[0]?.shape.length ?? 1, 'concat')
  const result = apply(concatOp, tensors, { axis: along })
  return tensors.length === 1 ? tensors[0] : result
}
