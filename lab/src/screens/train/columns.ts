/** What the columns of Train show of a layer, in each mode: tiles of cells, on one scale. */
import { mostOf, roundUp } from '../../draw/scale.ts'
import type { LayerInfo, Look, Mode } from '../../worker/protocol.ts'

/** Maps that fit into a column; of more the strongest are shown. */
export const mostMaps = 24

/** A map, or the kernels of one, with its place among the values. */
export interface Tile {
  readonly unit: number
  readonly values: Float32Array
  readonly width: number
  readonly height: number
  /** What passes on of a map, after ReLU and pooling. */
  readonly passed?: { readonly values: Float32Array; readonly width: number; readonly height: number }
}

/** Maps or kernels, in order; `left` more are not shown. */
export interface TilesColumn {
  readonly kind: 'tiles'
  readonly tiles: readonly Tile[]
  readonly left: number
  readonly most: number
}

/** One value a unit; norms have nothing below zero. */
export interface UnitsColumn {
  readonly kind: 'units'
  readonly values: Float32Array
  readonly most: number
  readonly oneSided: boolean
}

/** A column. */
export type Column = TilesColumn | UnitsColumn

/** The column of a layer, the k-th; none while the network was not looked at in that way. */
export function columnOf(info: LayerInfo, network: Look, k: number, mode: Mode): Column | undefined {
  const look = network.layers[k]!
  const values = look[mode]
  if (!values) return undefined
  const isOfWeights = mode === 'weights' || mode === 'change'
  if (info.kind === 'linear') return unitsOf(info, values, isOfWeights)
  const volumes = mode === 'values' ? network.volumes : network.volumeGradients
  const tiles = isOfWeights ? kernelsOf(info, values) : mapsOf(info, values, volumes)
  const shown = tiles.length > mostMaps ? strongest(tiles) : tiles
  return {
    kind: 'tiles',
    tiles: shown,
    left: tiles.length - shown.length,
    most: roundUp(mostOf(...tiles.map(({ values }) => values))),
  }
}

function unitsOf({ weight }: LayerInfo, values: Float32Array, isOfWeights: boolean): UnitsColumn {
  if (!isOfWeights) return { kind: 'units', values, most: roundUp(mostOf(values)), oneSided: false }
  const size = weight[1]!
  const norms = Float32Array.from({ length: weight[0]! }, (_, unit) => normOf(values, unit * size, size))
  return { kind: 'units', values: norms, most: roundUp(mostOf(norms)), oneSided: true }
}

function normOf(values: Float32Array, from: number, size: number): number {
  let sum = 0
  for (let k = from; k < from + size; k++) sum += values[k]! * values[k]!
  return Math.sqrt(sum)
}

function mapsOf({ shape, passed }: LayerInfo, values: Float32Array, volumes: Look['volumes'] | undefined): Tile[] {
  const [units = 0, height = 1, width = 1] = shape
  const size = height * width
  const next = passed && volumes?.[passed.volume]
  const [, rows = 1, columns = 1] = passed?.shape ?? []
  return Array.from({ length: units }, (_, unit) => ({
    unit,
    values: values.subarray(unit * size, (unit + 1) * size),
    width,
    height,
    ...(next && {
      passed: {
        values: next.subarray(unit * rows * columns, (unit + 1) * rows * columns),
        width: columns,
        height: rows,
      },
    }),
  }))
}

/** The kernels of each filter side by side, with a cell of paper between them. */
function kernelsOf({ weight }: LayerInfo, values: Float32Array): Tile[] {
  const [units = 0, inputs = 1, rows = 1, columns = 1] = weight
  const across = Math.ceil(Math.sqrt(inputs * 1.4))
  const down = Math.ceil(inputs / across)
  const width = across * (columns + 1) - 1
  const height = down * (rows + 1) - 1
  return Array.from({ length: units }, (_, unit) => {
    const tile = new Float32Array(width * height)
    for (let k = 0; k < inputs; k++) {
      const top = Math.floor(k / across) * (rows + 1)
      const left = (k % across) * (columns + 1)
      for (let y = 0; y < rows; y++) {
        const from = ((unit * inputs + k) * rows + y) * columns
        tile.set(values.subarray(from, from + columns), (top + y) * width + left)
      }
    }
    return { unit, values: tile, width, height }
  })
}

