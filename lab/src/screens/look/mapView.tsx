/** One map: input ∗ kernel = part, for each input map; the parts and the bias add up to it, cell by cell. */
import { useEffect, useMemo } from 'preact/hooks'
import { fixed, plain, whole } from '../../draw/format.ts'
import { Ramp, ValueMap } from '../../draw/raster.tsx'
import { colorOf, css, mostOf, roundUp, textOn } from '../../draw/scale.ts'
import { windowWidth } from '../../draw/size.ts'
import { cellAt, moves, Outline } from '../../frame/outline.tsx'
import type { Lab } from '../../state/lab.ts'
import { momentOf } from '../../state/layers.ts'
import type { Place } from '../../state/link.ts'
import { theme } from '../../state/theme.ts'
import type { LayerInfo } from '../../worker/protocol.ts'
import { type PrintedSum, printSum } from '../convolve/sums.ts'
import { Excites } from './excites.tsx'
import { Kernel } from './kernel.tsx'
import { Maps } from './networkView.tsx'
import { type Part, partsOf, strongestCell } from './parts.ts'

/** Parts that are drawn; of more the strongest. */
const mostParts = 8

/** Where a place of the map is. */
interface Chosen {
  readonly row: number
  readonly column: number
  readonly at: number
}

/** The view. */
export function MapView({ lab, place }: { readonly lab: Lab; readonly place: Place }) {
  const { layers } = lab.opened.value!
  const index = layers.findIndex(({ path }) => path === place.layer)
  const info = layers[index]!
  const unit = place.unit!
  const look = lab.look.value!.layers[index]!
  const [, rows = 1, columns = 1] = info.shape
  const values = look.values.subarray(unit * rows * columns, (unit + 1) * rows * columns)
  const parts = partsOf(info, look, lab.look.value!.volumes[info.reads]!, unit)
  const chosen = chosenCell(place, values, rows, columns)
  useEffect(() => {
    // The strongest cell of a map that was just opened is chosen, and its field outlined.
    if (place.row === undefined) lab.place.value = { ...place, row: chosen.row, column: chosen.column }
  }, [lab, place, chosen.row, chosen.column])
  const most = roundUp(mostOf(look.values))
  const bias = look.bias[unit]!
  // It follows the search alone, and is not drawn again with each look.
  const excites = useMemo(
    () => <Excites key={`${info.path} ${unit}`} lab={lab} info={info} unit={unit} />,
    [lab, info, unit],
  )
  const sum = printSum([...parts.map(part => part.values[chosen.at]!), bias], 2)
  return (
    <>
      <nav aria-label={`The ${info.shape[0]} maps of ${info.path}`}>
        <Maps lab={lab} info={info} look={look} chosen={unit} side={40} />
      </nav>
      <div class="stage">
        <Equations lab={lab} info={info} unit={unit} parts={parts} chosen={chosen} sum={sum} />
        <svg class="brace" viewBox="0 0 32 100" preserveAspectRatio="none" aria-hidden="true">
          <path d="M2 2q8 0 8 4V46q0 4 10 4q-10 0-10 4V94q0 4-8 4M20 50h12" vector-effect="non-scaling-stroke" />
        </svg>
        <div>
          <p class="micro quiet above">
            sum of the {parts.length === 1 ? 'part' : `${parts.length} parts`} + bias, {momentOf(info)}
          </p>
          <BigMap lab={lab} info={info} place={place} values={values} most={most} chosen={chosen} />
          <div class="under">
            <p class="small">
              <b>
                row {chosen.row}, column {chosen.column}
              </b>{' '}
              <span class="quiet">
                {sum.total} {momentOf(info)}
              </span>
            </p>
            <div class="scale">
              <Ramp />
              <p class="micro quiet">
                <span>−{plain(most)}</span>
                <span>0</span>
                <span>{plain(most)}</span>
              </p>
            </div>
          </div>
          <p class="small">
            <button
              type="button"
              onClick={() => lab.openCell({ layer: info.path, unit, row: chosen.row, column: chosen.column })}
            >
              Take this cell apart in Convolve
            </button>
          </p>
        </div>
      </div>
      {lab.kind === 'image' && excites}
    </>
  )
}

/** The cell of the place, or the strongest of the map. */
function chosenCell(place: Place, values: Float32Array, rows: number, columns: number): Chosen {
  const isThere = place.row !== undefined && place.column !== undefined && place.row < rows && place.column < columns
  const at = isThere ? place.row! * columns + place.column! : strongestCell(values)
  return { row: Math.floor(at / columns), column: at % columns, at }
}

interface EquationsProps {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly unit: number
  readonly parts: readonly Part[]
  readonly chosen: Chosen
  readonly sum: PrintedSum
}

function Equations({ lab, info, unit, parts, chosen, sum }: EquationsProps) {
  const shown = [...parts].sort((a, b) => mostOf(b.values) - mostOf(a.values)).slice(0, mostParts)
  const kept = parts.filter(part => shown.includes(part))
  const inputMost = roundUp(mostOf(...parts.map(({ input }) => input)))
  const kernelMost = roundUp(mostOf(...parts.map(({ kernel }) => kernel)))
  const partMost = roundUp(mostOf(...parts.map(({ values }) => values)))
  const left = parts.length - kept.length
  return (
    <div class="equations">
      <p class="micro quiet">input</p>
      <span />
      <p class="micro quiet">kernel, drag</p>
      <span />
      <p class="micro quiet">part</p>
      <p class="micro quiet end">at this cell</p>
      {kept.map(part => (
        <Equation
          key={part.channel}
          lab={lab}
          info={info}
          unit={unit}
          part={part}
          channel={parts.indexOf(part)}
          chosen={chosen}
          scales={{ inputMost, kernelMost, partMost }}
          printed={sum.terms[parts.indexOf(part)]!}
        />
      ))}
      {left > 0 && <p class="small quiet label">+{whole(left)} weaker parts</p>}
      <p class="small quiet label">bias</p>
      <output>{sum.terms.at(-1)}</output>
      {sum.rounding !== undefined && (
        <>
          <p class="small quiet label">rounding</p>
          <output>{sum.rounding}</output>
        </>
      )}
      <p class="small quiet label">sum</p>
      <output class="sum-line" aria-live="polite">
        <b>{sum.total}</b>
      </output>
    </div>
  )
}

