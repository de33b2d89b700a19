/**
 * Convolution and its input gradient over blocks of samples: one kernel, since both are correlations
 *
 *   y[n, r, i, j] = Σ_{q, u, v} w[r, q, u, v] · x[n, q, p(i, u), p(j, v)]
 *
 * that differ only in which channels are rows (r) and which are summed (q), and in how taps and positions are paired.
 * Lanes are samples of the block. For every output row and column, a table lists the taps that fall inside the image as
 * an arithmetic progression (first tap, first position, count), so that padding, stride and dilation cost nothing in
 * the inner loop: taps in the padding are never visited.
 *
 * For the input gradient at row h, tap u contributes when h + p − u·d = i·s for an output row i. With g = gcd(s, d),
 * such taps are s/g apart, and i increases by d/g as u decreases.
 */

import type { Window2d } from '../../../../graph/window.ts'
import type { Operand } from '../../../cpu/access.ts'
import { byteTable, tapsAlong } from '../../../cpu/kernels/shared/taps.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import type { AnyLanes, Arithmetic, Vectors } from '../../emit/lanes.ts'
import { RegisterTile, rowsThatFit, type TileOperands } from '../../emit/tile.ts'
import { arithmeticFor, type KernelModule, kernelFunction, kernelKind } from '../../kernel.ts'
import { EpilogueEmitter, type EpilogueSpec } from '../shared/epilogue.ts'

/** Geometry of one correlation. `x`, `y` are blocked volumes, weights `[O, I, KH, KW]` are row-major. */
export interface Correlation {
  readonly direction: 'forward' | 'inputGradient'
  readonly window: Window2d
  readonly groups: number
  /** What is read: the input of the convolution, or the gradient of its output. */
  readonly x: Operand
  readonly weights: Operand
  readonly y: Operand
  readonly epilogue: EpilogueSpec
  readonly vectors: Vectors
}

/** Fewest channels for which the innermost loop runs over channels instead of taps. */
const channelsWorthRunning = 8

/** Largest window that is written out tap by tap. */
const mostUnrolledTaps = 25

/** Operand addresses: x, weights, epilogue operands, y, row table, column table. */
export const correlateKernel = kernelKind('correlate', (spec: Correlation) => {
  const geometry = geometryOf(spec)
  const { y, epilogue } = spec
  const { block, rowTaps, columnTaps, xRow, kernelWidth } = geometry
  const operands = 3 + epilogue.operands.length
  return {
    units: (y.shape[0] / block) * y.shape[2],
    tables: [byteTable(rowTaps, kernelWidth * 4, xRow), byteTable(columnTaps, 4, geometry.xPixel)],
    operands,
    emit: target => new CorrelateEmitter(target, spec, geometry, operands).emit(),
  }
})

/** Numbers that follow from the shapes of a correlation; strides are in bytes. */
function geometryOf({ direction, window, groups, x, weights, y }: Correlation) {
  const block = y.block || 1
  const [, outChannels] = y.shape
  const [, inChannels, xHeight, xWidth] = x.shape
  const [, weightColumns, kernelHeight, kernelWidth] = weights.shape
  const xPixel = block * 4
  const xRow = xWidth * xPixel
  const plane = kernelHeight * kernelWidth * 4
  const perWeightRow = weightColumns * plane
  const rowsPerGroup = outChannels / groups
  const sumsPerGroup = inChannels / groups
  const forward = direction === 'forward'
  const seen = { direction, window, source: x.shape, result: y.shape }
  return {
    block,
    kernelHeight,
    kernelWidth,
    rowTaps: tapsAlong(seen, 0),
    columnTaps: tapsAlong(seen, 1),
    xPixel,
    xRow,
    xPlane: xHeight * xRow,
    rowsPerGroup,
    sumsPerGroup,
    // Forward: a weight row is an output channel. Input gradient: the summed channel is the outer index of the weights.
    rowStride: forward ? perWeightRow : plane,
    sumStride: forward ? plane : perWeightRow,
    groupStride: (forward ? rowsPerGroup : sumsPerGroup) * perWeightRow,
  }
}

