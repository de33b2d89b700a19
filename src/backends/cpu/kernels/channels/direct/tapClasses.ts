/**
 * The geometry of a convolution, forward and backward, as plain correlations of stride 1 or more:
 *
 *   result[origin + t · step] = Σ over taps of source[t · advance + shift] · w[tap]
 *
 * Forward, there is one class of positions. The input gradient of a strided convolution splits into one class per
 * remainder of the position modulo the stride. Each class sees its own taps; every tap belongs to exactly one class.
 */
import type { Window2d } from '../../../../../graph/window.ts'

type Pair = readonly [vertical: number, horizontal: number]

/** A tap of the kernel: how far its position is from the first, and its index u · KW + v in the weights. */
export interface Tap {
  readonly shift: Pair
  readonly index: number
}

/** Positions of the result that see the same taps. */
export interface TapClass {
  readonly origin: Pair
  readonly step: Pair
  /** Number of positions. */
  readonly grid: Pair
  readonly advance: Pair
  readonly taps: readonly Tap[]
}

/** The classes of a correlation over a source of given rows and columns. */
export function tapClasses(
  direction: 'forward' | 'inputGradient',
  { kernel, stride, dilation, padding }: Window2d,
  result: Pair,
): TapClass[] {
  const lead: Pair = [padding.top, padding.left]
  const taps = Array.from({ length: kernel[0] * kernel[1] }, (_, index) => ({
    index,
    at: [Math.floor(index / kernel[1]), index % kernel[1]] as const,
  }))
  if (direction === 'forward') {
    const shifted = taps.map(({ index, at }) => ({ index, shift: both(a => at[a] * dilation[a] - lead[a]) }))
    return [{ origin: [0, 0], step: [1, 1], grid: result, advance: stride, taps: shifted }]
  }
  const classes: TapClass[] = []
  for (let row = 0; row < Math.min(stride[0], result[0]); row++) {
    for (let column = 0; column < Math.min(stride[1], result[1]); column++) {
      const origin: Pair = [row, column]
      const shifted = taps
        .map(({ index, at }) => ({ index, shift: both(a => (origin[a] + lead[a] - at[a] * dilation[a]) / stride[a]) }))
        .filter(({ shift }) => shift.every(Number.isInteger))
        // In the order of the source, so that neighboring taps read neighboring positions.
        .reverse()
      const grid = both(a => Math.ceil((result[a] - origin[a]) / stride[a]))
      classes.push({ origin, step: stride, grid, advance: [1, 1], taps: shifted })
    }
  }
  return classes
}

/** Whether some tap of a class falls outside a source of `size` positions along an axis. */
export function leaves({ grid, advance, taps }: TapClass, axis: 0 | 1, size: number): boolean {
  const last = (grid[axis] - 1) * advance[axis]
  return taps.some(({ shift }) => shift[axis] < 0 || last + shift[axis] >= size)
}

/** Taps in the order in which kernels visit them and weights are packed. */
export function tapOrder(classes: readonly TapClass[]): number[] {
  return classes.flatMap(({ taps }) => taps.map(({ index }) => index))
}

/** Neighboring taps of one row whose positions are contiguous in memory. */
export interface Run {
  readonly shift: Pair
  readonly taps: number
}

/** The taps of a class as runs; each tap is a run when columns must be checked or channels do not fill the pixels. */
export function runsOf({ taps }: TapClass, mergeable: boolean): Run[] {
  const runs: Run[] = []
  for (const { shift } of taps) {
    const last = runs[runs.length - 1]
    if (mergeable && last && last.shift[0] === shift[0] && last.shift[1] + last.taps === shift[1]) {
      runs[runs.length - 1] = { ...last, taps: last.taps + 1 }
    } else runs.push({ shift, taps: 1 })
  }
  return runs
}

const both = (along: (axis: 0 | 1) => number): Pair => [along(0), along(1)]