/** The tiles with the largest mean magnitude, in their own order. */
function strongest(tiles: readonly Tile[]): Tile[] {
  const strengths = tiles.map(({ values }) => values.reduce((sum, value) => sum + Math.abs(value), 0))
  const order = Array.from(tiles.keys()).sort((a, b) => strengths[b]! - strengths[a]!)
  return order
    .slice(0, mostMaps)
    .sort((a, b) => a - b)
    .map(k => tiles[k]!)
}

/** Where tiles lie: pixels of a cell, and of each tile the upper left corner. */
export interface Arrangement {
  readonly cell: number
  readonly places: readonly { readonly left: number; readonly top: number }[]
  /** Of one tile, with what passes on of it; and of all. */
  readonly tile: readonly [width: number, height: number]
  readonly size: readonly [width: number, height: number]
  /** Whether there is room for what passes on of each map. */
  readonly hasPassed: boolean
}

/** What tiles have to fit into. */
export interface Room {
  /** Pixels from side to side, where tiles lie in rows; none: they lie in columns, as many as it takes. */
  readonly width?: number | undefined
  /** Whether there are many layers. */
  readonly isDeep: boolean
  /** Whether there is no room for what passes on. */
  readonly isSmall: boolean
}

/** Pixels that tiles may take, one below the other. */
const height = 376
/** Between tiles one above the other, and between a map and what passes on of it. */
const [down, pair] = [8, 6]
/** Between tiles side by side, and where there are many of them. */
const [usualGap, narrowGap, many] = [10, 4, 4]
/** Tiles beside each other up to which there is room for what passes on of each. */
const mostPairs = 2

/** The arrangement of tiles, all of the size of the first. */
export function arrangement(tiles: readonly Tile[], room: Room): Arrangement {
  const { width, height: rows, passed } = tiles[0]!
  const size = Math.max(rows, width)
  const side = room.isDeep ? 36 : size > 28 ? 80 : 56
  const cell = Math.max(1, Math.min(11, Math.floor(side / size), rows <= 16 && rows > 6 ? 4 : 11))
  const high = rows * cell
  const fitting = Math.max(1, Math.floor((height + down) / (high + down)))
  const columns = Math.ceil(tiles.length / fitting)
  // Columns of the same length: sixteen maps are four by four, and not three fives and one.
  const perColumn = Math.ceil(tiles.length / columns)
  const across = room.width === undefined && columns >= many ? narrowGap : usualGap
  const hasPassed = passed !== undefined && !room.isDeep && !room.isSmall && columns <= mostPairs
  const wide = width * cell + (hasPassed ? pair + passed.width * cell : 0)
  // Rows of the same length, too.
  const mostInRow = Math.max(1, Math.floor(((room.width ?? 0) + across) / (wide + across)))
  const perRow = Math.ceil(tiles.length / Math.ceil(tiles.length / mostInRow))
  const places = tiles.map((_, k) => {
    const [column, row] =
      room.width === undefined ? [Math.floor(k / perColumn), k % perColumn] : [k % perRow, Math.floor(k / perRow)]
    return { left: column * (wide + across), top: row * (high + down) }
  })
  const far = (from: 'left' | 'top', own: number): number => Math.max(...places.map(place => place[from])) + own
  return { cell, places, tile: [wide, high], size: [far('left', wide), far('top', high)], hasPassed }
}

/** Pixels from the left edge of a tile to what passes on of its map. */
export const passedFrom = (tile: Tile, cell: number): number => tile.width * cell + pair
