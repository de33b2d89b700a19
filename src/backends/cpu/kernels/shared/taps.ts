/**
 * Which taps of a window meet which positions. Small tables hold the geometry of padding, stride and dilation, so that
 * inner loops visit exactly the positions inside the image.
 */
import type { Window2d } from '../../../../graph/window.ts'
import { gcd } from '../../../../plan/place.ts'

/** Taps and positions along one axis: three numbers per output position, and the steps between taps. */
export interface Taps {
  /** `[first tap, first position, count]` per output position. */
  readonly table: readonly (readonly [tap: number, position: number, count: number])[]
  readonly tapStep: number
  readonly positionStep: number
}

/** A table for the kernel: byte offset of the first tap, byte offset of the first position, count. */
export function byteTable({ table }: Taps, tapBytes: number, positionBytes: number): Int32Array {
  return Int32Array.from(table.flatMap(([tap, position, count]) => [tap * tapBytes, position * positionBytes, count]))
}

/** Which elements of a source each position of a result sees. Shapes are `[N, C, H, W]`. */
export interface WindowGeometry {
  /**
   * Whether the result is computed from windows of the source, or is the gradient to the input of such a computation.
   */
  readonly direction: 'forward' | 'inputGradient'
  readonly window: Window2d
  readonly source: readonly number[]
  readonly result: readonly number[]
}

/**
 * Taps along one axis: down (0) or across (1).
 * - `forward`: for each position of the result, the taps inside the source
 * - `inputGradient`: for each position of the result, the taps that lead to a position of the source
 */
export function tapsAlong({ direction, window, source, result }: WindowGeometry, axis: 0 | 1): Taps {
  const outputs = result[2 + axis]
  const inputs = source[2 + axis]
  const kernel = window.kernel[axis]
  const stride = window.stride[axis]
  const dilation = window.dilation[axis]
  const lead = axis === 0 ? window.padding.top : window.padding.left
  const forward = direction === 'forward'
  const divisor = gcd(stride, dilation)
  const table = Array.from({ length: outputs }, (_, at): [number, number, number] => {
    const hits: [tap: number, position: number][] = []
    for (let tap = 0; tap < kernel; tap++) {
      const position = forward ? at * stride + tap * dilation - lead : (at + lead - tap * dilation) / stride
      if (Number.isInteger(position) && position >= 0 && position < inputs) hits.push([tap, position])
    }
    // In order of increasing position.
    const first = forward ? hits[0] : hits[hits.length - 1]
    return first ? [first[0], first[1], hits.length] : [0, 0, 0]
  })
  return {
    table,
    tapStep: forward ? 1 : -stride / divisor,
    positionStep: forward ? dilation : dilation / divisor,
  }
}