type Geometry = ReturnType<typeof geometryOf>

/**
 * Writes the function of one correlation: loops over image rows, groups, tiles of output channels, columns, and sums.
 */
class CorrelateEmitter {
  readonly #spec: Correlation
  readonly #geometry: Geometry
  readonly #f: FunctionBuilder
  readonly #range: { readonly from: Local; readonly to: Local }
  readonly #base: { readonly x: Local; readonly weights: Local; readonly y: Local }
  readonly #table: { readonly rows: Local; readonly columns: Local }
  readonly #arithmetic: Arithmetic<AnyLanes>
  /** Vectors of a block. */
  readonly #vectors: number
  readonly #finish: EpilogueEmitter
  /** Indices, counts and addresses; `never` is a number that counting down does not bring to 0. */
  readonly #at: Readonly<Record<(typeof locals)[number], Local>>

  constructor(target: KernelModule, spec: Correlation, geometry: Geometry, operands: number) {
    const { y, epilogue } = spec
    const { f, from, to, address } = kernelFunction(target, operands + 2)
    const [yBase, rows, columns] = address.slice(operands - 1)
    this.#spec = spec
    this.#geometry = geometry
    this.#f = f
    this.#range = { from, to }
    this.#base = { x: address[0], weights: address[1], y: yBase }
    this.#table = { rows, columns }
    const extras = address.slice(2, operands - 1)
    this.#finish = new EpilogueEmitter(f, target.math, { epilogue, result: y, bases: extras })
    this.#arithmetic = arithmeticFor(geometry.block, target, this.#finish)
    this.#vectors = Math.max(1, geometry.block / this.#arithmetic.lanes)
    this.#at = f.named('i32', ...locals)
  }

  emit(): FunctionBuilder {
    const { groups, vectors } = this.#spec
    const { block, rowsPerGroup } = this.#geometry
    const f = this.#f
    const { unit, n, i, group, rowInGroup } = this.#at
    const tileRows = rowsThatFit(block, rowsPerGroup, vectors)
    const rest = rowsPerGroup % tileRows
    const full = this.#tile(tileRows)
    const short = rest > 0 ? this.#tile(rest) : undefined
    const height = this.#spec.y.shape[2]
    f.for(unit, this.#range.from, this.#range.to, () => {
      f.get(unit).over(height).set(n)
      f.get(unit).modulo(height).set(i)
      f.for(group, { value: 0 }, { value: groups }, () => {
        const fullEnd = rowsPerGroup - rest
        f.for(rowInGroup, { value: 0 }, { value: fullEnd }, () => this.#row(full), tileRows)
        if (short) {
          f.i32(fullEnd).set(rowInGroup)
          this.#row(short)
        }
      })
    })
    return f
  }

  #tile(rows: number): RegisterTile {
    return new RegisterTile(this.#f, { rows, columns: this.#vectors }, this.#arithmetic)
  }

