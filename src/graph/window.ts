/**
 * The geometry of a sliding window: kernel, stride, padding and dilation of convolutions and pools.
 * One output size rule serves both: ⌊(size + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1.
 */
import { ShapeError } from './shape.ts'

/** A number for both axes, or `[vertical, horizontal]`. */
export type Pair = number | readonly [number, number]

/** Rows or columns of zeros added on each side. */
export interface Padding {
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

/** A window as users specify it. */
export interface WindowOptions {
  readonly kernel: Pair
  /** 1 by default. */
  readonly stride?: Pair
  /** 0 by default: a number, `[vertical, horizontal]`, or each side by name. */
  readonly padding?: Pair | Padding
  /** 1 by default. */
  readonly dilation?: Pair
}

/** A complete window: `[vertical, horizontal]` everywhere. */
export interface Window2d {
  readonly kernel: readonly [number, number]
  readonly stride: readonly [number, number]
  readonly padding: Padding
  readonly dilation: readonly [number, number]
}

const pair = (value: Pair): readonly [number, number] => (typeof value === 'number' ? [value, value] : value)

/** Fills in the defaults. @throws RangeError when a number is not whole or out of its range. */
export function windowOf({ kernel, stride = 1, padding = 0, dilation = 1 }: WindowOptions): Window2d {
  const sides = typeof padding === 'object' && 'top' in padding ? padding : padOf(pair(padding))
  const window = { kernel: pair(kernel), stride: pair(stride), padding: sides, dilation: pair(dilation) }
  checkWindow(window)
  return window
}

/** @throws RangeError when a number is not whole or out of its range: a window may come from a file. */
function checkWindow({ kernel, stride, dilation, padding: { top, bottom, left, right } }: Window2d): void {
  const whole = (name: string, values: readonly number[], least: number): void => {
    if (values.length > 1 && values.every(value => Number.isInteger(value) && value >= least)) return
    throw new RangeError(`window: ${name} (=${values.join(', ')}) must be whole numbers ≥ ${least}`)
  }
  whole('kernel', kernel, 1)
  whole('stride', stride, 1)
  whole('dilation', dilation, 1)
  whole('padding', [top, bottom, left, right], 0)
}

const padOf = ([vertical, horizontal]: readonly [number, number]): Padding => ({
  top: vertical,
  bottom: vertical,
  left: horizontal,
  right: horizontal,
})

/**
 * Output rows and columns of a window over an image of `height` × `width`, by the floor rule.
 * @throws ShapeError when the window is larger than the padded image; RangeError when it is none.
 */
export function outputSize(window: Window2d, height: number, width: number, label: string): [number, number] {
  checkWindow(window)
  const { kernel, stride, padding, dilation } = window
  const along = (axis: 0 | 1, size: number, pad: number): number => {
    const reach = dilation[axis] * (kernel[axis] - 1) + 1
    const result = Math.floor((size + pad - reach) / stride[axis]) + 1
    if (result < 1) {
      throw new ShapeError(
        `${label}: kernel ${kernel.join('×')} with dilation ${dilation.join('×')} is larger than the padded input ` +
          `${height + padding.top + padding.bottom}×${width + padding.left + padding.right}`,
      )
    }
    return result
  }
  return [along(0, height, padding.top + padding.bottom), along(1, width, padding.left + padding.right)]
}

/**
 * Rows and columns at the end that no window covers, because the stride does not divide evenly (lecture 1: 7×7 with a
 * 3×3 kernel at stride 3 "doesn't fit": 2.33). Zero when everything is covered.
 */
export function uncovered(window: Window2d, height: number, width: number): [number, number] {
  const { kernel, stride, padding, dilation } = window
  const along = (axis: 0 | 1, size: number): number => (size - (dilation[axis] * (kernel[axis] - 1) + 1)) % stride[axis]
  return [along(0, height + padding.top + padding.bottom), along(1, width + padding.left + padding.right)]
}
