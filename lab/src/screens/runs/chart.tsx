/** Curves of the chosen runs. The pointer moves a crosshair through all of them, and drags out what to show more of. */
import { type ReadonlySignal, useComputed, useSignal } from '@preact/signals'
import { logTicksOf, ticksOf } from '../../../../src/plot/roundNumbers.ts'
import { digits, fixed, percent, whole } from '../../draw/format.ts'
import { css } from '../../draw/scale.ts'
import { useSize } from '../../draw/size.ts'
import { theme } from '../../state/theme.ts'
import { type ChartBox, placeAt, xOf, yOf } from './chartBox.ts'
import { ChartCanvas } from './chartCanvas.tsx'
import { runColors } from './colors.ts'
import { type Axis, duration, meanNear, placeOf, type Quantity, rangeOf, type Span } from './shape.ts'
import type { Runs } from './state.ts'

/** Pixels of a drag that is one, and no click. */
const leastDrag = 4
/** Widths under which there are fewer numbers along the axis. */
const narrow = 480

interface ChartProps {
  readonly runs: Runs
  readonly quantity: Quantity
  readonly title: string
}

/** A chart. */
export function Chart({ runs, quantity, title }: ChartProps) {
  const { element, size } = useSize()
  /** Where a drag began and where it is, places of the axis. */
  const drag = useSignal<Span | undefined>(undefined)
  const shapes = quantity === 'loss' ? runs.losses : runs.accuracies
  const isLog = useComputed(() => quantity === 'loss' && runs.isLog.value)
  const box = useComputed<ChartBox>(() => {
    const { width, height } = size.value
    const range = rangeOf(quantity, valuesShown(runs, quantity), isLog.value)
    return {
      left: 52,
      right: width - 12,
      top: 24,
      bottom: height - 24,
      x: runs.span.value,
      y: range,
      isLog: isLog.value,
    }
  })
  const placeUnder = (event: MouseEvent): number => {
    const at = placeAt(box.value, event.clientX - element.current!.getBoundingClientRect().left)
    return runs.axis.value === 'steps' ? Math.max(1, Math.round(at)) : at
  }
  const onPointerMove = (event: PointerEvent): void => {
    const at = placeUnder(event)
    runs.cursor.value = at
    if (drag.value) drag.value = [drag.value[0], at]
  }
  const onPointerDown = (event: PointerEvent): void => {
    if (event.button !== 0) return
    element.current!.setPointerCapture(event.pointerId)
    const at = placeUnder(event)
    drag.value = [at, at]
  }
  const onPointerUp = (): void => {
    const [from, to] = drag.value ?? [0, 0]
    drag.value = undefined
    if (Math.abs(xOf(box.value, to) - xOf(box.value, from)) >= leastDrag) runs.zoomTo([from, to])
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const act = keyActs(runs, event)
    if (!act) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }
  const said = useComputed(() => saidOf(runs, quantity))
  const { width, height } = size.value
  return (
    <div
      ref={element}
      class="plot chart"
      role="slider"
      tabIndex={0}
      aria-label={`${title}: the crosshair`}
      aria-valuemin={0}
      aria-valuemax={useComputed(() => runs.whole.value[1])}
      aria-valuenow={useComputed(() => runs.cursor.value ?? runs.whole.value[1])}
      aria-valuetext={said}
      onPointerMove={onPointerMove}
      onPointerDown={onPointerDown}
      onPointerUp={onPointerUp}
      onPointerCancel={() => {
        drag.value = undefined
      }}
      onPointerLeave={() => {
        if (!drag.value) runs.cursor.value = undefined
      }}
      onDblClick={() => runs.zoomTo(undefined)}
      onKeyDown={onKeyDown}
    >
      {width > 0 && (
        <>
          <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
            <Axes runs={runs} box={box} quantity={quantity} title={title} />
          </svg>
          <ChartCanvas runs={runs} quantity={quantity} shapes={shapes} box={box} width={width} height={height} />
          <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
            {quantity === 'loss' && <Flags runs={runs} box={box} />}
            <Dragged drag={drag} box={box} />
            <Cross runs={runs} quantity={quantity} box={box} />
          </svg>
        </>
      )}
    </div>
  )
}

/** What keys do. */
function keyActs(runs: Runs, { key, shiftKey }: KeyboardEvent): (() => void) | undefined {
  const far = shiftKey ? 0.1 : 0.01
  const acts: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => runs.moveCursor(-far),
    ArrowDown: () => runs.moveCursor(-far),
    ArrowRight: () => runs.moveCursor(far),
    ArrowUp: () => runs.moveCursor(far),
    Home: () => runs.moveCursor(Number.NEGATIVE_INFINITY),
    End: () => runs.moveCursor(Number.POSITIVE_INFINITY),
    '+': () => runs.zoomBy(0.5),
    '=': () => runs.zoomBy(0.5),
    '-': () => runs.zoomBy(2),
    Escape: () => {
      if (runs.zoom.value) runs.zoomTo(undefined)
      else runs.cursor.value = undefined
    },
  }
  return Object.hasOwn(acts, key) ? acts[key] : undefined
}

