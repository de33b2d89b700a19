/** Units of fully connected layers: a grid of cells, and the outputs as bars. */
import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { digits, fixed } from '../../draw/format.ts'
import { colorOf, css } from '../../draw/scale.ts'
import { moves } from '../../frame/outline.tsx'
import type { Lab } from '../../state/lab.ts'
import { theme } from '../../state/theme.ts'
import type { LayerInfo } from '../../worker/protocol.ts'
import type { Column } from './columns.ts'

type Units = Extract<Column, { kind: 'units' }>

/** The size of a cell and the gaps between cells, in CSS pixels. */
const [cellWidth, cellHeight, columnGap, rowGap] = [16, 15, 3, 4]
/** Units that are shown; of more the first. */
const mostUnits = 120

/** A cell for each unit. */
export function UnitGrid(props: {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly column: Units
  /** Cells of a row. */
  readonly across?: number
  /** The unit that is open. */
  readonly chosen?: number
}) {
  const { lab, info, column, across = 6, chosen } = props
  const canvas = useRef<HTMLCanvasElement>(null)
  const hovered = useSignal<number | undefined>(undefined)
  const ground = theme.value
  const count = Math.min(mostUnits, column.values.length)
  const rows = Math.ceil(count / across)
  const width = across * (cellWidth + columnGap) - columnGap
  const height = rows * (cellHeight + rowGap) - rowGap
  const k = lab.opened.value!.layers.indexOf(info)
  const dead = info.hasRelu ? (lab.statistics.value?.layers[k]?.dead ?? []) : []
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (!context) return
    const border = getComputedStyle(canvas.current!).getPropertyValue('--line')
    context.clearRect(0, 0, width, height)
    for (let unit = 0; unit < count; unit++) {
      const { left, top } = placeOf(unit, across)
      context.fillStyle = border
      context.fillRect(left, top, cellWidth, cellHeight)
      context.fillStyle = css(colorOf(column.values[unit]!, column.most, ground))
      context.fillRect(left + 1, top + 1, cellWidth - 2, cellHeight - 2)
    }
  })
  const onPointerMove = (event: PointerEvent): void => {
    const { left, top } = canvas.current!.getBoundingClientRect()
    const x = Math.floor((event.clientX - left) / (cellWidth + columnGap))
    const y = Math.floor((event.clientY - top) / (cellHeight + rowGap))
    const unit = y * across + x
    hovered.value = x >= 0 && x < across && unit >= 0 && unit < count ? unit : undefined
  }
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
      class="units"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys
      tabIndex={0}
      aria-label={`The ${column.values.length} units of ${info.path}. Arrows choose one, Enter opens it in Look.`}
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
      <canvas
        ref={canvas}
        width={width}
        height={height}
        style={{ width: `${width}px`, height: `${height}px` }}
        role="img"
        aria-label={`${info.path}: ${column.values.length} units, from ${digits(Math.min(...column.values))} to ${digits(Math.max(...column.values))}`}
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
            {info.path} · {at}: {digits(column.values[at]!, 3)}
            {dead.includes(at) && ', always 0'}
          </span>
        </>
      )}
      {column.values.length > count && <p class="micro quiet">+{column.values.length - count}</p>}
    </div>
  )
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
export function OutputBars({ lab, column }: { readonly lab: Lab; readonly column: Units }) {
  const { classes } = lab.opened.value!
  const { values, most } = column
  const target = lab.look.value!.target
  return (
    <ul class="outputs">
      {classes.map((name, k) => {
        const value = values[k]!
        const share = most > 0 ? Math.min(50, (50 * Math.abs(value)) / most) : 0
        return (
          <li key={name} class={k === target ? 'on' : ''}>
            <span>{name.length > 2 ? k : name}</span>
            <span class="track">
              <i class={value < 0 ? 'below' : 'above'} style={{ width: `${share}%` }} />
            </span>
            <span class="value" data-output={k}>
              {most < 0.1 ? digits(value) : fixed(value, 2)}
            </span>
          </li>
        )
      })}
    </ul>
  )
}
