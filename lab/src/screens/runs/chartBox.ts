/** Where a chart draws: from numbers to pixels and back. */
import type { Span } from './shape.ts'

/** The box of a chart and what it shows. */
export interface ChartBox {
  /** CSS pixels. */
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
  /** Places at its left and right end. */
  readonly x: Span
  /** Values at its bottom and top. */
  readonly y: Span
  readonly isLog: boolean
}

export const xOf = ({ left, right, x: [from, to] }: ChartBox, place: number): number =>
  left + ((place - from) / (to - from)) * (right - left)

/** The place under a pixel, within the ends. */
export function placeAt({ left, right, x: [from, to] }: ChartBox, pixel: number): number {
  const share = (pixel - left) / (right - left)
  return from + Math.max(0, Math.min(1, share)) * (to - from)
}

/** The height of a value, held within the box. */
export function yOf({ top, bottom, y, isLog }: ChartBox, value: number): number {
  const scale = (number: number): number => (isLog ? Math.log10(Math.max(number, 1e-30)) : number)
  const [low, high] = [scale(y[0]), scale(y[1])]
  const share = (scale(value) - low) / (high - low)
  return bottom - Math.max(0, Math.min(1, share)) * (bottom - top)
}