interface EquationProps {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly unit: number
  readonly part: Part
  /** Counted within the filter. */
  readonly channel: number
  readonly chosen: Chosen
  readonly scales: { readonly inputMost: number; readonly kernelMost: number; readonly partMost: number }
  readonly printed: string
}

function Equation({ lab, info, unit, part, channel, chosen, scales, printed }: EquationProps) {
  const [, height = 1, width = 1] = info.input
  const [, , kernelRows = 1] = info.weight
  const [, rows = 1, columns = 1] = info.shape
  const { stride, padding } = info.window!
  const inputCell = Math.max(1, Math.floor(70 / Math.max(height, width)))
  const partCell = Math.max(1, Math.floor(70 / Math.max(rows, columns)))
  const [top, left] = [chosen.row * stride - padding, chosen.column * stride - padding]
  return (
    <>
      <div class="framed">
        <ValueMap
          values={part.input}
          width={width}
          height={height}
          cell={inputCell}
          most={scales.inputMost}
          label={`Input map ${part.channel}`}
        />
        <Outline top={top} left={left} bottom={top + kernelRows} right={left + kernelRows} cell={inputCell} />
      </div>
      <span class="operator" aria-hidden="true">
        ∗
      </span>
      <Kernel lab={lab} info={info} unit={unit} channel={channel} kernel={part.kernel} most={scales.kernelMost} />
      <span class="operator" aria-hidden="true">
        =
      </span>
      <div class="framed">
        <ValueMap
          values={part.values}
          width={columns}
          height={rows}
          cell={partCell}
          most={scales.partMost}
          label={`Part of input map ${part.channel}`}
        />
        <Outline {...cellAt(chosen.row, chosen.column)} cell={partCell} />
      </div>
      <output>{printed}</output>
    </>
  )
}

interface BigMapProps {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly place: Place
  readonly values: Float32Array
  readonly most: number
  readonly chosen: Chosen
}

/** CSS pixels of the large map where the window is wide enough, and the smallest cell that holds a number. */
const [side, numbered] = [400, 26]

/** The map at 400 pixels; small maps have their numbers in them. */
function BigMap({ lab, info, place, values, most, chosen }: BigMapProps) {
  const [, rows = 1, columns = 1] = info.shape
  const cell = Math.floor(Math.min(side, windowWidth.value - 32) / Math.max(rows, columns))
  const ground = theme.value
  const choose = (row: number, column: number): void => {
    const isSame = place.row === row && place.column === column
    // A second click goes on, into the cell.
    if (isSame) lab.openCell({ ...place, row, column })
    else lab.place.value = { ...place, row, column }
  }
  const hover = (row: number, column: number): void => {
    lab.hovered.value = { layer: info.path, row, column }
  }
  const placeOf = (event: MouseEvent): readonly [number, number] => {
    const { left, top } = (event.currentTarget as HTMLElement).getBoundingClientRect()
    const within = (at: number, size: number): number => Math.max(0, Math.min(size - 1, Math.floor(at / cell)))
    return [within(event.clientY - top, rows), within(event.clientX - left, columns)]
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const move = moves[event.key]
    if (event.key === 'Enter') lab.openCell({ ...place, row: chosen.row, column: chosen.column })
    else if (!move) return
    else {
      lab.place.value = {
        ...place,
        row: (chosen.row + move[0] + rows) % rows,
        column: (chosen.column + move[1] + columns) % columns,
      }
    }
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div
      class="big-map"
      role="application"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys
      tabIndex={0}
      aria-label={`Map ${place.unit} of ${info.path}, ${rows} by ${columns} cells; row ${chosen.row}, column ${chosen.column}: ${fixed(values[chosen.at]!, 2)}. Arrows choose a cell, Enter takes it apart.`}
      style={{ width: `${columns * cell}px`, height: `${rows * cell}px` }}
      onClick={event => choose(...placeOf(event))}
      onPointerMove={event => hover(...placeOf(event))}
      onPointerLeave={() => {
        lab.hovered.value = undefined
      }}
      onKeyDown={onKeyDown}
    >
      <ValueMap values={values} width={columns} height={rows} cell={cell} most={most} />
      {cell >= numbered && (
        <div class="map-numbers" aria-hidden="true" style={{ '--columns': columns, '--cell': `${cell}px` }}>
          {Array.from(values, (value, k) => (
            <span key={k} style={numberStyle(value, most, ground)}>
              {fixed(value, 1)}
            </span>
          ))}
        </div>
      )}
      <Outline {...cellAt(chosen.row, chosen.column)} cell={cell} />
    </div>
  )
}

/** Numbers near zero are quiet; the ground they stand on is said for who measures contrast. */
function numberStyle(value: number, most: number, ground: 'light' | 'dark'): Record<string, string> {
  const color = colorOf(value, most, ground)
  return { background: css(color), color: Math.abs(value) < 0.04 * most ? 'var(--quiet)' : textOn(color) }
}
