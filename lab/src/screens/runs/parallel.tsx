/** A search as parallel coordinates (Inselberg 1985): a line for each trial, through its place on each axis. An axis is brushed by a drag, or by the two ends of its brush and keys. */
import { useSignal } from '@preact/signals'
import { useCallback } from 'preact/hooks'
import { useSize } from '../../draw/size.ts'
import { BrushEnds } from './brushEnds.tsx'
import { placeAtShare, type SearchAxis, type SearchTrial, shareOf, trialNear } from './searchAxes.ts'
import { searchTicks } from './searchTicks.ts'
import type { Span } from './shape.ts'
import type { Runs } from './state.ts'
import { TrialsCanvas } from './trialsCanvas.tsx'

/** Where the axes begin and end, CSS pixels. */
const [top, below, left, right] = [44, 26, 24, 60] as const
/** The least room of an axis: more axes than fit are scrolled to. */
const leastGap = 56
/** From an axis to where a drag still brushes it, and to where a line is still pointed at. */
const [reach, nearby] = [14, 8] as const
/** Width of a brush. */
const brushWidth = 14
/** Pixels of a drag that is one, and no click. */
const leastDrag = 3
/** Gaps below which neighboring names are on two lines, and below which they are the last parts of the fields. */
const [narrowGap, tightGap] = [190, 130] as const

/** Where things are. */
interface Frame {
  readonly gap: number
  readonly height: number
}

const xOf = ({ gap }: Frame, k: number): number => left + k * gap
const yOf = ({ height }: Frame, share: number): number => top + (1 - share) * (height - top - below)
const shareAt = ({ height }: Frame, y: number): number => 1 - (y - top) / (height - top - below)

/** A drag on an axis: a new brush, one that is moved, or an end of one. */
interface Drag {
  readonly axis: SearchAxis
  readonly from: number
  readonly moved: Span | undefined
}

/** The drawing. */
export function Parallel({ runs }: { readonly runs: Runs }) {
  const { searches } = runs
  const { element, size } = useSize()
  const drag = useSignal<Drag | undefined>(undefined)
  const axes = searches.axes.value
  const { width: room, height } = size.value
  const gap = Math.max(leastGap, (room - left - right) / Math.max(1, axes.length - 1))
  const width = Math.round(left + right + gap * (axes.length - 1))
  const frame: Frame = { gap, height }
  const draw = useCallback(
    (context: CanvasRenderingContext2D, { places }: SearchTrial) => {
      const shown = searches.axes.peek()
      context.beginPath()
      for (const [k, at] of places.entries()) {
        // A line ends where a place is missing, and goes on behind it.
        const isGap = at === undefined || places[k - 1] === undefined
        if (at !== undefined)
          context[isGap ? 'moveTo' : 'lineTo'](xOf({ gap, height }, k), yOf({ gap, height }, shareOf(shown[k]!, at)))
      }
      context.stroke()
    },
    [searches, gap, height],
  )
  const placeOf = (event: PointerEvent): { readonly x: number; readonly y: number } => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect()
    return { x: event.clientX - box.left, y: event.clientY - box.top }
  }
  const axisNear = (x: number): SearchAxis | undefined => {
    const k = Math.round((x - left) / gap)
    return Math.abs(x - xOf(frame, k)) <= reach ? axes[k] : undefined
  }
  const near = (x: number, y: number): SearchTrial | undefined =>
    trialNear(searches.kept.value, axes, (x - left) / gap, shareAt(frame, y), nearby / (height - top - below))
  const onPointerMove = (event: PointerEvent): void => {
    const { x, y } = placeOf(event)
    const held = drag.value
    if (!held) {
      searches.hovered.value = near(x, y)?.row.name
      return
    }
    const { axis, from, moved } = held
    const at = placeAtShare(axis, shareAt(frame, y))
    if (!moved) {
      if (Math.abs(yOf(frame, shareOf(axis, from)) - y) >= leastDrag) searches.brush(axis.key, [from, at])
      return
    }
    const by = Math.max(axis.from - moved[0], Math.min(axis.to - moved[1], at - from))
    searches.brush(axis.key, [moved[0] + by, moved[1] + by])
  }
  const onPointerDown = (event: PointerEvent): void => {
    if (event.button !== 0) return
    const { x, y } = placeOf(event)
    const axis = axisNear(x)
    if (!axis) return
    ;(event.currentTarget as HTMLElement).setPointerCapture(event.pointerId)
    const at = placeAtShare(axis, shareAt(frame, y))
    const brush = searches.brushes.value.get(axis.key)
    const isInside = brush !== undefined && at >= brush[0] && at <= brush[1]
    drag.value = { axis, from: at, moved: isInside ? brush : undefined }
  }
  const onPointerUp = (event: PointerEvent): void => {
    const { x, y } = placeOf(event)
    const held = drag.value
    drag.value = undefined
    if (!held) {
      const trial = event.button === 0 ? near(x, y) : undefined
      if (trial) runs.toggle(trial.row.name)
    } else if (Math.abs(yOf(frame, shareOf(held.axis, held.from)) - y) < leastDrag) {
      // A click on an axis takes its brush away.
      searches.brush(held.axis.key, undefined)
    }
  }
  return (
    <div class="parallel" ref={element}>
      {room > 0 && (
        // biome-ignore lint/a11y/noStaticElementInteractions: keys move the ends of the brushes, which are sliders, and choose runs in the list
        <div
          class="plot"
          style={{ width: `${width}px` }}
          onPointerMove={onPointerMove}
          onPointerDown={onPointerDown}
          onPointerUp={onPointerUp}
          onPointerCancel={() => {
            drag.value = undefined
          }}
          onPointerLeave={() => {
            if (!drag.value) searches.hovered.value = undefined
          }}
          onDblClick={() => searches.clear()}
        >
          <TrialsCanvas runs={runs} width={width} height={height} draw={draw} />
          <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
            <Hovered runs={runs} frame={frame} />
            {axes.map((axis, k) => (
              <AxisDrawing key={axis.key} runs={runs} axis={axis} index={k} count={axes.length} frame={frame} />
            ))}
          </svg>
          {axes.map((axis, k) => (
            <BrushEnds
              key={axis.key}
              searches={searches}
              axis={axis}
              x={xOf(frame, k)}
              y={at => yOf(frame, shareOf(axis, at))}
              placeAt={y => placeAtShare(axis, shareAt(frame, y))}
            />
          ))}
        </div>
      )}
    </div>
  )
}