  /** Row i of block n, for the output channels of one tile that begins at `rowInGroup`. */
  #row(tile: RegisterTile): void {
    const { groups } = this.#spec
    const { sumsPerGroup, xPlane, groupStride, rowStride, rowsPerGroup } = this.#geometry
    const f = this.#f
    const { n, i, group, rowInGroup, row, entry, rowCount, xRow, wRow } = this.#at
    f.address(this.#table.rows, [i, entryBytes]).set(entry)
    f.get(entry).memory('i32.load', 8).set(rowCount)
    f.get(n).times(groups).plus(group)
    f.times(sumsPerGroup * xPlane)
    f.plus(this.#base.x).get(entry).memory('i32.load', 4).op('i32.add').set(xRow)
    f.get(group).times(groupStride).plus(rowInGroup, rowStride)
    f.plus(this.#base.weights).get(entry).memory('i32.load', 0).op('i32.add').set(wRow)
    f.get(group).times(rowsPerGroup).plus(rowInGroup).set(row)
    this.#columns(tile)
  }

  /** All positions of the row. */
  #columns(tile: RegisterTile): void {
    const f = this.#f
    const { j, entry, wColumn, xColumn, columnCount } = this.#at
    f.for(j, { value: 0 }, { value: this.#spec.y.shape[3] }, () => {
      f.address(this.#table.columns, [j, entryBytes]).set(entry)
      f.get(entry).memory('i32.load', 0).set(wColumn)
      f.get(entry).memory('i32.load', 4).set(xColumn)
      f.get(entry).memory('i32.load', 8).set(columnCount)
      this.#sum(tile)
      this.#store(tile)
    })
  }

  /** The sum of one tile at (n, row, i, j). */
  #sum(tile: RegisterTile): void {
    const { kernelHeight, kernelWidth, sumsPerGroup } = this.#geometry
    const f = this.#f
    const { rowCount, columnCount, xRow, xColumn, wRow, wColumn, xSum, wSum } = this.#at
    tile.clear()
    f.get(xRow).plus(xColumn).set(xSum)
    f.get(wRow).plus(wColumn).set(wSum)
    const inside = (): void => {
      // Positions whose taps are all in the padding sum nothing.
      f.get(rowCount).i32(0).op('i32.ne').get(columnCount).i32(0).op('i32.ne', 'i32.and')
      f.if(() => (sumsPerGroup >= channelsWorthRunning ? this.#sumChannelsInside(tile) : this.#sumTapsInside(tile)))
    }
    if (this.#spec.direction === 'forward' && kernelHeight * kernelWidth <= mostUnrolledTaps) {
      f.get(rowCount).i32(kernelHeight).op('i32.eq').get(columnCount).i32(kernelWidth).op('i32.eq', 'i32.and')
      f.if(() => this.#sumWholeWindow(tile), inside)
    } else inside()
  }

  #operandsOf(tile: RegisterTile): TileOperands {
    const { rowStride } = this.#geometry
    return {
      rowAddress: this.#at.wStep,
      rowOffsets: Array.from({ length: tile.rows }, (_, r) => r * rowStride),
      rowKind: 'splat',
      columnAddress: this.#at.xStep,
      columnOffsets: tile.neighbors,
    }
  }

  /** All taps of the window: one straight run of steps per summed channel. */
  #sumWholeWindow(tile: RegisterTile): void {
    const { kernelHeight, kernelWidth, rowTaps, columnTaps, xRow, xPixel, xPlane, sumsPerGroup, sumStride } =
      this.#geometry
    const f = this.#f
    const { q, xSum, wSum, xStep, wStep, never } = this.#at
    const shifts = Array.from({ length: kernelHeight * kernelWidth }, (_, tap) => {
      const [u, v] = [Math.floor(tap / kernelWidth), tap % kernelWidth]
      return [tap * 4, u * rowTaps.positionStep * xRow + v * columnTaps.positionStep * xPixel] as const
    })
    f.get(xSum).set(xStep).get(wSum).set(wStep)
    // An address is much larger than the few steps that are counted down.
    f.get(xSum).set(never)
    f.for(q, { value: 0 }, { value: sumsPerGroup }, () => {
      for (let u = 0; u < kernelHeight; u++) {
        tile.unrolled(this.#operandsOf(tile), shifts.slice(u * kernelWidth, (u + 1) * kernelWidth), never)
      }
      f.increment(xStep, xPlane)
      f.increment(wStep, sumStride)
    })
  }

  /** The taps inside the image, summed channels innermost: long runs at any position. */
  #sumChannelsInside(tile: RegisterTile): void {
    const { kernelWidth, rowTaps, columnTaps, xRow, xPixel, xPlane, sumsPerGroup, sumStride } = this.#geometry
    const f = this.#f
    const { rowCount, columnCount, count, u, v, xSum, wSum, xTap, wTap, xStep, wStep } = this.#at
    f.get(rowCount).set(u)
    f.loop(nextRow => {
      f.get(wSum).set(wTap).get(xSum).set(xTap).get(columnCount).set(v)
      f.loop(nextColumn => {
        f.get(wTap).set(wStep).get(xTap).set(xStep).i32(sumsPerGroup).set(count)
        tile.steps(this.#operandsOf(tile), { count, rowAdvance: sumStride, columnAdvance: xPlane })
        f.increment(xTap, columnTaps.positionStep * xPixel)
        f.increment(wTap, columnTaps.tapStep * 4)
        f.countDown(v).branchIf(nextColumn)
      })
      f.increment(xSum, rowTaps.positionStep * xRow)
      f.increment(wSum, rowTaps.tapStep * kernelWidth * 4)
      f.countDown(u).branchIf(nextRow)
    })
  }

  /** The taps inside the image, taps of a row innermost: for few channels. */
  #sumTapsInside(tile: RegisterTile): void {
    const { kernelWidth, rowTaps, columnTaps, xRow, xPixel, xPlane, sumsPerGroup, sumStride } = this.#geometry
    const f = this.#f
    const { q, rowCount, columnCount, count, u, xSum, wSum, xTap, wTap, xStep, wStep } = this.#at
    f.for(q, { value: 0 }, { value: sumsPerGroup }, () => {
      f.get(xSum).set(xTap).get(wSum).set(wTap).get(rowCount).set(u)
      f.loop(nextRow => {
        f.get(wTap).set(wStep).get(xTap).set(xStep).get(columnCount).set(count)
        tile.steps(this.#operandsOf(tile), {
          count,
          rowAdvance: columnTaps.tapStep * 4,
          columnAdvance: columnTaps.positionStep * xPixel,
          unroll: Math.min(kernelWidth, 8),
        })
        f.increment(xTap, rowTaps.positionStep * xRow)
        f.increment(wTap, rowTaps.tapStep * kernelWidth * 4)
        f.countDown(u).branchIf(nextRow)
      })
      f.increment(xSum, xPlane)
      f.increment(wSum, sumStride)
    })
  }

  /** Stores the finished tile at (n, row, i, j). */
  #store(tile: RegisterTile): void {
    const { y } = this.#spec
    const [, outChannels, height, width] = y.shape
    const { xPixel: bytes } = this.#geometry
    const f = this.#f
    const { n, row, i, j, out } = this.#at
    const blocked = y.block > 0
    const { lanes } = this.#arithmetic
    f.get(this.#base.y)
    f.get(n).times(outChannels).plus(row).times(height)
    f.plus(i).times(width).plus(j).times(bytes).op('i32.add')
    f.set(out)
    this.#finish.locate(blocked ? [n, row, i, j, { value: 0 }] : [n, row, i, j])
    tile.store(
      (r, v) => {
        const shift = blocked ? [0, r, 0, 0, v * lanes] : [0, r, 0, 0]
        this.#finish.push(lanes, shift, () => f.get(tile.accumulators[r][v]))
      },
      out,
      (r, v) => r * height * width * bytes + v * lanes * 4,
    )
  }
}

/** Bytes of an entry of the tables of taps: see {@link byteTable}. */
const entryBytes = 12

const locals = [
  ...([
    'unit',
    'n',
    'i',
    'j',
    'group',
    'rowInGroup',
    'row',
    'q',
    'u',
    'count',
    'entry',
    'rowCount',
    'columnCount',
  ] as const),
  ...([
    'xRow',
    'wRow',
    'xColumn',
    'wColumn',
    'xTap',
    'wTap',
    'v',
    'never',
    'xStep',
    'wStep',
    'xSum',
    'wSum',
    'out',
  ] as const),
] as const
