/**
 * Convolution and its gradient to the input, over blocks of samples: one kernel, since both are correlations
 *
 *   y[n, r, i, j] = Σ_{q, u, v} w[r, q, u, v] · x[n, q, p(i, u), p(j, v)]
 *
 * that differ only in which channels are rows (r) and which are summed (q), and in how taps and positions go together.
 * Lanes are samples of the block. For every output row and column, a table lists the taps that fall inside the image as
 * an arithmetic progression (first tap, first position, count), so that padding, stride and dilation cost nothing in
 * the inner loop: taps in the padding are never visited.
 *
 * For the input gradient at row h, tap u contributes when h + p − u·d = i·s for an output row i. With g = gcd(s, d)
 * the taps that do lie s/g apart, and i rises by d/g as u falls.
 */
import type { Window2d } from '../../../../graph/window.ts'
import { dimensionsOf, type Operand } from '../../../cpu/access.ts'
import { byteTable, tapsAlong } from '../../../cpu/kernels/shared/taps.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
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
  /** Whether pairs of vectors are joined. */
  readonly wide?: boolean
}

/** Channels from which on the innermost loop runs over channels instead of taps. */
const channelsWorthRunning = 8

/** Largest window that is written out tap by tap. */
const mostUnrolledTaps = 25

/** Operand addresses: x, weights, epilogue operands, y, row table, column table. */
export const correlateKernel = kernelKind('correlate', (spec: Correlation) => {
  const { direction, window, groups, x, weights, y, epilogue, wide = false } = spec
  const block = y.block || 1
  const bytes = block * 4
  const [batch, outChannels, height, width] = y.shape
  const [, inChannels, xHeight, xWidth] = x.shape
  const [kernelHeight, kernelWidth] = weights.shape.slice(2)
  const plane = kernelHeight * kernelWidth * 4
  const perWeightRow = weights.shape[1] * plane
  // Forward: a weight row is an output channel. Input gradient: the summed channel is the outer index of the weights.
  const rowStride = direction === 'forward' ? perWeightRow : plane
  const sumStride = direction === 'forward' ? plane : perWeightRow
  const rowTaps = tapsAlong(direction, window, 0, height, xHeight)
  const columnTaps = tapsAlong(direction, window, 1, width, xWidth)
  const rowBytes = xWidth * bytes
  const tables = [byteTable(rowTaps, kernelWidth * 4, rowBytes), byteTable(columnTaps, 4, bytes)]
  const rowsPerGroup = outChannels / groups
  const sumsPerGroup = inChannels / groups
  const xPlane = xHeight * rowBytes
  const groupStride = (direction === 'forward' ? rowsPerGroup : sumsPerGroup) * perWeightRow
  const operands = 3 + epilogue.operands.length

  return {
    units: (batch / block) * height,
    tables,
    operands,
    emit(target: KernelModule): FunctionBuilder {
      const { f, from, to, address } = kernelFunction(target, operands + 2)
      const [xBase, weightBase] = address
      const [yBase, rowTable, columnTable] = address.slice(operands - 1)
      const arithmetic = arithmeticFor(block, target.fused)
      const vectors = Math.max(1, block / 4)
      const tileRows = rowsThatFit(vectors, rowsPerGroup, wide)
      const finish = new EpilogueEmitter(
        f,
        target.math,
        epilogue,
        dimensionsOf(y),
        y.shape,
        address.slice(2, operands - 1),
      )
      const local = (): Local => f.local('i32')
      const unit = local()
      const n = local()
      const i = local()
      const j = local()
      const group = local()
      const rowInGroup = local()
      const row = local()
      const q = local()
      const u = local()
      const count = local()
      const entry = local()
      const rowCount = local()
      const columnCount = local()
      const xRow = local()
      const wRow = local()
      const xColumn = local()
      const wColumn = local()
      const xTap = local()
      const wTap = local()
      const v = local()
      const never = local()
      const xStep = local()
      const wStep = local()
      const xSum = local()
      const wSum = local()
      const out = local()

      const operandsOf = (tile: RegisterTile): TileOperands => ({
        rowAddress: wStep,
        rowOffsets: Array.from({ length: tile.rows }, (_, r) => r * rowStride),
        rowKind: 'splat',
        columnAddress: xStep,
        columnOffsets: Array.from({ length: vectors }, (_, v) => v * 16),
      })

      /** All taps of the window: one straight run of steps per summed channel. */
      const sumWholeWindow = (tile: RegisterTile): void => {
        const shifts = Array.from({ length: kernelHeight * kernelWidth }, (_, tap) => {
          const [u, v] = [Math.floor(tap / kernelWidth), tap % kernelWidth]
          return [tap * 4, u * rowTaps.positionStep * rowBytes + v * columnTaps.positionStep * bytes] as const
        })
        f.get(xSum).set(xStep).get(wSum).set(wStep)
        // Addresses are far above the few steps that are counted down.
        f.get(xSum).set(never)
        f.for(q, { value: 0 }, { value: sumsPerGroup }, () => {
          for (let u = 0; u < kernelHeight; u++) {
            tile.unrolled(operandsOf(tile), shifts.slice(u * kernelWidth, (u + 1) * kernelWidth), never)
          }
          f.increment(xStep, xPlane)
          f.increment(wStep, sumStride)
        })
      }

      /** The taps inside the image, summed channels innermost: long runs at any position. */
      const sumChannelsInside = (tile: RegisterTile): void => {
        f.get(rowCount).set(u)
        f.loop(nextRow => {
          f.get(wSum).set(wTap).get(xSum).set(xTap).get(columnCount).set(v)
          f.loop(nextColumn => {
            f.get(wTap).set(wStep).get(xTap).set(xStep).i32(sumsPerGroup).set(count)
            tile.steps(operandsOf(tile), count, sumStride, xPlane)
            f.increment(xTap, columnTaps.positionStep * bytes)
            f.increment(wTap, columnTaps.tapStep * 4)
            f.get(v).i32(1).op('i32.sub').tee(v).branchIf(nextColumn)
          })
          f.increment(xSum, rowTaps.positionStep * rowBytes)
          f.increment(wSum, rowTaps.tapStep * kernelWidth * 4)
          f.get(u).i32(1).op('i32.sub').tee(u).branchIf(nextRow)
        })
      }

      /** The taps inside the image, taps of a row innermost: for few channels. */
      const sumTapsInside = (tile: RegisterTile): void => {
        f.for(q, { value: 0 }, { value: sumsPerGroup }, () => {
          f.get(xSum).set(xTap).get(wSum).set(wTap).get(rowCount).set(u)
          f.loop(nextRow => {
            f.get(wTap).set(wStep).get(xTap).set(xStep).get(columnCount).set(count)
            const unroll = Math.min(kernelWidth, 8)
            tile.steps(operandsOf(tile), count, columnTaps.tapStep * 4, columnTaps.positionStep * bytes, unroll)
            f.increment(xTap, rowTaps.positionStep * rowBytes)
            f.increment(wTap, rowTaps.tapStep * kernelWidth * 4)
            f.get(u).i32(1).op('i32.sub').tee(u).branchIf(nextRow)
          })
          f.increment(xSum, xPlane)
          f.increment(wSum, sumStride)
        })
      }

      const sumInside = sumsPerGroup >= channelsWorthRunning ? sumChannelsInside : sumTapsInside
      const unrollsWindow = direction === 'forward' && kernelHeight * kernelWidth <= mostUnrolledTaps

      /** Sums one tile of rows at (n, row, i, j) and stores it. */
      const tileAt = (tile: RegisterTile): void => {
        tile.clear()
        f.get(xRow).plus(xColumn).set(xSum)
        f.get(wRow).plus(wColumn).set(wSum)
        const partial = (): void => {
          // Positions whose taps all lie in the padding sum nothing.
          f.get(rowCount).i32(0).op('i32.ne').get(columnCount).i32(0).op('i32.ne', 'i32.and')
          f.if(() => sumInside(tile))
        }
        if (unrollsWindow) {
          f.get(rowCount).i32(kernelHeight).op('i32.eq').get(columnCount).i32(kernelWidth).op('i32.eq', 'i32.and')
          f.if(() => sumWholeWindow(tile), partial)
        } else partial()
        store(tile)
      }

      const store = (tile: RegisterTile): void => {
        const yPlane = height * width * bytes
        f.get(yBase)
        f.get(n).times(outChannels).plus(row).times(height)
        f.plus(i).times(width).plus(j).times(bytes).op('i32.add')
        f.set(out)
        finish.locate(y.block === 0 ? [n, row, i, j] : [n, row, i, j, { value: 0 }])
        tile.store(
          (r, v) => {
            const shift = y.block === 0 ? [0, r, 0, 0] : [0, r, 0, 0, v * 4]
            finish.push(arithmetic.lanes, shift, () => f.get(tile.accumulators[r][v]))
          },
          out,
          (r, v) => r * yPlane + v * 16,
        )
      }

      /** All columns of one output row for one tile of rows; `row` and the base addresses are set. */
      const columns = (tile: RegisterTile): void => {
        f.for(j, { value: 0 }, { value: width }, () => {
          f.address(columnTable, [j, 12]).set(entry)
          f.get(entry).memory('i32.load', 0).set(wColumn)
          f.get(entry).memory('i32.load', 4).set(xColumn)
          f.get(entry).memory('i32.load', 8).set(columnCount)
          tileAt(tile)
        })
      }

      const full = new RegisterTile(f, tileRows, vectors, arithmetic)
      const rest = rowsPerGroup % tileRows
      const short = rest > 0 ? new RegisterTile(f, rest, vectors, arithmetic) : undefined

      /** Runs `tiles` with the addresses of output row i of block n for the weight rows that start at `row`. */
      const atRow = (tiles: () => void): void => {
        f.address(rowTable, [i, 12]).set(entry)
        f.get(entry).memory('i32.load', 8).set(rowCount)
        f.get(n).times(groups).plus(group)
        f.times(sumsPerGroup * xHeight * rowBytes)
        f.plus(xBase).get(entry).memory('i32.load', 4).op('i32.add').set(xRow)
        f.get(group).times(groupStride).plus(rowInGroup, rowStride)
        f.plus(weightBase).get(entry).memory('i32.load', 0).op('i32.add').set(wRow)
        f.get(group).times(rowsPerGroup).plus(rowInGroup).set(row)
        tiles()
      }
      f.for(unit, from, to, () => {
        f.get(unit).over(height).set(n)
        f.get(unit).modulo(height).set(i)
        f.for(group, { value: 0 }, { value: groups }, () => {
          const fullEnd = rowsPerGroup - rest
          f.for(rowInGroup, { value: 0 }, { value: fullEnd }, () => atRow(() => columns(full)), tileRows)
          if (short) {
            f.i32(fullEnd).set(rowInGroup)
            atRow(() => columns(short))
          }
        })
      })
      return f
    },
  }
})
