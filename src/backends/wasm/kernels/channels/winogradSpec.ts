/** The numbers of a Winograd convolution: tiles, strides, and where a tile lies. */
import type { Conv2dAttributes } from '../../../../graph/ops/conv2d.ts'
import type { MomentKind } from '../../../../plan/convolution.ts'
import type { FunctionBuilder, Local } from '../../assembler.ts'
import type { TileShape } from '../../tile.ts'
import { panelWidth } from './packing.ts'
import { type WinogradMatrices, winogradMatrices } from './winogradMatrices.ts'

/** A correlation with a kernel of r × r at stride 1 over volumes `[N, C, H, W]` that lie channels last. */
export interface WinogradSpec {
  readonly direction: 'forward' | 'inputGradient'
  /** Result (i, j) sees source rows i − lead … i − lead + r − 1, and so the columns. */
  readonly lead: readonly [number, number]
  readonly source: readonly number[]
  /** Shape of the weights `[O, I, r, r]`. */
  readonly weights: readonly number[]
  readonly result: readonly number[]
  /** m, rows and columns of a tile of the result. */
  readonly outputs: number
  /** Tiles a thread takes through all three stages at a time. */
  readonly chunk: number
  readonly tile: TileShape
  /** Moments of the result that are stored as well, a row for every row of tiles; chunks are then whole rows. */
  readonly moments?: MomentKind
}

/** m of the forms F(m×m, r×r) that there are, by r. */
const forms: Readonly<Record<number, readonly number[]>> = { 3: [2, 4], 5: [2] }

/** Every m for which a convolution can be computed by F(m×m, r×r): none with strides, dilation or groups. */
export function winogradOutputs({ kernel, stride, dilation, groups }: Conv2dAttributes): readonly number[] {
  if (groups !== 1 || kernel[0] !== kernel[1] || [...stride, ...dilation].some(size => size !== 1)) return []
  return forms[kernel[0]] ?? []
}

/** The matrices of a convolution. */
export function matricesOf({ outputs, weights }: Pick<WinogradSpec, 'outputs' | 'weights'>): WinogradMatrices {
  return winogradMatrices(outputs, weights[2])
}

/** Numbers that follow from a spec. */
export function winogradSizes({
  source,
  weights,
  result,
  outputs,
  chunk,
  tile,
}: Omit<WinogradSpec, 'direction' | 'lead'>): {
  tileRows: number
  tileColumns: number
  tiles: number
  positions: number
  panels: number
  width: number
  /** Bytes from the values of one position to those of the next, before and after the products. */
  inputStride: number
  productStride: number
  weightStride: number
} {
  const tileRows = Math.ceil(result[2] / outputs)
  const tileColumns = Math.ceil(result[3] / outputs)
  const tiles = result[0] * tileRows * tileColumns
  const positions = matricesOf({ outputs, weights }).inputs ** 2
  const width = panelWidth(result[1], tile)
  const panels = Math.ceil(result[1] / width)
  const rows = Math.min(chunk, tiles)
  return {
    tileRows,
    tileColumns,
    tiles,
    positions,
    panels,
    width,
    inputStride: spread(rows * source[1] * 4),
    productStride: spread(rows * panels * width * 4),
    weightStride: spread(panels * source[1] * width * 4),
  }
}

/** Positions of the result behind each row of its moments. */
export function winogradMoments({ result, outputs }: Pick<WinogradSpec, 'result' | 'outputs'>): number[] {
  const [batch, , height, width] = result
  const rows = Math.ceil(height / outputs)
  return Array.from({ length: batch * rows }, (_, row) => Math.min(outputs, height - (row % rows) * outputs) * width)
}

/** An odd number of cache lines: the values of all positions of a tile then fall into different sets of the cache. */
export function spread(bytes: number): number {
  const lines = Math.ceil(bytes / 64)
  return (lines + 1 - (lines % 2)) * 64
}

/** Tiles of `outputs` × `outputs` over an image. */
export interface TileGrid {
  readonly tileRows: number
  readonly tileColumns: number
  readonly outputs: number
}

/** The place of a tile: image, and row and column of its first result. */
export class TilePlace {
  readonly row: Local
  readonly column: Local
  readonly image: Local
  private readonly f: FunctionBuilder
  private readonly grid: TileGrid

  constructor(f: FunctionBuilder, grid: TileGrid) {
    const [row, column, image] = f.localArray('i32', 3)
    this.f = f
    this.grid = grid
    this.row = row
    this.column = column
    this.image = image
  }

  locate(tile: Local): void {
    const { f, row, column, image } = this
    const { tileRows, tileColumns, outputs } = this.grid
    f.get(tile).i32(tileColumns).op('i32.rem_u').i32(outputs).op('i32.mul').set(column)
    f.get(tile).i32(tileColumns).op('i32.div_u').i32(tileRows).op('i32.rem_u').i32(outputs).op('i32.mul').set(row)
    f.get(tile)
      .i32(tileColumns * tileRows)
      .op('i32.div_u')
      .set(image)
  }
}
