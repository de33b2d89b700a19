/** Outlines over a picture: what a unit elsewhere sees, and the cell that keys move. */
import { type ImageWindow, windowSeenBy } from '../../../src/inspect/imageWindow.ts'
import type { Lab } from '../state/lab.ts'

/** Keys that move, as rows and columns. */
export const moves: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
}

/** What the cell sees that the pointer is on, or that is chosen. */
export function fieldOf(lab: Lab): ImageWindow | undefined {
  const { layers, shape, plane } = lab.opened.value!
  const { layer, row, column } = lab.hovered.value ?? (lab.screen.value === 'look' ? lab.place.value : undefined) ?? {}
  const field = layers.find(({ path }) => path === layer)?.field
  if (!field || row === undefined || column === undefined) return undefined
  return windowSeenBy(field, [row, column], plane ? [plane.side, plane.side] : shape)
}

/** Rows and columns as a box; `cell` in CSS pixels. */
export function Outline({ top, left, bottom, right, cell }: ImageWindow & { readonly cell: number }) {
  const pixels = (cells: number): string => `${cells * cell}px`
  return (
    <i
      class="outline"
      style={{ top: pixels(top), left: pixels(left), height: pixels(bottom - top), width: pixels(right - left) }}
    />
  )
}

/** One cell as a window. */
export const cellAt = (row: number, column: number): ImageWindow => ({
  top: row,
  left: column,
  bottom: row + 1,
  right: column + 1,
})