/** All values that are shown, of which the vertical axis is made. */
function* valuesShown(runs: Runs, quantity: Quantity): Generator<number> {
  const [from, to] = runs.span.value
  for (const { x, low, high } of (quantity === 'loss' ? runs.losses : runs.accuracies).value) {
    for (let k = 0; k < x.length; k++) {
      if (x[k]! < from || x[k]! > to) continue
      yield low[k]!
      yield high[k]!
    }
  }
  for (const { curve } of runs.drawn.value) {
    const { story } = curve
    for (const score of story.scores) {
      const x = placeOf(runs.axis.value, score.step, score.seconds, story)
      if (x >= from && x <= to) yield score[quantity]
    }
  }
}

/** A place of the axis as words. */
export function placeName(axis: Axis, place: number): string {
  if (axis === 'steps') return `step ${whole(Math.round(place))}`
  return axis === 'epochs' ? `${fixed(place, 2)} epochs` : duration(place)
}

/** The crosshair in words, for those who hear it. */
function saidOf(runs: Runs, quantity: Quantity): string {
  const at = runs.cursor.value
  const where = at === undefined ? 'at the end' : placeName(runs.axis.value, at)
  const values = runs.readings.value.map(({ row, exact }) => {
    const value = exact?.[quantity]
    return `${row.name} ${typeof value === 'number' ? valueName(quantity, value) : '…'}`
  })
  return [where, ...values].join(', ')
}

/** A value as the page writes it. */
export const valueName = (quantity: Quantity, value: number): string =>
  quantity === 'loss' ? digits(value, 4) : percent(value, 2)

interface PartProps {
  readonly runs: Runs
  readonly box: ReadonlySignal<ChartBox>
}

function Axes({ runs, box, quantity, title }: PartProps & { readonly quantity: Quantity; readonly title: string }) {
  const here = box.value
  const axis = runs.axis.value
  const vertical = here.isLog ? logTicksOf(here.y) : ticksOf(here.y, 5)
  const isNarrow = here.right < narrow
  const horizontal = ticksOf(here.x, isNarrow ? 4 : 7, axis === 'steps' ? 1 : 0)
  const name = (tick: number): string =>
    quantity === 'accuracy' ? percent(tick, here.y[1] - here.y[0] < 0.05 ? 1 : 0) : String(tick)
  return (
    <>
      <text class="name" x={0} y={12}>
        {title}
      </text>
      {vertical.map(tick => (
        <g key={tick}>
          <path class="grid" d={`M${here.left} ${Math.round(yOf(here, tick)) + 0.5}H${here.right}`} />
          <text x={here.left - 6} y={yOf(here, tick) + 4} text-anchor="end">
            {name(tick)}
          </text>
        </g>
      ))}
      <path class="tick" d={`M${here.left} ${here.bottom + 0.5}H${here.right}`} />
      {horizontal.map(tick => {
        const x = xOf(here, tick)
        const anchor = x > here.right - 16 ? 'end' : 'middle'
        return (
          <g key={tick}>
            <path class="tick" d={`M${Math.round(x) + 0.5} ${here.bottom}v4`} />
            <text x={anchor === 'end' ? here.right : x} y={here.bottom + 17} text-anchor={anchor}>
              {axis === 'time' ? duration(tick) : whole(tick)}
            </text>
          </g>
        )
      })}
    </>
  )
}

/** Notices of the runs. */
function Flags({ runs, box }: PartProps) {
  const here = box.value
  const axis = runs.axis.value
  return (
    <>
      {runs.drawn.value.flatMap(({ row, look, curve }) => {
        const { story } = curve
        const color = css(runColors[theme.value][look.color]!)
        return story.notices.flatMap((notice, k) => {
          const place = placeOf(axis, notice.step, notice.seconds, story)
          if (place < here.x[0] || place > here.x[1]) return []
          const x = Math.round(xOf(here, place)) + 0.5
          return [
            <g key={`${row.key} ${k}`} class={notice.kind === 'broken' ? 'flag broken' : 'flag'} style={{ color }}>
              <title>{`${row.name}, step ${whole(notice.step)}: ${notice.message}`}</title>
              <path d={x + 8 > here.right ? `M${x} 15h-8v8h8z` : `M${x} 15h8v8h-8z`} />
              <path class="pole" d={`M${x} 15V${here.bottom}`} />
            </g>,
          ]
        })
      })}
    </>
  )
}

function Dragged({ drag, box }: { readonly drag: ReadonlySignal<Span | undefined>; readonly box: PartProps['box'] }) {
  if (!drag.value) return null
  const here = box.value
  const [left, right] = [...drag.value].map(place => xOf(here, place)).sort((a, b) => a - b)
  return <rect class="dragged" x={left} y={here.top} width={right! - left!} height={here.bottom - here.top} />
}

/** The crosshair, with a dot on each line. */
function Cross({ runs, quantity, box }: PartProps & { readonly quantity: Quantity }) {
  const at = runs.cursor.value
  const here = box.value
  if (at === undefined || at < here.x[0] || at > here.x[1]) return null
  const shapes = (quantity === 'loss' ? runs.losses : runs.accuracies).value
  return (
    <>
      <path class="cross" d={`M${Math.round(xOf(here, at)) + 0.5} ${here.top}V${here.bottom}`} />
      {runs.drawn.value.map(({ row, look }, k) => {
        const shape = shapes[k]
        const mean = shape && (shape.x.at(-1) ?? -1) >= at ? meanNear(shape, at) : undefined
        if (mean === undefined) return null
        const fill = css(runColors[theme.value][look.color]!)
        return <circle key={row.key} cx={xOf(here, at)} cy={yOf(here, mean)} r={3} style={{ fill }} />
      })}
    </>
  )
}
