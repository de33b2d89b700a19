/** What the columns of Train show of a layer, in each mode: tiles of cells, on one scale. */
import { mostOf, roundUp } from '../../draw/scale.ts'
import type { Mode } from '../../state/lab.ts'
import type { LayerInfo, LayerLook, Look } from '../../worker/protocol.ts'

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

/** A column. */
export type Column =
  /** Maps or kernels, in order; `left` more are not shown. */
  | { readonly kind: 'tiles'; readonly tiles: readonly Tile[]; readonly left: number; readonly most: number }
  /** One value a unit; norms have nothing below zero. */
  | { readonly kind: 'units'; readonly values: Float32Array; readonly most: number; readonly oneSided: boolean }

/** The column of a layer, the k-th. */
export function columnOf(info: LayerInfo, network: Look, k: number, mode: Mode): Column {
  const look = network.layers[k]!
  if (info.kind === 'linear') return unitsOf(info, look, mode)
  const tiles =
    mode === 'weights' || mode === 'change'
      ? kernelsOf(info, mode === 'weights' ? look.weights : look.change)
      : mapsOf(info, network, look, mode)
  const shown = tiles.length > mostMaps ? strongest(tiles) : tiles
  return {
    kind: 'tiles',
    tiles: shown,
    left: tiles.length - shown.length,
    most: roundUp(mostOf(...tiles.map(({ values }) => values))),
  }
}

function unitsOf(info: LayerInfo, look: LayerLook, mode: Mode): Column {
  if (mode === 'values' || mode === 'gradients') {
    const values = look[mode]
    return { kind: 'units', values, most: roundUp(mostOf(values)), oneSided: false }
  }
  const rows = mode === 'weights' ? look.weights : look.change
  const size = info.weight[1]!
  const norms = Float32Array.from({ length: info.weight[0]! }, (_, unit) =>
    Math.hypot(...rows.subarray(unit * size, (unit + 1) * size)),
  )
  return { kind: 'units', values: norms, most: roundUp(mostOf(norms)), oneSided: true }
}

function mapsOf(
  { shape, passed }: LayerInfo,
  { volumes, volumeGradients }: Look,
  look: LayerLook,
  mode: 'values' | 'gradients',
): Tile[] {
  const [units = 0, height = 1, width = 1] = shape
  const size = height * width
  const next = passed && (mode === 'values' ? volumes : volumeGradients)[passed.volume]!
  const [, rows = 1, columns = 1] = passed?.shape ?? []
  return Array.from({ length: units }, (_, unit) => ({
    unit,
    values: look[mode].subarray(unit * size, (unit + 1) * size),
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
  const strength = (tile: Tile): number => tile.values.reduce((sum, value) => sum + Math.abs(value), 0)
  return [...tiles]
    .sort((a, b) => strength(b) - strength(a))
    .slice(0, mostMaps)
    .sort((a, b) => a.unit - b.unit)
}

/** Where maps of a size lie in a column of a height: pixels of a cell, and maps below each other. */
export function arrangement(
  [height, width]: readonly [number, number],
  { room, gap, isNarrow }: { readonly room: number; readonly gap: number; readonly isNarrow: boolean },
): { readonly cell: number; readonly rows: number } {
  const size = Math.max(height, width)
  const side = isNarrow ? 36 : size > 28 ? 80 : 56
  const cell = Math.max(1, Math.min(11, Math.floor(side / size), height <= 16 && height > 6 ? 4 : 11))
  return { cell, rows: Math.max(1, Math.floor((room + gap) / (height * cell + gap))) }
}
