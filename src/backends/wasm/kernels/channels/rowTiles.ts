/**
 * Windows over channels-last volumes, channel by channel (pools, depthwise convolutions). The work is cut into tiles of
 * neighboring positions in one row, so that elements shared by their windows are loaded once. Along a row, the geometry
 * is known when the code is generated: every tile has its taps at constant offsets, and tiles at the edges leave out
 * the taps in the padding. Down the image, a small table holds the rows of the window that are inside.
 */

import type { Window2d } from '../../../../graph/window.ts'
import { byteTable, tapsAlong, type WindowGeometry } from '../../../cpu/kernels/shared/taps.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import type { AnyLanes, Lanes, VectorLanes } from '../../emit/lanes.ts'
import { type KernelCode, type KernelModule, kernelFunction } from '../../kernel.ts'

/** A window over volumes stored channels last, and the tiles of a row. */
export interface RowTiling extends WindowGeometry {
  /** Positions of a tile; a multiple of the stride for input gradients. */
  readonly positions: number
}

/** A tap of a position: its column in the window, and its column in the source relative to the tile's first column. */
export interface RowTap {
  readonly tap: number
  readonly column: number
}

/** Neighboring tiles whose positions see the same taps. */
export interface TileRun {
  /** First position of the first tile. */
  readonly first: number
  readonly tiles: number
  /** Source column from which the first tile's columns are counted, and how far it moves from tile to tile. */
  readonly origin: number
  readonly advance: number
  /** Taps of each position of a tile. */
  readonly positions: readonly (readonly RowTap[])[]
  /** All columns that the positions see, increasing. */
  readonly columns: readonly number[]
}

/** The tiles of a row. @param taps the taps along it, for whoever has them */
export function tileRuns(tiling: RowTiling, taps = tapsAlong(tiling, 1)): TileRun[] {
  const { direction, window, positions } = tiling
  const { table, tapStep, positionStep } = taps
  const stride = window.stride[1]
  const advance = direction === 'forward' ? positions * stride : positions / stride
  const runs: (TileRun & { readonly key: string })[] = []
  for (let first = 0; first < table.length; first += positions) {
    const base = (first / positions) * advance
    const lines = table.slice(first, first + positions)
    const key = lines.map(([tap, column, count]) => (count > 0 ? `${tap} ${column - base} ${count}` : '')).join()
    const last = runs[runs.length - 1]
    if (last?.key === key) {
      runs[runs.length - 1] = { ...last, tiles: last.tiles + 1 }
      continue
    }
    const seen = lines.map(([tap, column, count]) =>
      Array.from({ length: count }, (_, k) => ({ tap: tap + k * tapStep, column: column + k * positionStep - base })),
    )
    const columns = [...new Set(seen.flat().map(({ column }) => column))].sort((a, b) => a - b)
    const least = columns[0] ?? 0
    runs.push({
      key,
      first,
      tiles: 1,
      origin: base + least,
      advance,
      positions: seen.map(taps => taps.map(({ tap, column }) => ({ tap, column: column - least }))),
      columns: columns.map(column => column - least),
    })
  }
  return runs
}

/** Largest number of positions per tile to try. */
const mostPositions = 4

/**
 * The largest number of positions whose tile fits the registers, or the smallest possible number if none fits.
 * @param registers vectors that are live in a tile, given its positions and columns
 */
export function positionsThatFit(
  tiling: WindowGeometry,
  registers: (positions: number, columns: number) => number,
): number {
  const step = tiling.direction === 'forward' ? 1 : tiling.window.stride[1]
  const most = Math.floor(Math.max(mostPositions, step) / step) * step
  const taps = tapsAlong(tiling, 1)
  for (let positions = most; positions > step; positions -= step) {
    const columns = Math.max(...tileRuns({ ...tiling, positions }, taps).map(run => run.columns.length))
    if (registers(positions, columns) <= 15) return positions
  }
  return step
}

/** Most columns of a window whose code is written out, and largest stride when tiles are multiples of the stride. */
const [mostColumns, mostStride] = [8, 4]

/** Whether the code of a window's rows is written out; other windows use loops over their taps. */
export function fitsRowTiles(direction: RowTiling['direction'], { kernel, stride }: Window2d): boolean {
  return kernel[1] <= mostColumns && (direction === 'forward' || stride[1] <= mostStride)
}

export interface RowTileSpec {
  readonly tiling: RowTiling
  /** Most vectors of channels that are processed together. */
  readonly vectors: number
  readonly operands: number
  /** Bytes of the weights of one row of the window, if there are any. */
  readonly tapRowBytes?: number
}

/** Place of one tile, in locals. */
export interface RowTile<L extends AnyLanes = Lanes> {
  readonly run: TileRun
  readonly lanes: L
  /** Vectors (or single elements) of channels. */
  readonly vectors: number
  /** Byte offset of its first source element, at the current channel. */
  readonly from: Local
  /** Byte offset of the result of its first position, at the current channel. */
  readonly out: Local
  readonly channel: Local
  /** Row of the result, and the tile's first position in it. */
  readonly row: Local
  readonly position: Local
  /** First source row and number of rows of the window inside the image. */
  readonly sourceRow: Local
  readonly rows: Local
  /** Byte offset of the weights of the first of these rows. */
  readonly weights: Local
}

