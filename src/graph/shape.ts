/**
 * Shapes and the rules that combine them: element counts, row-major strides, broadcasting.
 * Every rule that can fail throws a {@link ShapeError} that carries the values it was given.
 */

/** Sizes of a tensor's axes, outermost first. `[]` is a scalar. Sizes are positive integers. */
export type Shape = readonly number[]

/** Element types. `f32` values and gradients, `i32` labels and indices, `u8` image bytes. */
export type DType = 'f32' | 'i32' | 'u8'

/** Bytes of one element of a type. */
export const bytesPerElement = { f32: 4, i32: 4, u8: 1 } as const satisfies Record<DType, number>

/** Thrown when shapes, types or attributes of an operation do not fit together. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError'
}

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  let size = 1
  for (const extent of shape) size *= extent
  return size
}

/** Bytes of a value's elements. */
export function byteSizeOf({ shape, dtype }: { readonly shape: Shape; readonly dtype: DType }): number {
  return sizeOf(shape) * bytesPerElement[dtype]
}

/** `[8, 1, 28, 28]`, as it appears in messages. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`
}

/** True when both shapes have the same rank and sizes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis])
}

/** Row-major strides in elements: the last axis has stride 1. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride
    stride *= shape[axis]
  }
  return strides
}

/**
 * The shape that all given shapes broadcast to (NumPy's rule: align at the last axis; sizes are equal or 1).
 * @throws ShapeError when two sizes of one axis differ and neither is 1.
 */
export function broadcastShapes(shapes: readonly Shape[], label = 'broadcast'): number[] {
  const rank = Math.max(0, ...shapes.map(shape => shape.length))
  const result = new Array<number>(rank).fill(1)
  for (const shape of shapes) {
    const lead = rank - shape.length
    shape.forEach((extent, axis) => {
      const at = lead + axis
      if (result[at] === 1) result[at] = extent
      else if (extent !== 1 && extent !== result[at]) {
        throw new ShapeError(
          `${label}: shapes ${shapes
            .filter(other => other.length > 0)
            .map(formatShape)
            .join(' and ')} do not broadcast: ` +
            `axis ${at} has sizes ${result[at]} and ${extent} (sizes must be equal, or one of them 1)`,
        )
      }
    })
  }
  return result
}

/**
 * Strides for reading `shape` when it is broadcast to `target`: 0 along every repeated axis.
 * `strides` are those of `shape` in memory (row-major by default); the result has the rank of `target`.
 */
export function broadcastStrides(shape: Shape, target: Shape, strides: readonly number[] = stridesOf(shape)): number[] {
  const lead = target.length - shape.length
  return target.map((_, axis) => (axis < lead || shape[axis - lead] === 1 ? 0 : strides[axis - lead]))
}

/** Axis index as a non-negative number; −1 is the last axis. @throws ShapeError when it is out of range. */
export function normalizeAxis(axis: number, rank: number, label: string): number {
  const positive = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
    throw new ShapeError(`${label}: axis ${axis} is out of range for a tensor of rank ${rank}`)
  }
  return positive
}

/** Checks that a shape holds positive integers only. @throws ShapeError naming the shape. */
export function checkShape(shape: Shape, label: string): void {
  for (const extent of shape) {
    if (!Number.isInteger(extent) || extent <= 0) {
      throw new ShapeError(`${label}: shape ${formatShape(shape)} must hold positive integers`)
    }
  }
}
