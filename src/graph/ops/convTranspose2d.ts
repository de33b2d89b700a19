/**
 * Transposed convolution, built from the input gradient of a convolution: every input element adds its multiple of the
 * kernel to the output, `stride` apart, and overlapping parts add up.
 */
import { apply } from '../op.ts'
import { formatShape, ShapeError } from '../shape.ts'
import type { Volume } from '../tensor.ts'
import { type Pair, windowOf } from '../window.ts'
import { type Conv2dOptions, conv2dInputGradientOp } from './conv2d.ts'
import { pad } from './pad.ts'

/** Options of {@link convTranspose2d}; the geometry is that of the convolution whose transpose it is. */
export interface ConvTranspose2dOptions extends Conv2dOptions {
  /** Rows and columns added at the bottom and right, 0 by default; the convolution maps several sizes to one. */
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
  const { kernel, stride, dilation } = window
  const extra = typeof outputPadding === 'number' ? [outputPadding, outputPadding] : outputPadding
  const along = (axis: 0 | 1, sides: readonly [number, number]): Side => {
    const added = extra[axis]
    if (!Number.isInteger(added) || added < 0 || added >= Math.max(stride[axis], dilation[axis])) {
      throw new ShapeError(
        `convTranspose2d: outputPadding (=${extra.join(', ')}) must be whole numbers ≥ 0, smaller than the stride ` +
          `(${stride.join(', ')}) or dilation (${dilation.join(', ')})`,
      )
    }
    const laid = (x.shape[axis + 2] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1
    return outputSide(laid - sides[0], sides[1], added, stride[axis])
  }
  const { top, bottom, left, right } = window.padding
  const [rows, columns] = [along(0, [top, bottom]), along(1, [left, right])]
  const [height, width] = [rows, columns].map(({ size, zeros }) => size + zeros)
  if (height < 1 || width < 1) {
    throw new ShapeError(`convTranspose2d: the output of ${formatShape(x.shape)} would be ${height}×${width}`)
  }
  const shape = [x.shape[0], w.shape[1] * groups, rows.size, columns.size] as const
  const padding = { top, bottom: rows.cut, left, right: columns.cut }
  const y = apply(conv2dInputGradientOp, [x, w], { ...window, padding, groups, shape })
  return pad(y, { after: [0, 0, rows.zeros, columns.zeros] }) as Volume
}

/** The end of one axis of the output. */
interface Side {
  /** Extent that the convolution maps to the extent of the input. */
  readonly size: number
  /** Positions cut off. */
  readonly cut: number
  /** Zeros appended, which would change the output size of that convolution. */
  readonly zeros: number
}

/**
 * Output padding first restores what the padding cuts off, then adds positions that no window of the convolution
 * reaches (fewer than its stride). The remaining positions are zeros.
 */
function outputSide(extent: number, padding: number, added: number, stride: number): Side {
  const cut = Math.max(0, padding - added)
  const unreached = added - (padding - cut)
  const within = Math.min(unreached, stride - 1)
  return { size: extent - cut + within, cut, zeros: unreached - within }
}
