/**
 * The weight gradient of an r × r convolution by Winograd's F(r×r, m×m) on channels-last volumes, F(3×3, 4×4) or
 * F(5×5, 2×2): with m × m tiles of the upstream gradient g and the 6 × 6 values of x under each,
 *
 *   dw[o, c] = Aᵀ [ Σ over tiles of (G g Gᵀ) ⊙ (Bᵀ x B) ] A.
 *
 * The sum is 36 matrix products over tiles. If there are many tiles, they are cut into a fixed number of parts with
 * separate sums. If there are many channels, all tiles are transformed first and threads share the positions
 * (`gradientStages.ts`). Either way, the result does not depend on the number of threads.
 */

import { type WinogradMatrices, winogradMatrices } from '../../../../cpu/kernels/channels/winograd/matrices.ts'
import type { FunctionBuilder, Local } from '../../../emit/assembler.ts'
import { lanesFor, type MachineTile, RegisterTile } from '../../../emit/tile.ts'
import { type KernelModule, kernelFunction, kernelKind } from '../../../kernel.ts'
import { LinearTransform } from './linearTransform.ts'
import { spread } from './spec.ts'
import { emitTileTransform } from './transforms.ts'

/** A weight gradient of stride 1; shapes `[N, C, H, W]`. */
export interface WinogradGradientSpec {
  /** Result (i, j) of the convolution sees row i − lead[0] of x first, and column j − lead[1]. */
  readonly lead: readonly [number, number]
  readonly x: readonly number[]
  readonly g: readonly number[]
  /** r: 3 or 5. */
  readonly kernel: number
  readonly tile: MachineTile
  /** Whether all tiles are transformed before the first product. */
  readonly staged: boolean
}

/** Fewest rows of the register tile. */
const fewestRows = 4

/** Rows of the register tile: output channels. More of them fit where there are 32 registers. */
export const rowsFor = ({ g, tile }: WinogradGradientSpec): number =>
  tile.columns > 16 && g[1] % (2 * fewestRows) === 0 ? 2 * fewestRows : fewestRows

/** Columns of the register tile: input channels. */
export const columnsFor = ({ x, tile }: WinogradGradientSpec): number =>
  [tile.columns, tile.columns / 2].find(columns => columns > 8 && x[1] % columns === 0) ?? 8

/** Inputs under a tile of g, per axis. */
const inputs = 6
export const positions = inputs ** 2

/** m: rows and columns of a tile of g. */
const tileSize = (kernel: number): number => inputs + 1 - kernel

/** The matrices of F(r, m): r values of the weight gradient from m values of g. */
export const gradientMatrices = ({ kernel }: Pick<WinogradGradientSpec, 'kernel'>): WinogradMatrices =>
  winogradMatrices(kernel, tileSize(kernel))

/** Most parts of the sum: enough for threads to get nearly equal shares. */
const mostParts = 8

/** Transformed values of one chunk of tiles. */
const chunkBytes = 768 * 1024

/** Numbers that follow from a spec. */
export function gradientSizes({ x, g, kernel, staged }: WinogradGradientSpec): {
  tiles: number
  grid: { tileRows: number; tileColumns: number; step: number }
  /** Parts of the sum, and tiles of each part but the last. */
  parts: number
  share: number
  chunk: number
  xStride: number
  gStride: number
  /** Bytes from the sums of one position to those of the next, and of one part. */
  sumStride: number
  partBytes: number
  workspace: number
} {
  const m = tileSize(kernel)
  const grid = { tileRows: Math.ceil(g[2] / m), tileColumns: Math.ceil(g[3] / m), step: m }
  const tiles = g[0] * grid.tileRows * grid.tileColumns
  const share = staged ? tiles : Math.ceil(tiles / Math.min(mostParts, tiles))
  const parts = Math.ceil(tiles / share)
  const perTile = positions * (x[1] + g[1]) * 4
  const sumStride = spread(g[1] * x[1] * 4)
  const bytes = Math.max(chunkBytes, Math.min(2 * chunkBytes, positions * sumStride))
  const chunk = staged ? tiles : Math.min(share, Math.max(8, Math.floor(bytes / perTile)))
  const [xStride, gStride] = [spread(chunk * x[1] * 4), spread(chunk * g[1] * 4)]
  return {
    tiles,
    grid,
    parts,
    share,
    chunk,
    xStride,
    gStride,
    sumStride,
    partBytes: positions * sumStride,
    workspace: positions * (xStride + gStride),
  }
}

/**
 * Sums over the tiles of each part, for a gradient that is not staged.
 * Operand addresses: x, g, workspace, sums `[parts, positions, K, C]`.
 */
