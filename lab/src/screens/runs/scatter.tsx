/** A search as a scatter: one value of each trial against its score. A drag brushes both axes, as on the parallel coordinates. */
import { useSignal } from '@preact/signals'
import { useCallback } from 'preact/hooks'
import { useSize } from '../../draw/size.ts'
import { placeAtShare, type SearchAxis, type SearchTrial, shareOf } from './searchAxes.ts'
import { searchTicks } from './searchTicks.ts'
import type { Runs } from './state.ts'
import { TrialsCanvas } from './trialsCanvas.tsx'

/** Where the axes are, CSS pixels. */
const [left, right, top, bottom] = [56, 14, 44, 40] as const
/** Distance from a dot's middle at which it is pointed at. */
const nearby = 9
const leastDrag = 4
const [radius, chosenRadius] = [3, 4.5] as const

interface Point {
  readonly x: number
  readonly y: number
}

/** The drawing. */
export function Scatter({ runs }: { readonly runs: Runs }) {
  const { searches } = runs
  const { element, size } = useSize()
  const drag = useSignal<readonly [Point, Point] | undefined>(undefined)
  const { width, height } = size.value
  const across = searches.across.value
  const up = searches.axes.value.at(-1)
  const pointOf = useCallback(
    ({ places }: SearchTrial): Point | undefined => {
      const axes = searches.axes.peek()
      const index = axes.findIndex(({ key }) => key === searches.across.peek()?.key)
      const [x, y] = [places[index], places.at(-1)]
      if (x === undefined || y === undefined) return undefined
      return {
        x: left + shareOf(axes[index]!, x) * (width - left - right),
        y: height - bottom - shareOf(axes.at(-1)!, y) * (height - top - bottom),
      }
    },
    [searches, width, height],
  )
  const draw = useCallback(
    (context: CanvasRenderingContext2D, trial: SearchTrial, isChosen: boolean) => {
      const point = pointOf(trial)
      if (!point) return
      context.beginPath()
      context.arc(point.x, point.y, isChosen ? chosenRadius : radius, 0, 2 * Math.PI)
      context.fill()
    },
    [pointOf],
  )
  if (!across || !up) return null
  const placeOf = (event: PointerEvent): Point => {
    const box = element.current!.getBoundingClientRect()
    return { x: event.clientX - box.left, y: event.clientY - box.top }
  }
  const nearest = (at: Point): SearchTrial | undefined => {
    let best: { readonly trial: SearchTrial; readonly distance: number } | undefined
    for (const trial of searches.kept.value) {
      const point = pointOf(trial)
      const distance = point ? Math.hypot(point.x - at.x, point.y - at.y) : Number.POSITIVE_INFINITY
      if (distance <= (best?.distance ?? nearby)) best = { trial, distance }
    }
    return best?.trial
  }
  const brushTo = ([from, to]: readonly [Point, Point]): void => {
    const x = (pixel: number): number => placeAtShare(across, (pixel - left) / (width - left - right))
    const y = (pixel: number): number => placeAtShare(up, (height - bottom - pixel) / (height - top - bottom))
    searches.brush(across.key, [x(from.x), x(to.x)])
    searches.brush(up.key, [y(from.y), y(to.y)])
  }
  const onPointerMove = (event: PointerEvent): void => {
    const at = placeOf(event)
    if (!drag.value) {
      searches.hovered.value = nearest(at)?.row.name
      return
    }
    drag.value = [drag.value[0], at]
    if (isDrag(drag.value)) brushTo(drag.value)
  }
  const onPointerUp = (event: PointerEvent): void => {
    const held = drag.value
    drag.value = undefined
    if (!held || isDrag(held)) return
    const trial = nearest(placeOf(event))
    if (trial) runs.toggle(trial.row.name)
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys move the ends of the brushes, which are sliders, and choose runs in the list
    <div
      ref={element}
      class="scatter plot"
      onPointerMove={onPointerMove}
      onPointerDown={event => {
        if (event.button !== 0) return
        element.current!.setPointerCapture(event.pointerId)
        drag.value = [placeOf(event), placeOf(event)]
      }}
      onPointerUp={onPointerUp}
      onPointerCancel={() => {
        drag.value = undefined
      }}
      onPointerLeave={() => {
        if (!drag.value) searches.hovered.value = undefined
      }}
      onDblClick={() => searches.clear()}
    >
      {width > 0 && (
        <>
          <TrialsCanvas runs={runs} width={width} height={height} draw={draw} />
          <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
            <Axes across={across} up={up} width={width} height={height} />
            <Brushed runs={runs} across={across} up={up} width={width} height={height} />
            <Hovered runs={runs} pointOf={pointOf} />
          </svg>
        </>
      )}
    </div>
  )
}

const isDrag = ([from, to]: readonly [Point, Point]): boolean => Math.hypot(to.x - from.x, to.y - from.y) >= leastDrag

interface AxesProps {
  readonly across: SearchAxis
  readonly up: SearchAxis
  readonly width: number
  readonly height: number
}

function Axes({ across, up, width, height }: AxesProps) {
  return (
    <>
      <text class="name" x={0} y={26}>
        {up.name}
      </text>
      {searchTicks(up).map(({ place, name }) => {
        const y = height - bottom - place * (height - top - bottom)
        return (
          <g key={name}>
            <path class="grid" d={`M${left} ${Math.round(y) + 0.5}H${width - right}`} />
            <text x={left - 8} y={y + 4} text-anchor="end">
              {name}
            </text>
          </g>
        )
      })}
      <path class="tick" d={`M${left} ${height - bottom + 0.5}H${width - right}`} />
      {searchTicks(across).map(({ place, name }) => {
        const x = left + place * (width - left - right)
        return (
          <g key={name}>
            <path class="tick" d={`M${Math.round(x) + 0.5} ${height - bottom}v4`} />
            <text x={x} y={height - bottom + 17} text-anchor={place > 0.95 ? 'end' : 'middle'}>
              {name}
            </text>
          </g>
        )
      })}
      <text class="name" x={width - right} y={height - 6} text-anchor="end">
        {across.name}
      </text>
    </>
  )
}

/** What the brushes of both axes leave. */
function Brushed({ runs, across, up, width, height }: AxesProps & { readonly runs: Runs }) {
  const { brushes } = runs.searches
  const [x, y] = [brushes.value.get(across.key), brushes.value.get(up.key)]
  if (!x && !y) return null
  const [from, to] = (x ?? [across.from, across.to]).map(at => left + shareOf(across, at) * (width - left - right)) as [
    number,
    number,
  ]
  const [low, high] = (y ?? [up.from, up.to]).map(
    at => height - bottom - shareOf(up, at) * (height - top - bottom),
  ) as [number, number]
  return <rect class="brush" x={from} y={high} width={Math.max(2, to - from)} height={Math.max(2, low - high)} />
}

/** The dot of the trial that is pointed at. */
function Hovered({
  runs,
  pointOf,
}: {
  readonly runs: Runs
  readonly pointOf: (trial: SearchTrial) => Point | undefined
}) {
  const trial = runs.searches.hoveredTrial.value
  const point = trial && pointOf(trial)
  if (!point) return null
  return <circle class="hovered" cx={point.x} cy={point.y} r={6} />
}
