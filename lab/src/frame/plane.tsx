/** The plane of a network of points: what it says everywhere, the points it learns from, and the one that is looked at. */
import { useComputed } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import { fixed } from '../draw/format.ts'
import { paintMap, pixelScale } from '../draw/pixels.ts'
import { Canvas } from '../draw/raster.tsx'
import { mostOf, roundUp } from '../draw/scale.ts'
import type { Lab } from '../state/lab.ts'
import { theme } from '../state/theme.ts'
import { fieldOf, moves, Outline } from './outline.tsx'

/** The logit of class 1 less that of class 0, everywhere: its sign is the answer, zero the border between them. */
export interface Surface {
  readonly values: Float32Array
  readonly most: number
}

/** The surface as it is now. */
export function decisionSurface(lab: Lab): Surface | undefined {
  const [below, above] = classMaps(lab) ?? []
  if (!below || !above) return undefined
  const values = above.map((value, k) => value - below[k]!)
  return { values, most: roundUp(mostOf(values)) }
}

function classMaps(lab: Lab): Float32Array[] | undefined {
  const { plane, classes } = lab.opened.value ?? {}
  const maps = lab.look.value?.layers.at(-1)?.values
  const places = (plane?.side ?? 0) ** 2
  return maps && classes?.map((_, k) => maps.subarray(k * places, (k + 1) * places))
}

/** A coordinate of a byte as the network reads it, from −2 to 2. */
const coordinateOf = (byte: number): number => (byte / 255) * 4 - 2

const clampByte = (value: number): number => Math.max(0, Math.min(255, Math.round(value)))

/** Bytes that an arrow moves the point by. */
const stride = 4

interface PlaneProps {
  readonly lab: Lab
  /** CSS pixels of a cell. */
  readonly cell: number
}

/** The plane; a point can be put anywhere on it. */
export function PlaneProbe({ lab, cell }: PlaneProps) {
  const { plane } = lab.opened.value!
  const side = plane!.side * cell
  const [x = 128, y = 128] = lab.probe.value?.pixels ?? []
  const surface = useComputed(() => decisionSurface(lab))
  const points = useMemo(() => <Points plane={plane!} side={side} />, [plane, side])
  const put = (column: number, row: number): void => {
    lab.showPicture({ pixels: Uint8Array.of(clampByte(column), clampByte(row)), label: undefined, name: 'your point' })
  }
  const putAt = (event: PointerEvent): void => {
    const { left, top } = (event.currentTarget as HTMLElement).getBoundingClientRect()
    put(((event.clientX - left) / side) * 255, (1 - (event.clientY - top) / side) * 255)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const move = moves[event.key]
    if (!move) return
    put(x + move[1] * stride, y - move[0] * stride)
    event.preventDefault()
    event.stopPropagation()
  }
  const field = fieldOf(lab)
  const place = `${fixed(coordinateOf(x), 2)}, ${fixed(coordinateOf(y), 2)}`
  return (
    <div
      class="probe plane"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys
      tabIndex={0}
      aria-label={`Probe, the plane from −2 to 2: ${lab.probe.value?.name} at ${place}. Arrows move the point.`}
      style={{ width: `${side}px`, height: `${side}px` }}
      onPointerDown={event => {
        event.currentTarget.setPointerCapture(event.pointerId)
        putAt(event)
      }}
      onPointerMove={event => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) putAt(event)
      }}
      onKeyDown={onKeyDown}
    >
      <Canvas
        width={plane!.side}
        height={plane!.side}
        cell={cell}
        paint={pixels => paintSurface(pixels, surface.value, plane!.side)}
      />
      {points}
      {field && <Outline {...field} cell={cell} />}
      <i class="point" style={{ left: `${(x / 255) * side}px`, top: `${(1 - y / 255) * side}px` }} />
    </div>
  )
}

function paintSurface(pixels: Uint32Array, surface: Surface | undefined, side: number): void {
  const { values, most } = surface ?? { values: new Float32Array(side * side), most: 0 }
  const map = { values, width: side, height: side }
  paintMap(pixels, { stride: side, left: 0, top: 0, cell: 1 }, map, pixelScale(most, theme.value))
}

/** The points that are trained on. */
function Points(props: {
  readonly plane: { readonly points: Uint8Array; readonly labels: Uint8Array }
  readonly side: number
}) {
  const { plane, side } = props
  const { points, labels } = plane
  return (
    <svg class="points" width={side} height={side} viewBox="0 0 255 255" aria-hidden="true">
      {Array.from(labels, (label, k) => (
        <circle
          key={k}
          class={label === 1 ? 'above' : 'below'}
          cx={points[2 * k]}
          cy={255 - points[2 * k + 1]!}
          r={2.6}
        />
      ))}
    </svg>
  )
}
