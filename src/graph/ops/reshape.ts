/** The same elements in row-major order under another shape. */
import { eachWhere } from '../batch.ts'
import { apply, elementwiseCost, type Op } from '../op.ts'
import { checkShape, formatShape, normalizeAxis, type Shape, ShapeError, sameShape, sizeOf } from '../shape.ts'
import type { Matrix, Tensor } from '../tensor.ts'

/** Attributes of `reshape`. */
export interface ReshapeAttributes {
  readonly shape: Shape
}

/** The rank of a shape without its sizes, since −1 is a placeholder for a size. */
type SizesOf<S extends Shape> = { readonly [axis in keyof S]: number }

/** Keeps the element type. */
export const reshapeOp: Op<ReshapeAttributes> = {
  name: 'reshape',
  shape([x], { shape }) {
    checkShape(shape, 'reshape')
    if (sizeOf(shape) !== sizeOf(x.shape)) {
      throw new ShapeError(
        `reshape: ${formatShape(x.shape)} holds ${sizeOf(x.shape)} elements, ${formatShape(shape)} needs ${sizeOf(shape)}`,
      )
    }
    return { shape, dtype: x.dtype }
  },
  reference: ([x]) => x.values.slice(),
  vjp: (output, gradient) => {
    const [x] = output.inputs
    return [x.dtype === 'f32' ? reshape(gradient, x.shape) : undefined]
  },
  cost: elementwiseCost,
  batch: eachWhere((x, _, output) => output.shape[0] === x.shape[0]),
}

/**
 * Gives `x` another shape; one size may be −1 and is then inferred.
 * @throws ShapeError when the element counts differ, or more than one size is −1.
 * @example const rows = reshape(x, [8, -1])
 */
export function reshape<const S extends Shape>(x: Tensor, shape: S): Tensor<SizesOf<S>> {
  const complete = complement(x.shape, shape)
  if (sameShape(complete, x.shape)) return x as Tensor<SizesOf<S>>
  return apply(reshapeOp, [x], { shape: complete }) as Tensor<SizesOf<S>>
}

/**
 * Joins `startAxis` (1 by default) and all later axes into one: `[N, C, H, W] → [N, C·H·W]`.
 * @throws ShapeError when the axis is out of range.
 */
export function flatten(x: Tensor, startAxis?: 1): Matrix
export function flatten(x: Tensor, startAxis: number): Tensor
export function flatten(x: Tensor, startAxis = 1): Tensor {
  const from = normalizeAxis(startAxis, x.shape.length, 'flatten')
  return reshape(x, [...x.shape.slice(0, from), sizeOf(x.shape.slice(from))])
}

function complement(from: Shape, to: Shape): Shape {
  const open = to.filter(extent => extent === -1).length
  if (open === 0) return to
  const known = to.reduce((product, extent) => (extent === -1 ? product : product * extent), 1)
  if (open > 1) throw new ShapeError(`reshape: ${formatShape(to)} leaves more than one size open (-1)`)
  if (sizeOf(from) % known !== 0) {
    throw new ShapeError(
      `reshape: ${formatShape(from)} holds ${sizeOf(from)} elements, which the sizes of ${formatShape(to)} do not divide`,
    )
  }
  return to.map(extent => (extent === -1 ? sizeOf(from) / known : extent))
}
