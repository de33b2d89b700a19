/** A grid of numbers: cells to drag, to choose, to point at. Arrows move the focus, + and − change a number. */
import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { fixed } from '../../draw/format.ts'
import { colorOf, css, textOn } from '../../draw/scale.ts'
import { theme } from '../../state/theme.ts'
import type { Sizes } from './arithmetic.ts'

/** A cell. */
export interface GridCell {
  readonly value: number
  /** What it is called: `input channel 0, row 1, column 2`. */
  readonly name: string
  /** Further classes: `pad`, `lost`, `reach`, `used`, `chosen`. */
  readonly marks?: string
  /** Takes another number; a cell without cannot be changed. */
  readonly onChange?: (value: number) => void
  readonly onChoose?: () => void
  readonly onHover?: (isOver: boolean) => void
}

interface NumberGridProps {
  readonly label: string
  readonly rows: number
  readonly columns: number
  readonly cellAt: (row: number, column: number) => GridCell
  /** The largest magnitude of the scale. */
  readonly most: number
  /** CSS pixels of a cell. */
  readonly size: number
  /** Whole numbers are written as they are, others with two decimals. */
  readonly whole: boolean
  readonly kind?: string
}

/** Pixels of dragging for one step of a number. */
const dragStep = 8

/** A number as it stands in a cell. */
export const written = (value: number, whole: boolean): string => fixed(value, whole ? 0 : 2)

/** The grid. */
export function NumberGrid({ label, rows, columns, cellAt, most, size, whole, kind = '' }: NumberGridProps) {
  const focused = useSignal(0)
  const grid = useRef<HTMLDivElement>(null)
  const focus = (index: number): void => {
    focused.value = index
    ;(grid.current?.children[index] as HTMLElement | undefined)?.focus()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key]
    // With Shift they move the window, wherever the focus is.
    if (steps === undefined || event.shiftKey) return
    const to = focused.value + steps
    // Cells that only are chosen leave the arrows to the screen, which goes through them.
    if (kind === 'out' || to < 0 || to >= rows * columns) return
    event.preventDefault()
    event.stopPropagation()
    focus(to)
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset has a frame and no keys
    <div
      ref={grid}
      class={`numbers ${kind} ${whole ? '' : 'real'}`}
      role="group"
      aria-label={label}
      style={{ '--columns': columns, '--cell': `${size}px` }}
      onKeyDown={onKeyDown}
    >
      {Array.from({ length: rows * columns }, (_, index) => {
        const cell = cellAt(Math.floor(index / columns), index % columns)
        const isEntry = index === Math.min(focused.value, rows * columns - 1)
        return (
          <NumberCell
            key={cell.name}
            cell={cell}
            most={most}
            whole={whole}
            isEntry={isEntry}
            onFocus={() => {
              focused.value = index
            }}
          />
        )
      })}
    </div>
  )
}

/** The window of a cell, over the grid of its input. @param size CSS pixels of a number */
export function WindowFrame(props: {
  readonly row: number
  readonly column: number
  readonly sizes: Pick<Sizes, 'F' | 'S'>
  readonly size: number
}) {
  const { row, column, sizes, size } = props
  const pixels = (numbers: number): string => `${numbers * size}px`
  const { F, S } = sizes
  return (
    <i class="window" style={{ top: pixels(row * S), left: pixels(column * S), width: pixels(F), height: pixels(F) }} />
  )
}

interface NumberCellProps {
  readonly cell: GridCell
  readonly most: number
  readonly whole: boolean
  readonly isEntry: boolean
  readonly onFocus: () => void
}

function NumberCell({ cell, most, whole, isEntry, onFocus }: NumberCellProps) {
  const { value, name, marks = '', onChange, onChoose, onHover } = cell
  const dragged = useRef<{ readonly from: number; readonly y: number } | undefined>(undefined)
  // Tints under typed numbers are a lighter part of the scale.
  const color = colorOf(0.62 * value, most, theme.value)
  const isPad = marks.includes('pad')
  const style = isPad || value === 0 ? {} : { background: css(color), color: textOn(color) }
  const unit = whole ? 1 : 0.1
  const change = (to: number): void => onChange?.(whole ? Math.round(to) : Number(to.toFixed(4)))
  const onPointerDown = (event: PointerEvent): void => {
    if (!onChange) return
    ;(event.currentTarget as HTMLElement).setPointerCapture(event.pointerId)
    dragged.current = { from: value, y: event.clientY }
  }
  const onPointerMove = (event: PointerEvent): void => {
    if (!dragged.current) return
    change(dragged.current.from + Math.round((dragged.current.y - event.clientY) / dragStep) * unit)
  }
  const onPointerEnd = (): void => {
    dragged.current = undefined
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { '+': unit, '=': unit, '-': -unit, '−': -unit }[event.key]
    if (step === undefined || !onChange) return
    event.preventDefault()
    event.stopPropagation()
    change(value + step)
  }
  const text = written(value, whole)
  if (isPad) {
    return (
      <span class={`cell ${marks}`} onPointerEnter={() => onHover?.(true)} onPointerLeave={() => onHover?.(false)}>
        {text}
      </span>
    )
  }
  const shared = {
    class: `cell ${marks} ${value === 0 ? 'nought' : ''}`,
    style,
    tabIndex: isEntry ? 0 : -1,
    onFocus: () => {
      onFocus()
      onHover?.(true)
    },
    onBlur: () => onHover?.(false),
    onPointerEnter: () => onHover?.(true),
    onPointerLeave: () => onHover?.(false),
  }
  if (!onChange) {
    return (
      <button
        type="button"
        {...shared}
        aria-label={`${name}: ${text}`}
        aria-pressed={onChoose && marks.includes('chosen')}
        onClick={() => onChoose?.()}
      >
        {text}
      </button>
    )
  }
  return (
    <span
      {...shared}
      role="spinbutton"
      aria-label={name}
      aria-valuenow={value}
      aria-valuetext={text}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerEnd}
      onPointerCancel={onPointerEnd}
      onKeyDown={onKeyDown}
    >
      {text}
    </span>
  )
}
