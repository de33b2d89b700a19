/** Units of fully connected layers: a grid of cells, and the outputs as bars. */
import { type ReadonlySignal, useComputed, useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { digits, fixed } from '../../draw/format.ts'
import { paintFrame, paintMap, pixelOf, pixelScale } from '../../draw/pixels.ts'
import { Canvas } from '../../draw/raster.tsx'
import { lineOf } from '../../draw/scale.ts'
import { isPhone } from '../../draw/size.ts'
import { moves } from '../../frame/outline.tsx'
import type { Lab } from '../../state/lab.ts'
import { theme } from '../../state/theme.ts'
import type { LayerInfo } from '../../worker/protocol.ts'
import type { UnitsColumn } from './columns.ts'

/** The size of a cell and the gaps between cells, in CSS pixels. */
const [cellWidth, cellHeight, columnGap, rowGap] = [16, 15, 3, 4]
/** Units that are shown; of more the first. */
const mostUnits = 120

/** Cells that fit beside each other, at least one. @param width CSS pixels */
export const unitsAcross = (width: number): number =>
  Math.max(1, Math.floor((width + columnGap) / (cellWidth + columnGap)))

/** A cell for each unit. */
export function UnitGrid(props: {
  readonly lab: Lab
  readonly info: LayerInfo
  /** What is shown, by signals. */
  readonly column: () => UnitsColumn
  /** Cells of a row. */
  readonly across?: number
  /** The unit that is open. */
  readonly chosen?: number
}) {
  const { lab, info, column, across = isPhone.value ? 18 : 6, chosen } = props
  const grid = useRef<HTMLDivElement>(null)
  const hovered = useSignal<number | undefined>(undefined)
  const units = info.shape[0]!
  const count = Math.min(mostUnits, units)
  const width = across * (cellWidth + columnGap) - columnGap
  const height = Math.ceil(count / across) * (cellHeight + rowGap) - rowGap
  const label = useComputed(() => `${info.path}: ${units} units, ${spanOf(column().values)}`)
  const onPointerMove = (event: PointerEvent): void => {
    const { left, top } = grid.current!.getBoundingClientRect()
    const x = Math.floor((event.clientX - left) / (cellWidth + columnGap))
    const y = Math.floor((event.clientY - top) / (cellHeight + rowGap))
    const unit = y * across + x
    hovered.value = x >= 0 && x < across && unit >= 0 && unit < count ? unit : undefined
  }
  const dead = useDead(lab, info)
  const open = (unit: number | undefined): void => {
    if (unit !== undefined) lab.showPlace({ layer: info.path, unit })
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const from = hovered.value ?? chosen ?? 0
    const move = moves[event.key]
    if (move) hovered.value = Math.max(0, Math.min(count - 1, from + move[0] * across + move[1]))
    else if (event.key === 'Enter') open(from)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  const at = hovered.value
  const leave = (): void => {
    hovered.value = undefined
  }
  return (
    <div
      ref={grid}
      class="units"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys
      tabIndex={0}
      aria-label={`The ${units} units of ${info.path}. Arrows choose one, Enter opens it in Look.`}
      style={{ width: `${width}px` }}
      onPointerMove={onPointerMove}
      onPointerLeave={leave}
      onBlur={leave}
      onFocus={() => {
        hovered.value ??= chosen ?? 0
      }}
      onClick={() => open(hovered.value)}
      onKeyDown={onKeyDown}
    >
      <Canvas
        width={width}
        height={height}
        cell={1}
        label={label}
        paint={pixels => paintUnits(pixels, column(), { count, across, width })}
      />
      {dead
        .filter(unit => unit < count)
        .map(unit => (
          <i key={unit} class="dead" style={boxOf(unit, across)} />
        ))}
      {chosen !== undefined && chosen < count && <i class="outline" style={boxOf(chosen, across)} />}
      {at !== undefined && (
        <>
          <i class="outline" style={boxOf(at, across)} />
          <span class="micro value-tip" role="status">
            {info.path} · {at}: {digits(column().values[at]!, 3)}
            {dead.includes(at) && ', always 0'}
          </span>
        </>
      )}
      {units > count && <p class="micro quiet">+{units - count}</p>}
    </div>
  )
}

/** The least and the largest value, as words. */
function spanOf(values: Float32Array): string {
  let [least, most] = [values[0]!, values[0]!]
  for (let k = 1; k < values.length; k++) {
    if (values[k]! < least) least = values[k]!
    if (values[k]! > most) most = values[k]!
  }
  return `from ${digits(least)} to ${digits(most)}`
}

/** Units that were zero on all test images. The component is rendered again only when these are others. */
function useDead(lab: Lab, info: LayerInfo): readonly number[] {
  const dead = useComputed(() => {
    const k = lab.opened.value?.layers.indexOf(info) ?? -1
    return info.hasRelu ? (lab.statistics.value?.layers[k]?.dead ?? []).join(' ') : ''
  })
  return dead.value === '' ? [] : dead.value.split(' ').map(Number)
}

interface UnitLayout {
  readonly count: number
  readonly across: number
  /** Pixels of a row of the canvas. */
  readonly width: number
}

/** Each unit as a cell with a line around it. */
function paintUnits(pixels: Uint32Array, { values, most }: UnitsColumn, { count, across, width }: UnitLayout): void {
  const [scale, line] = [pixelScale(most, theme.value), pixelOf(lineOf(theme.value))]
  const [inner, outer] = [cellWidth - 2, cellHeight - 2] as const
  for (let unit = 0; unit < count; unit++) {
    const { left, top } = placeOf(unit, across)
    const place = { stride: width, left: left + 1, top: top + 1 }
    paintFrame(pixels, place, [inner, outer], line)
    const color = scale(values[unit]!)
    paintMap(pixels, { ...place, cell: 1 }, { values, width: inner, height: outer }, () => color)
  }
}

const placeOf = (unit: number, across: number): { left: number; top: number } => ({
  left: (unit % across) * (cellWidth + columnGap),
  top: Math.floor(unit / across) * (cellHeight + rowGap),
})

function boxOf(unit: number, across: number): Record<string, string> {
  const { left, top } = placeOf(unit, across)
  return { left: `${left}px`, top: `${top}px`, width: `${cellWidth}px`, height: `${cellHeight}px` }
}

/** The outputs, one bar each. */
export function OutputBars({ lab, column }: { readonly lab: Lab; readonly column: ReadonlySignal<UnitsColumn> }) {
  return (
    <ul class="outputs">
      {lab.opened.value!.classes.map((name, k) => (
        <OutputBar key={name} lab={lab} column={column} name={name.length > 2 ? String(k) : name} k={k} />
      ))}
    </ul>
  )
}

function OutputBar(props: {
  readonly lab: Lab
  readonly column: ReadonlySignal<UnitsColumn>
  readonly name: string
  readonly k: number
}) {
  const { lab, column, name, k } = props
  const value = useComputed(() => column.value.values[k]!)
  const side = useComputed(() => (value.value < 0 ? 'below' : 'above'))
  const bar = useComputed(() => {
    const { most } = column.value
    return `transform: scaleX(${most > 0 ? Math.min(1, Math.abs(value.value) / most).toFixed(3) : 0})`
  })
  const text = useComputed(() => (column.value.most < 0.1 ? digits(value.value) : fixed(value.value, 2)))
  const kind = useComputed(() => (lab.look.value?.target === k ? 'on' : ''))
  return (
    <li class={kind}>
      <span>{name}</span>
      <span class="track">
        <i class={side} style={bar} />
      </span>
      <span class="value" data-output={k}>
        {text}
      </span>
    </li>
  )
}