export const winogradSumsKernel = kernelKind('winogradSums', (spec: WinogradGradientSpec) => {
  const { x, g, lead } = spec
  const { tiles, grid, parts, share, chunk, xStride, gStride, partBytes } = gradientSizes(spec)
  const matrices = gradientMatrices(spec)
  return {
    units: parts,
    tables: [new Int32Array(Math.max(x[1], g[1]))],
    operands: 4,
    workspace: true,
    emit(target) {
      const wide = spec.tile.joined
      const ofInput = emitTileTransform(target, {
        source: x,
        lead,
        grid,
        matrix: matrices.input,
        stride: xStride,
        wide,
      })
      const ofGradient = emitTileTransform(target, {
        source: g,
        lead: [0, 0],
        grid,
        matrix: matrices.weights,
        stride: gStride,
        wide,
      })
      const products = emitProducts(target, spec)
      const { f, from, to, address } = kernelFunction(target, 5)
      const [xBase, gBase, xTiles, result, zeros] = address
      const local = (): Local => f.local('i32')
      const [part, first, end, last, gTiles, out] = Array.from({ length: 6 }, local)
      const count = local()

      f.get(xTiles)
        .offset(positions * xStride)
        .set(gTiles)
      f.for(part, from, to, () => {
        f.address(result, [part, partBytes]).set(out)
        f.for(
          count,
          { value: 0 },
          { value: partBytes },
          () => {
            f.get(out).plus(count).f32x4(0).memory('v128.store')
          },
          16,
        )
        f.get(part).times(share).tee(first).offset(share).set(last)
        f.smaller(last, { value: tiles }).set(last)
        f.for(
          first,
          first,
          last,
          () => {
            f.get(first).offset(chunk).capped(end, last).set(end)
            f.get(first).get(end).get(first).get(xBase).get(xTiles).get(zeros).call(ofInput)
            f.get(first).get(end).get(first).get(gBase).get(gTiles).get(zeros).call(ofGradient)
            f.get(xTiles).get(gTiles).get(out).get(end).get(first).op('i32.sub').call(products)
          },
          chunk,
        )
      })
      return f
    },
  }
})

/** `(x tiles, g tiles, sums, tiles)`: adds the products of some tiles at every position. */
function emitProducts(target: KernelModule, spec: WinogradGradientSpec): FunctionBuilder {
  const { xStride, gStride, sumStride } = gradientSizes(spec)
  const [gBytes, xBytes] = [spec.g[1] * 4, spec.x[1] * 4]
  const [tileRows, tileColumns] = [rowsFor(spec), columnsFor(spec)]
  const f = target.module.function(new Array(4).fill('i32'), [])
  const [xTiles, gTiles, sums, tiles] = [0, 1, 2, 3]
  const [position, row, column, at, gAt, xAt, gStep, xStep, count] = f.localArray('i32', 9)
  const lanes = lanesFor(tileColumns, target.longest)
  const tile = new RegisterTile(f, { rows: tileRows, columns: tileColumns / lanes }, { lanes, fused: target.fused })
  const operands = tile.splats({ rowAddress: gStep, rowBytes: 4, columnAddress: xStep })
  const addTile = (): void => {
    tile.load(at, xBytes)
    f.get(gAt).set(gStep).get(xAt).set(xStep).get(tiles).set(count)
    tile.steps(operands, { count, rowAdvance: gBytes, columnAdvance: xBytes })
    tile.storeRaw(at, xBytes)
    f.increment(xAt, tileColumns * 4)
    f.increment(at, tileColumns * 4)
  }
  const addRows = (): void => {
    f.address(xTiles, [position, xStride]).set(xAt)
    f.for(column, { value: 0 }, { value: xBytes }, addTile, tileColumns * 4)
    f.increment(gAt, tileRows * 4)
    f.increment(at, (tileRows - 1) * xBytes)
  }
  f.get(sums).set(at)
  f.for(position, { value: 0 }, { value: positions }, () => {
    f.address(gTiles, [position, gStride]).set(gAt)
    f.for(row, { value: 0 }, { value: gBytes }, addRows, tileRows * 4)
    f.increment(at, sumStride - spec.g[1] * xBytes)
  })
  return f
}

/** Transforms back the sums of all parts. Operand addresses: sums, weight sums `[r², K, C]`. */
export const winogradCollectKernel = kernelKind('winogradCollect', (spec: WinogradGradientSpec) => {
  const { x, g, kernel: outputs } = spec
  const { parts, sumStride, partBytes } = gradientSizes(spec)
  const matrices = gradientMatrices(spec)
  const n = inputs
  return {
    units: g[1],
    tables: [],
    operands: 2,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 2)
      const transform = new LinearTransform(f, { lanes: 4, fused: target.fused }, [matrices.output])
      const [unit, column, at, out] = f.localArray('i32', 4)
      const sums = f.localArray('v128', n)
      const half = f.localArray('v128', outputs * n)
      const vector = (): void => {
        for (let b = 0; b < n; b++) {
          for (let a = 0; a < n; a++) {
            for (let part = 0; part < parts; part++) {
              f.get(at).memory('v128.load', part * partBytes + (a * n + b) * sumStride)
              if (part > 0) f.op('f32x4.add')
            }
            f.set(sums[a])
          }
          transform.apply(matrices.output, sums, (a, push) => {
            push()
            f.set(half[a * n + b])
          })
        }
        for (let a = 0; a < outputs; a++) {
          transform.apply(matrices.output, half.slice(a * n, a * n + n), (b, push) => {
            f.get(out)
            push()
            f.memory('v128.store', (a * outputs + b) * g[1] * x[1] * 4)
          })
        }
        f.increment(at, 16)
        f.increment(out, 16)
      }
      f.for(unit, from, to, () => {
        const row = x[1] * 4
        f.address(address[0], [unit, row]).set(at)
        f.address(address[1], [unit, row]).set(out)
        f.for(column, { value: 0 }, { value: x[1] }, vector, 4)
      })
      return f
    },
  }
})

/** True where the kernels apply: whole tiles of channels. */
export function fitsWinogradGradient(spec: WinogradGradientSpec): boolean {
  return spec.x[1] % columnsFor(spec) === 0 && spec.g[1] % fewestRows === 0
}
