/** A strided slice of a tensor: along every axis from `start` up to, but not including, `end`. */
import { eachWhere } from '../batch.ts'
import { apply, type Op } from '../op.ts'
import { byteSizeOf, formatShape, normalizeAxis, ShapeError, sameShape, sizeOf, stridesOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { pad } from './pad.ts'

/** Attributes of `slice`, one entry per axis: whole numbers with 0 ≤ start < end ≤ size and step ≥ 1. */
export interface SliceAttributes {
  readonly starts: readonly number[]
  /** One past the last element taken. */
  readonly ends: readonly number[]
  readonly steps: readonly number[]
}

/** Keeps the element type. */
export const sliceOp: Op<SliceAttributes> = {
  name: 'slice',
  shape([x], { starts, ends, steps }) {
    for (const [name, list] of Object.entries({ starts, ends, steps })) {
      if (list.length !== x.shape.length) {
        throw new ShapeError(
          `slice: ${name} [${list.join(', ')}] must have one entry per axis of ${formatShape(x.shape)}`,
        )
      }
    }
    const shape = x.shape.map((extent, axis) => {
      const [start, end, step] = [starts[axis], ends[axis], steps[axis]]
      const whole = Number.isInteger(start) && Number.isInteger(end) && Number.isInteger(step)
      if (!whole || start < 0 || start >= end || end > extent || step < 1) {
        throw new ShapeError(
          `slice: axis ${axis}: start ${start}, end ${end}, step ${step} must satisfy ` +
            `0 ≤ start < end ≤ ${extent} and step ≥ 1 (input ${formatShape(x.shape)})`,
        )
      }
      return Math.ceil((end - start) / step)
    })
    return { shape, dtype: x.dtype }
  },
  reference([x], { starts, steps }, shape) {
    const from = stridesOf(x.shape)
    const target = stridesOf(shape)
    return Float64Array.from({ length: sizeOf(shape) }, (_, position) => {
      let at = 0
      for (let axis = 0; axis < shape.length; axis++) {
        const index = Math.floor(position / target[axis]) % shape[axis]
        at += (starts[axis] + index * steps[axis]) * from[axis]
      }
      return x.values[at]
    })
  },
  // Every element goes back to its old position; elements that were not taken get zero.
  vjp(output, gradient, { starts, steps }) {
    const [x] = output.inputs
    if (x.dtype !== 'f32') return [undefined]
    const last = starts.map((start, axis) => start + (output.shape[axis] - 1) * steps[axis])
    return [
      pad(gradient, {
        before: starts,
        after: last.map((at, axis) => x.shape[axis] - 1 - at),
        interior: steps.map(step => step - 1),
      }),
    ]
  },
  cost: output => ({ multiplyAdds: 0, bytes: 2 * byteSizeOf(output) }),
  batch: eachWhere((x, { starts, ends, steps }) => starts[0] === 0 && steps[0] === 1 && ends[0] === x.shape[0]),
}

/**
 * The elements `starts[a], starts[a] + steps[a], …` before `ends[a]` along every axis `a`. Negative starts and ends
 * count from the end of the axis; steps are 1 by default.
 * @throws ShapeError when a list does not have one entry per axis, or a range is empty or leaves the tensor.
 * @example const center = slice(image, [0, 0, 2, 2], [1, 3, 30, 30])
 */
export function slice(
  x: Tensor,
  starts: readonly number[],
  ends: readonly number[],
  steps: readonly number[] = starts.map(() => 1),
): Tensor {
  const fromEnd = (list: readonly number[]): number[] =>
    list.map((at, axis) => (at < 0 ? at + (x.shape[axis] ?? 0) : at))
  const from = fromEnd(starts)
  const result = apply(sliceOp, [x], { starts: from, ends: fromEnd(ends), steps })
  if (sameShape(result.shape, x.shape)) return x
  // The end is right after the last element taken, so that equal slices have equal attributes.
  const tight = from.map((start, axis) => start + (result.shape[axis] - 1) * steps[axis] + 1)
  return apply(sliceOp, [x], { starts: from, ends: tight, steps })
}

/**
 * A {@link slice} along one axis, by default to its end; other axes are kept whole.
 * @throws ShapeError as {@link slice}.
 */
export function sliceAxis(x: Tensor, axis: number, start: number, end?: number, step = 1): Tensor {
  const along = normalizeAxis(axis, x.shape.length, 'slice')
  const replace = (values: readonly number[], value: number): number[] =>
    values.map((old, at) => (at === along ? value : old))
  const zeros = x.shape.map(() => 0)
  return slice(
    x,
    replace(zeros, start),
    replace(x.shape, end ?? x.shape[along]),
    replace(
      x.shape.map(() => 1),
      step,
    ),
  )
}
