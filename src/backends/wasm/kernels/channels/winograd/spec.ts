/** The numbers of a Winograd convolution: tiles, strides, and the place of a tile. */

import { type FormSpec, formOf } from '../../../../cpu/kernels/channels/winograd/form.ts'
import type { MomentKind } from '../../../../cpu/layouts/convolution.ts'
import type { FunctionBuilder, Local } from '../../../emit/assembler.ts'
import type { MachineTile } from '../../../emit/tile.ts'
import { panelWidth } from '../direct/packing.ts'

/** A convolution or its input gradient over volumes `[N, C, H, W]` that are stored channels last. */
export interface WinogradSpec extends FormSpec {
  readonly source: readonly number[]
  readonly result: readonly number[]
  /** Tiles that a thread takes through all three stages at a time. */
  readonly chunk: number
  readonly tile: MachineTile
  /** Moments of the result to store as well, a row for every row of tiles; chunks are then whole rows. */
  readonly moments?: MomentKind
}

/** Numbers that follow from a spec. */
export function winogradSizes(spec: WinogradSpec): {
  tileRows: number
  tileColumns: number
  tiles: number
  positions: number
  /** Number of positions with separate weights. */
  weightPositions: number
  panels: number
  width: number
  /** Bytes from the values of one position to those of the next, before and after the products. */
  inputStride: number
  productStride: number
  weightStride: number
} {
  const { source, result, chunk, tile } = spec
  const { matrices, resultStep } = formOf(spec)
  const tileRows = Math.ceil(result[2] / resultStep)
  const tileColumns = Math.ceil(result[3] / resultStep)
  const tiles = result[0] * tileRows * tileColumns
  const width = panelWidth(result[1], tile)
  const panels = Math.ceil(result[1] / width)
  const rows = Math.min(chunk, tiles)
  return {
    tileRows,
    tileColumns,
    tiles,
    positions: matrices.input.length ** 2,
    weightPositions: matrices.weights.length ** 2,
    panels,
    width,
    inputStride: spread(rows * source[1] * 4),
    productStride: spread(rows * panels * width * 4),
    weightStride: spread(panels * source[1] * width * 4),
  }
}

/** Number of positions of the result behind each row of its moments. */
export function winogradMoments(spec: WinogradSpec): number[] {
  const [batch, , height, width] = spec.result
  const { resultStep } = formOf(spec)
  const { tileRows } = winogradSizes(spec)
  return Array.from(
    { length: batch * tileRows },
    (_, row) => Math.min(resultStep, height - (row % tileRows) * resultStep) * width,
  )
}

/**
 * Rounds up to an odd number of cache lines, so that the values of a tile's positions fall into different cache sets.
 */
export function spread(bytes: number): number {
  const lines = Math.ceil(bytes / 64)
  return (lines + 1 - (lines % 2)) * 64
}

/** Tiles over an image, `step` rows and columns apart. */
export interface TileGrid {
  readonly tileRows: number
  readonly tileColumns: number
  readonly step: number
}

/** The place of a tile: image, and row and column of its first result. */
export class TilePlace {
  readonly row: Local
  readonly column: Local
  readonly image: Local
  readonly #f: FunctionBuilder
  readonly #grid: TileGrid

  constructor(f: FunctionBuilder, grid: TileGrid) {
    const [row, column, image] = f.localArray('i32', 3)
    this.#f = f
    this.#grid = grid
    this.row = row
    this.column = column
    this.image = image
  }

  locate(tile: Local): void {
    const f = this.#f
    const { row, column, image } = this
    const { tileRows, tileColumns, step } = this.#grid
    f.get(tile).modulo(tileColumns).times(step).set(column)
    f.get(tile).over(tileColumns).modulo(tileRows).times(step).set(row)
    f.get(tile)
      .over(tileColumns * tileRows)
      .set(image)
  }
}