/** What a kernel does in a tile. */
export interface RowTileBody<L extends AnyLanes = Lanes> {
  /** Lanes of vectors of channels, which divide the channels where they are more than four; 4 by default. */
  readonly vectorLanes?: L & VectorLanes
  /** Once per tile, before its channels. */
  readonly begin?: (tile: Pick<RowTile, 'run' | 'row' | 'position'>) => void
  /** For each group of channels. */
  readonly channels: (tile: RowTile<L>) => void
}

/** Code that processes all tiles; a unit is one row of the result of one image. */
export function rowTileCode<L extends AnyLanes = Lanes>(
  spec: RowTileSpec,
  body: (f: FunctionBuilder, target: KernelModule, address: readonly Local[]) => RowTileBody<L>,
): KernelCode {
  const { tiling, operands } = spec
  const { source, result } = tiling
  const [, channels, height, width] = result
  const pixel = channels * 4
  const sourceRowBytes = source[3] * pixel
  const rowTaps = tapsAlong(tiling, 0)
  const runs = tileRuns(tiling)
  return {
    units: result[0] * height,
    tables: [byteTable(rowTaps, spec.tapRowBytes ?? 0, 1)],
    operands,
    emit(target) {
      const { f, from: begin, to: end, address } = kernelFunction(target, operands + 1)
      const table = address[operands]
      const [unit, image, row, entry, sourceRow, rows, weights] = f.localArray('i32', 7)
      const [sourceAt, resultAt, position, channel, from, out] = f.localArray('i32', 6)
      const work = body(f, target, address)
      f.for(unit, begin, end, () => {
        f.get(unit).over(height).set(image).get(unit).modulo(height).set(row)
        f.address(table, [row, 12]).set(entry)
        ;[weights, sourceRow, rows].forEach((local, k) => {
          f.get(entry)
            .memory('i32.load', k * 4)
            .set(local)
        })
        f.get(image).times(source[2]).plus(sourceRow)
        f.times(sourceRowBytes).set(sourceAt)
        f.get(unit)
          .times(width * pixel)
          .set(resultAt)
        for (const run of runs) {
          f.get(sourceAt)
            .offset(run.origin * pixel)
            .set(from)
          f.get(resultAt)
            .offset(run.first * pixel)
            .set(out)
          emitRun(f, spec, { run, from, out, channel, row, position, sourceRow, rows, weights }, work)
        }
      })
      return f
    },
  }
}

/** The tiles of a run, and the channels of each: groups of vectors, then single vectors, then single channels. */
function emitRun<L extends AnyLanes>(
  f: FunctionBuilder,
  { tiling, vectors: most }: RowTileSpec,
  tile: Omit<RowTile, 'lanes' | 'vectors'>,
  { begin, channels: work, vectorLanes = 4 as L & VectorLanes }: RowTileBody<L>,
): void {
  const { run, from, out, channel, position } = tile
  const channels = tiling.result[1]
  const pixel = channels * 4
  const vectors = vectorsOf(Math.floor(channels / vectorLanes), most)
  const wholeEnd = channels - (channels % (vectors * vectorLanes))
  const lanesEnd = channels - (channels % vectorLanes)
  const along = (start: number, end: number, lanes: L, count: number): void => {
    const step = lanes * count
    const group = (): void => {
      work({ ...tile, lanes, vectors: count })
      f.increment(from, step * 4).increment(out, step * 4)
    }
    f.for(channel, { value: start }, { value: end }, group, step)
  }
  const body = (): void => {
    begin?.(tile)
    along(0, wholeEnd, vectorLanes, vectors)
    along(wholeEnd, lanesEnd, vectorLanes, 1)
    along(lanesEnd, channels, 1 as L, 1)
    // The channels have already advanced both by one position.
    f.increment(from, (run.advance - 1) * pixel).increment(out, (run.positions.length - 1) * pixel)
  }
  const { positions } = tiling
  f.for(position, { value: run.first }, { value: run.first + run.tiles * positions }, body, positions)
}

/** Number of vectors to process at a time: the largest that divides `all`, or else the largest allowed. */
function vectorsOf(all: number, most: number): number {
  for (let count = Math.min(all, most); count > 1; count--) if (all % count === 0) return count
  return Math.max(1, Math.min(all, most))
}

/** Visits the rows of a tile's window inside the image; each of `pointers` advances by its `bytes` from row to row. */
export function eachRow(
  f: FunctionBuilder,
  [counter, rows]: readonly [counter: Local, rows: Local],
  pointers: readonly (readonly [pointer: Local, bytes: number])[],
  visit: () => void,
): void {
  f.for(counter, { value: 0 }, rows, () => {
    visit()
    for (const [pointer, bytes] of pointers) f.increment(pointer, bytes)
  })
}

/** Bytes between source rows that neighboring rows of the window see, and between the rows of their weights. */
export function rowSteps(tiling: RowTiling): { source: number; taps: number } {
  const { source } = tiling
  const { positionStep, tapStep } = tapsAlong(tiling, 0)
  return { source: positionStep * source[3] * source[1] * 4, taps: tapStep }
}
