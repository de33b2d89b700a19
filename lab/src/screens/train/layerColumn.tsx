/**
 * A layer as a column: its head, its maps or units, the scale, and what it does with many images. It is rendered once; what
 * changes while the network learns are texts, attributes and canvases, each by a signal of its own.
 */
import { type ReadonlySignal, useComputed } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { digits, percent, plain, whole } from '../../draw/format.ts'
import { Ramp } from '../../draw/raster.tsx'
import type { Lab } from '../../state/lab.ts'
import type { LayerInfo } from '../../worker/protocol.ts'
import { type Column, columnOf, type TilesColumn, type UnitsColumn } from './columns.ts'
import { Histogram, RatioBand } from './statistics.tsx'
import { Tiles } from './tiles.tsx'
import { OutputBars, UnitGrid } from './units.tsx'

interface LayerColumnProps {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly index: number
}

/** The column. */
export function LayerColumn({ lab, info, index }: LayerColumnProps) {
  const column = useColumn({ lab, info, index })
  const isLast = index === lab.opened.value!.layers.length - 1
  return (
    <section class={`column ${info.kind}`} aria-label={info.path} data-layer={info.path}>
      <div class="head">
        <h2>{info.path}</h2>
        <p class="micro quiet">
          {info.kind === 'conv'
            ? info.shape.join(' × ')
            : `${info.input.reduce((a, b) => a * b, 1)} → ${info.shape[0]}${isLast ? ' logits' : ''}`}
        </p>
        <p class="micro quiet">{whole(info.parameters)} parameters</p>
      </div>
      <div class="maps-place">
        <Body lab={lab} info={info} column={column} isLast={isLast} />
      </div>
      <Scale column={column} />
      <Counted lab={lab} info={info} index={index} />
      <Ratio lab={lab} index={index} />
    </section>
  )
}

/** What is shown of the layer. After another mode was chosen, what was shown stays until the network was looked at in that way. */
function useColumn({ lab, info, index }: LayerColumnProps): ReadonlySignal<Column> {
  const last = useRef<Column>(
    info.kind === 'conv'
      ? { kind: 'tiles', tiles: [], left: 0, most: 0 }
      : { kind: 'units', values: new Float32Array(info.shape[0]!), most: 0, oneSided: false },
  )
  return useComputed(() => {
    const look = lab.look.value
    if (look?.layers[index]) last.current = columnOf(info, look, index, lab.mode.value) ?? last.current
    return last.current
  })
}

function Body(props: {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly column: ReadonlySignal<Column>
  readonly isLast: boolean
}) {
  const { lab, info, column, isLast } = props
  if (info.kind === 'conv') return <Tiles lab={lab} info={info} column={column as ReadonlySignal<TilesColumn>} />
  const units = column as ReadonlySignal<UnitsColumn>
  if (isLast && info.shape[0]! <= 20) return <OutputBars lab={lab} column={units} />
  return <UnitGrid lab={lab} info={info} column={() => units.value} />
}

/** The legend: the maximum of the layer is told. */
function Scale({ column }: { readonly column: ReadonlySignal<Column> }) {
  const isOneSided = useComputed(() => column.value.kind === 'units' && column.value.oneSided)
  const most = useComputed(() => (column.value.most ? plain(column.value.most) : ''))
  const least = useComputed(() => (isOneSided.value || most.value === '' ? '' : `−${most.value}`))
  return (
    <div class="scale">
      <Ramp oneSided={isOneSided.value} />
      <p class="micro quiet">
        <span>{least}</span>
        <span>0</span>
        <span>{most}</span>
      </p>
    </div>
  )
}

/** What the layer does with many test images. */
function Counted({ lab, info, index }: LayerColumnProps) {
  const statistics = useComputed(() => lab.statistics.value?.layers[index])
  const count = useComputed(() => lab.statistics.value?.count)
  const isCounted = useComputed(() => statistics.value !== undefined)
  const cut = useComputed(() => (statistics.value ? percent(statistics.value.zero, 0) : ''))
  const dead = useComputed(() => statistics.value?.dead.length ?? 0)
  const wrong = useComputed(() => (dead.value > 0 ? 'wrong' : ''))
  const told = count.value === undefined ? '…' : whole(count.value)
  return (
    <>
      <div class="stat histogram" data-name={`before ReLU, n = ${told}`}>
        {isCounted.value && (
          <Histogram statistics={statistics} label={`${info.path} before ReLU, ${told} test ${lab.kind}s`} />
        )}
      </div>
      <p class="stat small" data-name="cut to zero">
        {info.hasRelu ? isCounted.value && <b>{cut}</b> : <span class="quiet">no ReLU</span>}
      </p>
      <p class="stat small" data-name="always zero">
        {!info.hasRelu ? (
          <span class="quiet">–</span>
        ) : (
          isCounted.value && (
            <>
              <b class={wrong}>{dead}</b> <span class="quiet">of {info.shape[0]}</span>
            </>
          )
        )}
      </p>
    </>
  )
}

/** How far the last step has moved the weights. */
function Ratio({ lab, index }: Omit<LayerColumnProps, 'info'>) {
  const ratio = useComputed(() => lab.look.value?.layers[index]?.ratio ?? 0)
  const text = useComputed(() => (ratio.value > 0 ? digits(ratio.value) : '–'))
  return (
    <div class="stat ratio" data-name="‖Δw‖ / ‖w‖">
      <RatioBand ratio={ratio} />
      <b class="small">{text}</b>
    </div>
  )
}
