/**
 * Padding with a number: before and after each axis, and between its elements (XLA's interior padding). A strided slice
 * recovers the input, so each is the other's gradient.
 */
import { eachWhere } from '../batch.ts'
import { apply, elementwiseCost, type Op } from '../op.ts'
import { formatShape, ShapeError, sizeOf, stridesOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { slice } from './slice.ts'

/** Attributes of `pad`, with one whole number ≥ 0 per axis. */
export interface PadAttributes {
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** Elements inserted between each two neighbors. */
  readonly interior: readonly number[]
  /** The number that is inserted. */
  readonly value: number
}

/** For `f32` only. */
export const padOp: Op<PadAttributes> = {
  name: 'pad',
  shape([x], { before, after, interior, value }) {
    if (typeof value !== 'number') throw new ShapeError(`pad: value (=${value}) must be a number`)
    if (x.dtype !== 'f32') throw new ShapeError(`pad: expected an f32 tensor, got ${x.dtype}`)
    for (const [name, list] of Object.entries({ before, after, interior })) {
      if (list.length !== x.shape.length || !list.every(amount => Number.isInteger(amount) && amount >= 0)) {
        throw new ShapeError(
          `pad: ${name} [${list.join(', ')}] must hold one whole number ≥ 0 per axis of ${formatShape(x.shape)}`,
        )
      }
    }
    const shape = x.shape.map((extent, axis) => before[axis] + extent + (extent - 1) * interior[axis] + after[axis])
    return { shape, dtype: 'f32' }
  },
  reference([x], { before, interior, value }, shape) {
    const result = new Float64Array(sizeOf(shape)).fill(value)
    const from = stridesOf(x.shape)
    const target = stridesOf(shape)
    x.values.forEach((element, position) => {
      let at = 0
      for (let axis = 0; axis < shape.length; axis++) {
        const index = Math.floor(position / from[axis]) % x.shape[axis]
        at += (before[axis] + index * (interior[axis] + 1)) * target[axis]
      }
      result[at] = element
    })
    return result
  },
  vjp(output, gradient, { before, interior }) {
    const extents = output.inputs[0].shape
    const steps = interior.map(amount => amount + 1)
    const ends = before.map((start, axis) => start + (extents[axis] - 1) * steps[axis] + 1)
    return [slice(gradient, before, ends, steps)]
  },
  cost: elementwiseCost,
  batch: eachWhere((_, { before, after, interior }) => before[0] === 0 && after[0] === 0 && interior[0] === 0),
}

/** Options of {@link pad}: lists hold one whole number ≥ 0 per axis, zeros by default. */
export interface PadOptions {
  readonly before?: readonly number[]
  readonly after?: readonly number[]
  /** Elements inserted between each two neighbors. */
  readonly interior?: readonly number[]
  /** 0 by default. */
  readonly value?: number
}

/**
 * Surrounds and spaces out a tensor with a number.
 * @throws ShapeError when a list does not hold one whole number ≥ 0 per axis, or `x` is not f32.
 * @example const framed = pad(x, { before: [0, 0, 2, 2], after: [0, 0, 2, 2] })
 */
export function pad(x: Tensor, options: PadOptions): Tensor {
  const none = x.shape.map(() => 0)
  const { before = none, after = none, interior = none, value = 0 } = options
  const result = apply(padOp, [x], { before, after, interior, value })
  return sizeOf(result.shape) === sizeOf(x.shape) ? x : result
}
