/** Geometry that the pooling layers share: rounding sizes up, counting what a window covers, and PyTorch's bins. */
import type { Padding, Window2d } from '../graph/window.ts'

/**
 * The padding with which the floor rule gives the size of the ceil rule: it adds the rows and columns that the last
 * windows need at the bottom and right. As in PyTorch, a window that would begin beyond the image and its first padding
 * is left out.
 */
export function ceilPadding(window: Window2d, height: number, width: number): Padding {
  const { kernel, stride, padding, dilation } = window
  const extended = (axis: 0 | 1, size: number, before: number, after: number): number => {
    const reach = dilation[axis] * (kernel[axis] - 1) + 1
    const rest = size + before + after - reach
    let count = Math.ceil(rest / stride[axis]) + 1
    if ((count - 1) * stride[axis] >= size + before) count--
    return Math.max(after, (count - 1) * stride[axis] + reach - size - before)
  }
  const { top, bottom, left, right } = padding
  return { top, left, bottom: extended(0, height, top, bottom), right: extended(1, width, left, right) }
}

/** True when each side of a padding is at most half the window, which the pools require. */
export function isWithinHalf({ kernel, dilation }: Window2d, { top, bottom, left, right }: Padding): boolean {
  const reach = (axis: 0 | 1): number => dilation[axis] * (kernel[axis] - 1) + 1
  return 2 * Math.max(top, bottom) <= reach(0) && 2 * Math.max(left, right) <= reach(1)
}

/**
 * Number of elements that each window covers, row by row: those of the image and, with `countPadding`, of the window's
 * own padding, but never of what the ceil rule adds.
 */
export function coveredCounts(
  { kernel, stride, padding }: Window2d,
  input: readonly number[],
  output: readonly number[],
  countPadding: boolean,
): number[] {
  const along = (axis: 0 | 1, before: number, after: number): number[] =>
    Array.from({ length: output[axis + 2] }, (_, i) => {
      const start = i * stride[axis] - before
      const low = countPadding ? start : Math.max(start, 0)
      return Math.min(start + kernel[axis], input[axis + 2] + (countPadding ? after : 0)) - low
    })
  const rows = along(0, padding.top, padding.bottom)
  const columns = along(1, padding.left, padding.right)
  return rows.flatMap(row => columns.map(column => row * column))
}

/**
 * The bins of an adaptive pool along one axis: bin i holds the elements from `starts[i]` up to, but without, `ends[i]`.
 */
export interface Bins {
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

/** PyTorch's rule: bin i reaches from ⌊i · size / count⌋ to ⌈(i + 1) · size / count⌉. */
export function adaptiveBins(size: number, count: number): Bins {
  const bins = Array.from({ length: count }, (_, i) => i)
  return {
    starts: bins.map(i => Math.floor((i * size) / count)),
    ends: bins.map(i => Math.ceil(((i + 1) * size) / count)),
  }
}

/** Kernel and stride of bins that are all of one size and one distance apart; undefined for others. */
export function regularBins({ starts, ends }: Bins): { kernel: number; stride: number } | undefined {
  const kernel = ends[0] - starts[0]
  const stride = starts.length > 1 ? starts[1] - starts[0] : kernel
  const regular = starts.every((start, i) => start === i * stride && ends[i] - start === kernel)
  return regular && stride > 0 ? { kernel, stride } : undefined
}
