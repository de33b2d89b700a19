/** The rules for windows and the walk over them, shared by maximum and average pooling. */
import { formatShape, type Shape, ShapeError } from '../shape.ts'
import { outputSize, type Window2d } from '../window.ts'

/**
 * Shape `[N, C, H′, W′]` of a pool over `[N, C, H, W]`.
 * @throws ShapeError when the padding exceeds half the (dilated) kernel, as in PyTorch, or a window sees padding only.
 */
export function pooledShape(x: Shape, window: Window2d, label: string): [number, number, number, number] {
  if (x.length !== 4) throw new ShapeError(`${label}: expected an input [N, C, H, W], got ${formatShape(x)}`)
  const { kernel, padding, dilation } = window
  const reach = kernel.map((extent, axis) => dilation[axis] * (extent - 1) + 1)
  const sides = { top: reach[0], bottom: reach[0], left: reach[1], right: reach[1] }
  for (const side of ['top', 'bottom', 'left', 'right'] as const) {
    if (padding[side] * 2 > sides[side]) {
      throw new ShapeError(
        `${label}: padding ${side} (=${padding[side]}) must be at most half the kernel (${kernel.join('×')}` +
          `${dilation[0] === 1 && dilation[1] === 1 ? '' : `, dilation ${dilation.join('×')}`})`,
      )
    }
  }
  const [batch, channels, height, width] = x
  const [rows, columns] = outputSize(window, height, width, label)
  const taps = windowTaps([rows, columns], [height, width], window)
  if (taps.rows.some(list => list.length === 0) || taps.columns.some(list => list.length === 0)) {
    throw new ShapeError(
      `${label}: a window of kernel ${kernel.join('×')} with dilation ${dilation.join('×')} sees only padding ` +
        `(input ${formatShape(x)})`,
    )
  }
  return [batch, channels, rows, columns]
}

/** For every output row (column), the input rows (columns) inside the image that its window covers, increasing. */
export function windowTaps(
  [rows, columns]: readonly [number, number],
  [height, width]: readonly [number, number],
  { kernel, stride, padding, dilation }: Window2d,
): { rows: number[][]; columns: number[][] } {
  const along = (count: number, extent: number, axis: 0 | 1, lead: number): number[][] =>
    Array.from({ length: count }, (_, i) =>
      Array.from({ length: kernel[axis] }, (_, u) => i * stride[axis] + u * dilation[axis] - lead).filter(
        at => at >= 0 && at < extent,
      ),
    )
  return { rows: along(rows, height, 0, padding.top), columns: along(columns, width, 1, padding.left) }
}

/** Calls `visit` for every window of every plane with the flat index of its output and its taps inside the image. */
export function forEachWindow(
  x: Shape,
  y: Shape,
  window: Window2d,
  visit: (output: number, plane: number, rows: readonly number[], columns: readonly number[]) => void,
): void {
  const taps = windowTaps([y[2], y[3]], [x[2], x[3]], window)
  let output = 0
  for (let plane = 0; plane < x[0] * x[1]; plane++) {
    for (const rows of taps.rows) for (const columns of taps.columns) visit(output++, plane, rows, columns)
  }
}
