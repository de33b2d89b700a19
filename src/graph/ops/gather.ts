/**
 * Picking slices by index along an axis (torch.index_select), and the transpose of that, which adds slices back where
 * they came from. Each is the other's gradient.
 */
import { ofEverything } from '../batch.ts'
import { apply, elementwiseCost, type Op } from '../op.ts'
import { formatShape, normalizeAxis, ShapeError, sizeOf } from '../shape.ts'
import type { Tensor, Vector } from '../tensor.ts'

/** Attributes of `gather`. */
export interface GatherAttributes {
  /** Axis along which slices are picked; not negative. */
  readonly axis: number
}

/** Attributes of `scatterAdd`. */
export interface ScatterAddAttributes extends GatherAttributes {
  /** Size of that axis in the result. */
  readonly size: number
}

/** Inputs: x of any type, indices `i32 [M]` in 0 … size − 1. Keeps the type of x. */
export const gatherOp: Op<GatherAttributes> = {
  name: 'gather',
  shape([x, indices], { axis }) {
    normalizeAxis(axis, x.shape.length, 'gather')
    checkIndices(indices, 'gather')
    return { shape: withExtent(x.shape, axis, indices.shape[0]), dtype: x.dtype }
  },
  reference([x, indices], { axis }, shape) {
    const result = new Float64Array(sizeOf(shape))
    const inner = sizeOf(shape.slice(axis + 1))
    forEachSlice(shape, axis, indices.values, x.shape[axis], 'gather', (slot, slice) => {
      result.set(x.values.subarray(slice * inner, (slice + 1) * inner), slot * inner)
    })
    return result
  },
  vjp(output, gradient, { axis }) {
    const [x, indices] = output.inputs
    if (x.dtype !== 'f32') return [undefined, undefined]
    return [scatterAdd(gradient, indices as Vector, axis, x.shape[axis]), undefined]
  },
  cost: elementwiseCost,
  indices: ({ inputs: [x, operand] }, { axis }) => ({ operand, limit: x.shape[axis] }),
  batch: ({ inputs: [x, indices], isBatched }, { axis }) =>
    axis !== 0 && isBatched(x) && !isBatched(indices) ? 'parallel' : 'whole',
}

/** Inputs: slices `f32`, of size M along the axis, and indices `i32 [M]` in 0 … size − 1. */
export const scatterAddOp: Op<ScatterAddAttributes> = {
  name: 'scatterAdd',
  shape([slices, indices], { axis, size }) {
    normalizeAxis(axis, slices.shape.length, 'scatterAdd')
    checkIndices(indices, 'scatterAdd')
    if (slices.dtype !== 'f32') throw new ShapeError(`scatterAdd: expected f32 slices, got ${slices.dtype}`)
    if (slices.shape[axis] !== indices.shape[0]) {
      throw new ShapeError(
        `scatterAdd: expected ${slices.shape[axis]} indices for axis ${axis} of ${formatShape(slices.shape)}, got ${indices.shape[0]}`,
      )
    }
    if (!Number.isInteger(size) || size < 1) throw new RangeError(`scatterAdd: size (=${size}) must be at least 1`)
    return { shape: withExtent(slices.shape, axis, size), dtype: 'f32' }
  },
  reference([slices, indices], { axis, size }, shape) {
    const result = new Float64Array(sizeOf(shape))
    const inner = sizeOf(shape.slice(axis + 1))
    forEachSlice(slices.shape, axis, indices.values, size, 'scatterAdd', (slot, slice) => {
      for (let k = 0; k < inner; k++) result[slice * inner + k] += slices.values[slot * inner + k]
    })
    return result
  },
  vjp: (output, gradient, { axis }) => [gather(gradient, output.inputs[1] as Vector, axis), undefined],
  cost: elementwiseCost,
  indices: ({ inputs: [, operand] }, { size }) => ({ operand, limit: size }),
  batch: ofEverything,
}

/**
 * The slices of `x` along `axis` (0 by default) at the given indices, `i32 [M]`, in that order; repeats are allowed.
 * @throws ShapeError when the axis is out of range or the indices are not an i32 vector. An index out of range is a
 * RangeError when the reference evaluates it.
 * @example const samples = gather(images, shuffled) // [60000, …], [128] → [128, …]
 */
export function gather(x: Tensor, indices: Vector, axis = 0): Tensor {
  return apply(gatherOp, [x, indices], { axis: normalizeAxis(axis, x.shape.length, 'gather') })
}

/**
 * A tensor of zeros, `size` long along `axis`, to which slice `k` of `slices` is added at `indices[k]`.
 * @throws ShapeError when the axis is out of range or there is not one index per slice.
 */
export function scatterAdd(slices: Tensor, indices: Vector, axis: number, size: number): Tensor {
  return apply(scatterAddOp, [slices, indices], {
    axis: normalizeAxis(axis, slices.shape.length, 'scatterAdd'),
    size,
  })
}

function checkIndices(indices: Tensor, label: string): void {
  if (indices.dtype !== 'i32' || indices.shape.length !== 1) {
    throw new ShapeError(
      `${label}: indices must be i32 of one axis, got ${indices.dtype} ${formatShape(indices.shape)}`,
    )
  }
}

function withExtent(shape: readonly number[], axis: number, extent: number): number[] {
  return shape.map((old, at) => (at === axis ? extent : old))
}

/** Calls `visit` with the number of each picked slice and with its position in the full tensor, counting outer axes. */
function forEachSlice(
  picked: readonly number[],
  axis: number,
  indices: Float64Array,
  size: number,
  label: string,
  visit: (slot: number, slice: number) => void,
): void {
  for (const index of indices) {
    if (!Number.isInteger(index) || index < 0 || index >= size) {
      throw new RangeError(`${label}: index ${index} is out of range for axis ${axis} of size ${size}`)
    }
  }
  const outer = sizeOf(picked.slice(0, axis))
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < indices.length; k++) visit(o * indices.length + k, o * size + indices[k])
  }
}
