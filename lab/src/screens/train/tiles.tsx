/** The maps or kernels of a layer: one canvas for all of them, and a button over each. */
import { type ReadonlySignal, useComputed } from '@preact/signals'
import { whole } from '../../draw/format.ts'
import { paintFrame, paintMap, pixelOf, pixelScale } from '../../draw/pixels.ts'
import { Canvas } from '../../draw/raster.tsx'
import { lineOf } from '../../draw/scale.ts'
import { isPhone, isSmall, useSize } from '../../draw/size.ts'
import type { Lab } from '../../state/lab.ts'
import { isDeep } from '../../state/layers.ts'
import { theme } from '../../state/theme.ts'
import type { LayerInfo } from '../../worker/protocol.ts'
import { type Arrangement, arrangement, passedFrom, type Tile, type TilesColumn } from './columns.ts'

interface TilesProps {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly column: ReadonlySignal<TilesColumn>
}

/** The tiles. They are arranged again when others are shown, and drawn again when their values are others. */
export function Tiles({ lab, info, column }: TilesProps) {
  const { element, size } = useSize()
  const which = useComputed(() => {
    const { tiles } = column.value
    const [{ width, height, passed } = { width: 0, height: 0 }] = tiles
    return `${width} ${height} ${passed?.width} ${tiles.map(({ unit }) => unit).join(' ')}`
  })
  // What is arranged does not depend on values: others of them need no other arrangement.
  const { tiles, left } = which.value ? column.peek() : { tiles: [], left: 0 }
  return (
    <div ref={element}>
      {tiles.length > 0 && (
        <Laid {...{ lab, info, column, tiles }} across={isPhone.value ? size.value.width : undefined} />
      )}
      {left > 0 && <p class="micro quiet">+{whole(left)}, the 24 strongest are shown</p>}
    </div>
  )
}

interface LaidProps extends TilesProps {
  readonly tiles: readonly Tile[]
  /** Pixels from side to side, where tiles lie in rows. */
  readonly across: number | undefined
}

function Laid({ lab, info, column, tiles, across }: LaidProps) {
  const deep = isDeep(lab.opened.value!.layers)
  const laid = arrangement(tiles, { isDeep: deep, isSmall: isSmall.value, width: across })
  const [width, height] = laid.size
  return (
    <div class="tiles" style={{ width: `${width}px`, height: `${height}px` }}>
      <Canvas width={width + 2} height={height + 2} paint={pixels => paintTiles(pixels, column.value, laid)} />
      {tiles.map((tile, k) => (
        <TileButton key={tile.unit} lab={lab} info={info} tile={tile} laid={laid} at={laid.places[k]!} />
      ))}
    </div>
  )
}

/** All tiles, each with a line around it. */
function paintTiles(pixels: Uint32Array, { tiles, most }: TilesColumn, laid: Arrangement): void {
  const { cell, places, size, hasPassed } = laid
  const [color, line] = [pixelScale(most, theme.value), pixelOf(lineOf(theme.value))]
  const stride = size[0] + 2
  pixels.fill(0)
  tiles.forEach((tile, k) => {
    // The canvas begins a pixel above and before the tiles, where their lines are.
    const [left, top] = [places[k]!.left + 1, places[k]!.top + 1]
    const paint = (map: Omit<Tile, 'unit'>, from: number): void => {
      const place = { stride, left: from, top, cell }
      paintFrame(pixels, place, [map.width * cell, map.height * cell], line)
      paintMap(pixels, place, map, color)
    }
    paint(tile, left)
    if (hasPassed && tile.passed) paint(tile.passed, left + passedFrom(tile, cell))
  })
}

interface TileButtonProps {
  readonly lab: Lab
  readonly info: LayerInfo
  readonly tile: Tile
  readonly laid: Arrangement
  readonly at: { readonly left: number; readonly top: number }
}

function TileButton({ lab, info, tile: { unit, width, height }, laid, at }: TileButtonProps) {
  const { cell } = laid
  const onPointerMove = (event: PointerEvent): void => {
    const mode = lab.mode.peek()
    if (mode !== 'values' && mode !== 'gradients') return
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
      style={{
        left: `${at.left}px`,
        top: `${at.top}px`,
        width: `${laid.tile[0]}px`,
        height: `${laid.tile[1]}px`,
      }}
      onPointerMove={onPointerMove}
      onPointerLeave={() => {
        lab.hovered.value = undefined
      }}
      onClick={() => lab.showPlace({ layer: info.path, unit })}
    />
  )
}
