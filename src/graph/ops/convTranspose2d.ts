/**
 * Transposed convolution, composed of the input gradient of a convolution: every input element lays its multiple of the
 * kernel onto the output, `stride` apart, and overlapping parts add up.
 */
import { apply } from '../op.ts'
import { formatShape, ShapeError } from '../shape.ts'
import type { Volume } from '../tensor.ts'
import { type Pair, windowOf } from '../window.ts'
import { type Conv2dOptions, conv2dInputGradientOp } from './conv2d.ts'

/** Options of {@link convTranspose2d}; the geometry is that of the convolution whose transpose it is. */
export interface ConvTranspose2dOptions extends Conv2dOptions {
  /** Rows and columns added at the bottom and right, 0 by default: sizes that the same convolution takes to one size. */
  readonly outputPadding?: Pair
}

/**
 * Transposed convolution `[N, C, H, W] × [C, O/groups, KH, KW] → [N, O, H′, W′]`, without bias,
 * H′ = (H − 1)·stride − padding + dilation·(KH − 1) + outputPadding + 1.
 * @throws ShapeError when channels, groups or geometry do not fit.
 * @example const y = convTranspose2d(x, w, { stride: 2, padding: 1, outputPadding: 1 }) // twice the size, KH = KW = 3
 */
export function convTranspose2d(x: Volume, w: Volume, options: ConvTranspose2dOptions = {}): Volume {
  const { groups = 1, outputPadding = 0, ...rest } = options
  if (x.shape.length !== 4 || w.shape.length !== 4 || x.shape[1] !== w.shape[0]) {
    throw new ShapeError(
      `convTranspose2d: expected input [N, C, H, W] and weights [C, O/groups, KH, KW], got ${formatShape(x.shape)} and ${formatShape(w.shape)}`,
    )
  }
  if (!Number.isInteger(groups) || groups < 1 || x.shape[1] % groups !== 0) {
    throw new ShapeError(`convTranspose2d: input channels (=${x.shape[1]}) must be divisible by groups (=${groups})`)
  }
  const window = windowOf({ ...rest, kernel: [w.shape[2], w.shape[3]] })
  const { kernel, stride, padding, dilation } = window
  const extra = typeof outputPadding === 'number' ? [outputPadding, outputPadding] : outputPadding
  const sides = [padding.top + padding.bottom, padding.left + padding.right]
  const [height, width] = kernel.map((extent, axis) => {
    const added = extra[axis]
    if (!Number.isInteger(added) || added < 0 || added >= Math.max(stride[axis], dilation[axis])) {
      throw new ShapeError(
        `convTranspose2d: outputPadding (=${extra.join(', ')}) must be whole numbers ≥ 0, smaller than the stride ` +
          `(${stride.join(', ')}) or dilation (${dilation.join(', ')})`,
      )
    }
    return (x.shape[axis + 2] - 1) * stride[axis] - sides[axis] + dilation[axis] * (extent - 1) + added + 1
  })
  if (height < 1 || width < 1) {
    throw new ShapeError(`convTranspose2d: the output of ${formatShape(x.shape)} would be ${height}×${width}`)
  }
  const shape = [x.shape[0], w.shape[1] * groups, height, width] as const
  return apply(conv2dInputGradientOp, [x, w], { ...window, groups, shape }) as Volume
}
