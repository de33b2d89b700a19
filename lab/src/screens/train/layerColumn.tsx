/** A layer as a column: its head, its maps or units, the scale, and what it does with many images. */
import { digits, percent, plain, whole } from '../../draw/format.ts'
import { Ramp, ValueMap } from '../../draw/raster.tsx'
import type { Lab } from '../../state/lab.ts'
import { isDeep } from '../../state/layers.ts'
import type { LayerInfo, Look } from '../../worker/protocol.ts'
import { arrangement, type Column, columnOf, type Tile } from './columns.ts'
import { Histogram, RatioBand } from './statistics.tsx'
import { OutputBars, UnitGrid } from './units.tsx'

interface LayerColumnProps {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly look: Look
  readonly index: number
}

/** Widest window that is a phone's, as in the style sheets. */
const phone = 640
/** CSS pixels that maps may take, one below the other. */
const [room, gap] = [376, 8]
/** Maps beside each other up to which there is room for what passes on of each. */
const mostPairs = 2

/** The column. */
export function LayerColumn({ lab, info, look, index }: LayerColumnProps) {
  const mode = lab.mode.value
  const column = columnOf(info, look, index, mode)
  const isLast = index === lab.opened.value!.layers.length - 1
  const statistics = lab.statistics.value?.layers[index]
  const count = lab.statistics.value?.count
  const { ratio } = look.layers[index]!
  const sampled = `${count === undefined ? '' : whole(count)} test ${lab.kind}s`
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
      <div class="scale">
        <Ramp oneSided={column.kind === 'units' && column.oneSided} />
        <p class="micro quiet">
          <span>{column.kind === 'units' && column.oneSided ? '' : column.most ? `−${plain(column.most)}` : ''}</span>
          <span>0</span>
          <span>{column.most ? plain(column.most) : ''}</span>
        </p>
      </div>
      <div class="stat histogram" data-name={`before ReLU, n = ${count === undefined ? '…' : whole(count)}`}>
        {statistics && <Histogram statistics={statistics} label={`${info.path} before ReLU, ${sampled}`} />}
      </div>
      <p class="stat small" data-name="cut to zero">
        {!info.hasRelu ? <span class="quiet">no ReLU</span> : statistics && <b>{percent(statistics.zero, 0)}</b>}
      </p>
      <p class="stat small" data-name="always zero">
        {!info.hasRelu ? (
          <span class="quiet">–</span>
        ) : (
          statistics && (
            <>
              <b class={statistics.dead.length > 0 ? 'wrong' : ''}>{statistics.dead.length}</b>{' '}
              <span class="quiet">of {info.shape[0]}</span>
            </>
          )
        )}
      </p>
      <div class="stat ratio" data-name="‖Δw‖ / ‖w‖">
        <RatioBand ratio={ratio} />
        <b class="small">{ratio > 0 ? digits(ratio) : '–'}</b>
      </div>
    </section>
  )
}

function Body(props: {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly column: Column
  readonly isLast: boolean
}) {
  const { lab, info, column, isLast } = props
  if (column.kind === 'tiles') return <Tiles lab={lab} info={info} column={column} />
  if (isLast && info.shape[0]! <= 20) return <OutputBars lab={lab} column={column} />
  return <UnitGrid lab={lab} info={info} column={column} across={innerWidth <= phone ? 18 : 6} />
}

function Tiles({
  lab,
  info,
  column,
}: {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly column: Extract<Column, { kind: 'tiles' }>
}) {
  const [first] = column.tiles
  if (!first) return null
  const isNarrow = isDeep(lab.opened.value!.layers)
  const { cell, rows } = arrangement([first.height, first.width], { room, gap, isNarrow })
  const columns = Math.ceil(column.tiles.length / rows)
  return (
    <>
      <div class="tiles" style={{ '--rows': rows, '--columns': columns }}>
        {column.tiles.map(({ passed, ...tile }) => (
          <MapTile
            key={tile.unit}
            lab={lab}
            info={info}
            tile={passed && columns <= mostPairs ? { ...tile, passed } : tile}
            cell={cell}
            most={column.most}
          />
        ))}
      </div>
      {column.left > 0 && <p class="micro quiet">+{whole(column.left)}, the 24 strongest are shown</p>}
    </>
  )
}

interface MapTileProps {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly tile: Tile
  readonly cell: number
  readonly most: number
}

function MapTile({ lab, info, tile, cell, most }: MapTileProps) {
  const { unit, values, width, height, passed } = tile
  const isMap = lab.mode.value === 'values' || lab.mode.value === 'gradients'
  const onPointerMove = (event: PointerEvent): void => {
    if (!isMap) return
    const { left, top } = (event.currentTarget as HTMLElement).getBoundingClientRect()
    const row = Math.floor((event.clientY - top) / cell)
    const column = Math.floor((event.clientX - left) / cell)
    if (row < height && column < width) lab.hovered.value = { layer: info.path, unit, row, column }
  }
  return (
    <button
      type="button"
      class="tile"
      title={`${info.path} · ${unit}: open in Look`}
      aria-label={`Map ${unit} of ${info.path}: open in Look`}
      onPointerMove={onPointerMove}
      onPointerLeave={() => {
        lab.hovered.value = undefined
      }}
      onClick={() => lab.showPlace({ layer: info.path, unit })}
    >
      <ValueMap values={values} width={width} height={height} cell={cell} most={most} />
      {passed && <ValueMap {...passed} cell={cell} most={most} />}
    </button>
  )
}
