/** Indices into row-major values, as `u32` expressions of WGSL. All sizes are constants, so drivers divide cheaply. */
import { broadcastStrides, type Shape, sameShape, sizeOf, stridesOf } from '../../../graph/shape.ts'

/** Axes of equal meaning: sizes, and strides in memory. */
export interface Axes {
  readonly sizes: readonly number[]
  readonly strides: readonly number[]
}

/** An unsigned constant. */
export const unsigned = (value: number): string => `${value}u`

/** Coordinate of one axis: `(i / stride) % size`. */
export function coordinate(i: string, size: number, stride: number, total = Number.POSITIVE_INFINITY): string {
  if (size === 1) return '0u'
  const quotient = stride === 1 ? i : `(${i} / ${stride}u)`
  // The outermost axis has no remainder to take.
  return size * stride === total ? quotient : `(${quotient} % ${size}u)`
}

/** Memory index of the element whose number among the elements of the axes, taken row by row, is `i`. */
export function stridedIndex(i: string, { sizes, strides }: Axes): string {
  const merged = mergeAxes({ sizes, strides })
  const rows = stridesOf(merged.sizes)
  const total = sizeOf(merged.sizes)
  const terms = merged.sizes.flatMap((size, axis) => {
    const stride = merged.strides[axis]
    if (size === 1 || stride === 0) return []
    const at = coordinate(i, size, rows[axis], total)
    return [stride === 1 ? at : `${at} * ${stride}u`]
  })
  return terms.length === 0 ? '0u' : terms.join(' + ')
}

/** Joins neighboring axes that are one axis in memory, and drops axes of size 1. */
export function mergeAxes({ sizes, strides }: Axes): Axes {
  const merged: { sizes: number[]; strides: number[] } = { sizes: [], strides: [] }
  sizes.forEach((size, axis) => {
    if (size === 1) return
    const last = merged.sizes.length - 1
    if (last >= 0 && merged.strides[last] === strides[axis] * size) {
      merged.sizes[last] *= size
      merged.strides[last] = strides[axis]
    } else {
      merged.sizes.push(size)
      merged.strides.push(strides[axis])
    }
  })
  return merged
}

/** Index into a value of shape `own`, broadcast to `shape`, at element `i` of `shape`. */
export function broadcastIndex(own: Shape, shape: Shape, i: string): string {
  if (sameShape(own, shape)) return i
  return stridedIndex(i, { sizes: shape, strides: broadcastStrides(own, shape) })
}

/** Statements that declare the coordinates of element `i` of a shape, as `i32`. */
export function declareCoordinates(shape: Shape, i: string, names: readonly string[]): string {
  const strides = stridesOf(shape)
  const total = sizeOf(shape)
  return shape.map((size, axis) => `let ${names[axis]} = i32(${coordinate(i, size, strides[axis], total)});`).join(' ')
}
