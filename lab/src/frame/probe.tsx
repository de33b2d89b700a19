/** The probe: the picture, to be drawn on by pointer or keys, with the part outlined that a unit elsewhere sees. */
import { useSignal } from '@preact/signals'
import { Picture } from '../draw/raster.tsx'
import type { Lab } from '../state/lab.ts'
import { cellAt, fieldOf, moves, Outline } from './outline.tsx'
import { PlaneProbe } from './plane.tsx'

/** Side of the probe, CSS pixels. */
const side = 168

/** What is looked at: a picture, or a point on its plane. */
export function Probe({ lab }: { readonly lab: Lab }) {
  const { plane } = lab.opened.value ?? {}
  return plane ? <PlaneProbe lab={lab} cell={Math.floor(side / plane.side)} /> : <ProbeCanvas lab={lab} />
}

/** The picture with its outlines. */
function ProbeCanvas({ lab }: { readonly lab: Lab }) {
  const cursor = useSignal<{ row: number; column: number } | undefined>(undefined)
  const probe = lab.probe.value
  const shape = lab.opened.value?.shape
  if (!probe || !shape) return <div class="probe" />
  const [rows, columns, channels] = shape
  // Larger pictures are shown smaller.
  const most = Math.max(rows, columns)
  const cell = most > side ? side / most : Math.floor(side / columns)

  const paintAt = (row: number, column: number): void => {
    const pixels = probe.pixels.slice()
    for (const [y, x, strength] of stroke(row, column)) {
      if (y < 0 || x < 0 || y >= rows || x >= columns) continue
      for (let channel = 0; channel < channels; channel++) {
        const at = (y * columns + x) * channels + channel
        const now = pixels[at]!
        pixels[at] = lab.brush.value === 'draw' ? Math.max(now, 255 * strength) : Math.min(now, 255 * (1 - strength))
      }
    }
    const name = probe.index === undefined ? probe.name : `test image ${probe.index}, changed`
    lab.showPicture({ pixels, label: probe.label, name })
  }
  const placeOf = (event: PointerEvent): readonly [number, number] => {
    const { left, top } = (event.currentTarget as HTMLElement).getBoundingClientRect()
    return [Math.floor((event.clientY - top) / cell), Math.floor((event.clientX - left) / cell)]
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const { row, column } = cursor.value ?? { row: rows >> 1, column: columns >> 1 }
    const move = moves[event.key]
    if (move) {
      const inside = (at: number, size: number): number => Math.max(0, Math.min(size - 1, at))
      cursor.value = { row: inside(row + move[0], rows), column: inside(column + move[1], columns) }
    } else if (event.key === ' ') paintAt(row, column)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  const field = fieldOf(lab)
  return (
    <div
      class="probe"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys
      tabIndex={0}
      aria-label={`Probe, ${rows} by ${columns} pixels: ${probe.name}. Arrows move, space paints.`}
      style={{ width: `${columns * cell}px`, height: `${rows * cell}px` }}
      onPointerDown={event => {
        event.currentTarget.setPointerCapture(event.pointerId)
        paintAt(...placeOf(event))
      }}
      onPointerMove={event => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) paintAt(...placeOf(event))
      }}
      onKeyDown={onKeyDown}
      onFocus={() => {
        cursor.value ??= { row: rows >> 1, column: columns >> 1 }
      }}
      onBlur={() => {
        cursor.value = undefined
      }}
    >
      <Picture pixels={probe.pixels} width={columns} height={rows} cell={cell} />
      {field && <Outline {...field} cell={cell} />}
      {cursor.value && <Outline {...cellAt(cursor.value.row, cursor.value.column)} cell={cell} />}
    </div>
  )
}

/** Pixels of a stroke of a pen of a little more than one pixel, with their strength. */
function stroke(row: number, column: number): [number, number, number][] {
  const near: [number, number, number][] = []
  for (let y = -1; y <= 1; y++) {
    for (let x = -1; x <= 1; x++)
      near.push([row + y, column + x, y === 0 && x === 0 ? 1 : y === 0 || x === 0 ? 0.7 : 0.25])
  }
  return near
}
