/** The numbers of a convolution by Winograd's algorithm: its tiles, its matrices, and the work of a transform. */
import type { Shape } from '../../graph/shape.ts'
import { type Matrix, type WinogradMatrices, winogradMatrices } from '../cpu/kernels/channels/winograd/matrices.ts'

/** Operations that can be computed so. */
export type WinogradOp = 'conv2d' | 'conv2dInputGradient'

/** What all steps of a convolution know. */
export interface WinogradSpec {
  readonly op: WinogradOp
  /** m: a tile has m × m results. */
  readonly outputs: 2 | 4
  /** `[N, depth, H, W]` and `[N, lines, H, W]`. */
  readonly source: Shape
  readonly result: Shape
  /** Result (i, j) sees source rows i − lead … i − lead + 2, and columns alike. */
  readonly lead: readonly [rows: number, columns: number]
}

/** Numbers that follow from a spec. */
export interface WinogradSizes {
  readonly matrices: WinogradMatrices
  /** n². */
  readonly places: number
  readonly depth: number
  readonly lines: number
  readonly tileRows: number
  readonly tileColumns: number
  readonly tiles: number
  /** Tiles with those that round them up to vectors of four. */
  readonly columns: number
}

/** The sizes of a convolution. */
export function winogradSizes({ outputs, source, result }: Omit<WinogradSpec, 'op' | 'lead'>): WinogradSizes {
  const [tileRows, tileColumns] = [Math.ceil(result[2] / outputs), Math.ceil(result[3] / outputs)]
  const tiles = result[0] * tileRows * tileColumns
  return {
    matrices: winogradMatrices(outputs, 3),
    places: (outputs + 2) ** 2,
    depth: source[1],
    lines: result[1],
    tileRows,
    tileColumns,
    tiles,
    columns: 4 * Math.ceil(tiles / 4),
  }
}

/** Terms of P · X · Pᵀ: every coefficient but 0 meets each column of X, then each row of P · X. */
export function transformWork(matrix: Matrix): number {
  const terms = matrix.flat().filter(coefficient => coefficient !== 0).length
  return terms * (matrix[0].length + matrix.length)
}