interface PartProps {
  readonly runs: Runs
  readonly frame: Frame
}

/** The line of the trial that is pointed at, over all others. */
function Hovered({ runs, frame }: PartProps) {
  const trial = runs.searches.hoveredTrial.value
  const axes = runs.searches.axes.value
  if (!trial) return null
  const path = trial.places
    .map((at, k) => {
      if (at === undefined) return ''
      const isGap = k === 0 || trial.places[k - 1] === undefined
      return `${isGap ? 'M' : 'L'}${xOf(frame, k)} ${yOf(frame, shareOf(axes[k]!, at))}`
    })
    .join('')
  return (
    <g class="hovered">
      <path class="halo" d={path} />
      <path d={path} />
    </g>
  )
}

function AxisDrawing({
  runs,
  frame,
  axis,
  index,
  count,
}: PartProps & { readonly axis: SearchAxis; readonly index: number; readonly count: number }) {
  const x = xOf(frame, index)
  const brush = runs.searches.brushes.value.get(axis.key)
  const isTwoLines = frame.gap < narrowGap
  const [first, last] = [index === 0, index === count - 1]
  return (
    <g>
      {brush && (
        <rect
          class="brush"
          x={x - brushWidth / 2}
          y={yOf(frame, shareOf(axis, brush[1]))}
          width={brushWidth}
          height={Math.max(2, yOf(frame, shareOf(axis, brush[0])) - yOf(frame, shareOf(axis, brush[1])))}
        />
      )}
      <path class="axis" d={`M${x} ${top}V${frame.height - below}`} />
      <text
        class="name"
        x={first ? 0 : last ? x + right : x}
        y={isTwoLines && index % 2 === 1 ? 26 : 12}
        text-anchor={first ? 'start' : last ? 'end' : 'middle'}
      >
        {frame.gap < tightGap ? axis.short : axis.name}
      </text>
      {searchTicks(axis).map(({ place, name }) => (
        <g key={name}>
          <path class="tick" d={`M${x} ${yOf(frame, place)}h4`} />
          <text class="haloed" x={x + 9} y={yOf(frame, place) + 4}>
            {name}
          </text>
        </g>
      ))}
    </g>
  )
}
