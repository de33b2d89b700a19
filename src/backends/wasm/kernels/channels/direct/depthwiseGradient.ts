/**
 * The weight gradient of a depthwise convolution on channels-last volumes:
 *
 *   dw[c, u, v] = Σ over positions of g[position, c] · x[position at tap (u, v), c]
 *
 * The lanes are channels. The sums of one row of taps stay in registers along a row of positions, one set for each
 * position of a tile, so that additions do not wait for each other.
 */

import type { Window2d } from '../../../../../graph/window.ts'
import { type Operand, stridesAlong } from '../../../../cpu/access.ts'
import { byteTable, tapsAlong } from '../../../../cpu/kernels/shared/taps.ts'
import type { FunctionBuilder, Local } from '../../../emit/assembler.ts'
import { multiplyAdd } from '../../../emit/lanes.ts'
import { type Kernel, type KernelModule, kernelFunction, kernelKind } from '../../../kernel.ts'
import type { EpilogueSpec } from '../../shared/epilogue.ts'
import { nestKernel } from '../../shared/map.ts'
import { positionsThatFit, type RowTiling, rowSteps, type TileRun, tileRuns } from '../rowTiles.ts'

/** Volumes have shapes `[N, C, H, W]`, stored channels last; weights are `[C, 1, KH, KW]`, C a multiple of 4. */
export interface DepthwiseGradientSpec {
  readonly window: Window2d
  readonly x: readonly number[]
  readonly g: readonly number[]
  readonly weights: readonly number[]
}

/** The sums `[taps, C]`. Operand addresses: x, g, sums. */
export const depthwiseSumsKernel = kernelKind('depthwiseSums', (spec: DepthwiseGradientSpec) => {
  const { window, x, g, weights } = spec
  const pixel = x[1] * 4
  const taps = tapsAlong({ direction: 'forward', window, source: x, result: g }, 0)
  return {
    units: x[1] / 4,
    tables: [byteTable(taps, weights[3] * pixel, x[3] * pixel)],
    operands: 3,
    emit: target => new DepthwiseSumsEmitter(target, spec).emit(),
  }
})

/** Tiles of positions along the rows of g: as large as the registers allow. */
function tilingOf({ window, x, g, weights }: DepthwiseGradientSpec): RowTiling {
  const geometry = { direction: 'forward', window, source: x, result: g } as const
  // Live at the same time: a sum for every tap and position, x at every column, g at every position.
  const positions = positionsThatFit(geometry, (count, columns) => weights[3] * count + columns + count)
  return { ...geometry, positions }
}

/** Writes the function of the sums: for every image, row of g and row of taps inside it, the products along the row. */
class DepthwiseSumsEmitter {
  readonly #spec: DepthwiseGradientSpec
  readonly #tiling: RowTiling
  readonly #fused: boolean
  readonly #f: FunctionBuilder
  readonly #range: { readonly from: Local; readonly to: Local }
  readonly #base: { readonly x: Local; readonly g: Local; readonly sums: Local; readonly table: Local }
  readonly #at: Readonly<Record<(typeof locals)[number], Local>>
  /** Sums of a row of taps: for each tap, one sum per position of a tile. */
  readonly #sums: readonly (readonly Local[])[]
  readonly #upstream: readonly Local[]
  readonly #pixels: readonly Local[]

  constructor(target: KernelModule, spec: DepthwiseGradientSpec) {
    const { f, from, to, address } = kernelFunction(target, 4)
    const [x, g, sums, table] = address
    const width = spec.weights[3]
    const tiling = tilingOf(spec)
    const { positions } = tiling
    this.#spec = spec
    this.#tiling = tiling
    this.#fused = target.fused
    this.#f = f
    this.#range = { from, to }
    this.#base = { x, g, sums, table }
    this.#at = f.named('i32', ...locals)
    this.#sums = Array.from({ length: width }, () => f.localArray('v128', positions))
    this.#upstream = f.localArray('v128', positions)
    this.#pixels = f.localArray('v128', positions * width)
  }

  /** Bytes of a pixel. */
  get #pixel(): number {
    return this.#spec.x[1] * 4
  }

  emit(): FunctionBuilder {
    const { x, g } = this.#spec
    const f = this.#f
    const { image, row, gRow } = this.#at
    this.#clear()
    f.get(this.#base.g).set(gRow)
    f.for(image, { value: 0 }, { value: x[0] }, () => {
      f.for(row, { value: 0 }, { value: g[2] }, () => {
        this.#locateRow()
        this.#eachTapRow()
        f.increment(gRow, g[3] * this.#pixel)
      })
    })
    return f
  }

  /** Stores zeros in all sums. */
  #clear(): void {
    const [, , height, width] = this.#spec.weights
    const f = this.#f
    const { sumAt } = this.#at
    this.#eachUnit(() => {
      this.#atUnit(this.#base.sums, sumAt)
      for (let tap = 0; tap < height * width; tap++) {
        f.get(sumAt)
          .f32x4(0)
          .memory('v128.store', tap * this.#pixel)
      }
    })
  }

  /** Finds the first row of taps inside the image, the row of x that it sees, and the number of such rows. */
  #locateRow(): void {
    const [, , height, width] = this.#spec.x
    const f = this.#f
    const { image, row, entry, count, xRow, sumRow } = this.#at
    f.address(this.#base.table, [row, 12]).set(entry)
    f.get(this.#base.sums).get(entry).memory('i32.load').op('i32.add').set(sumRow)
    f.get(image)
      .times(height * width * this.#pixel)
      .get(entry)
      .memory('i32.load', 4)
      .op('i32.add')
      .plus(this.#base.x)
      .set(xRow)
    f.get(entry).memory('i32.load', 8).set(count)
  }

  #eachTapRow(): void {
    const width = this.#spec.weights[3]
    const f = this.#f
    const { count, tapRow, xRow, sumRow } = this.#at
    f.for(tapRow, { value: 0 }, count, () => {
      this.#eachUnit(() => {
        for (const sum of this.#sums.flat()) f.f32x4(0).set(sum)
        this.#addProducts()
        this.#addToStored()
      })
      f.increment(xRow, rowSteps(this.#tiling).source).increment(sumRow, width * this.#pixel)
    })
  }

  /** The products of a row of g with the row of x that a row of taps sees. */
  #addProducts(): void {
    const f = this.#f
    const pixel = this.#pixel
    const { xRow, gRow, xAt, gAt, tile } = this.#at
    this.#atUnit(gRow, gAt)
    for (const run of tileRuns(this.#tiling)) {
      this.#atUnit(xRow, xAt)
      f.increment(xAt, run.origin * pixel)
      f.for(tile, { value: 0 }, { value: run.tiles }, () => {
        this.#addTile(run)
        f.increment(xAt, run.advance * pixel).increment(gAt, run.positions.length * pixel)
      })
    }
  }

  #addTile({ positions, columns }: TileRun): void {
    const f = this.#f
    const arithmetic = { lanes: 4, fused: this.#fused } as const
    const { xAt, gAt } = this.#at
    positions.forEach((_, p) => {
      f.get(gAt)
        .memory('v128.load', p * this.#pixel)
        .set(this.#upstream[p])
    })
    columns.forEach((column, k) => {
      f.get(xAt)
        .memory('v128.load', column * this.#pixel)
        .set(this.#pixels[k])
      positions.forEach((taps, p) => {
        const hit = taps.find(other => other.column === column)
        if (hit) multiplyAdd(f, arithmetic, this.#sums[hit.tap][p], [this.#upstream[p], this.#pixels[k]])
      })
    })
  }

  /** Adds the sums of a row of taps, over the positions of a tile, to the sums in memory. */
  #addToStored(): void {
    const f = this.#f
    const { sumRow, sumAt } = this.#at
    this.#atUnit(sumRow, sumAt)
    this.#sums.forEach((list, tap) => {
      f.get(sumAt)
        .get(sumAt)
        .memory('v128.load', tap * this.#pixel)
      list.forEach((sum, p) => {
        f.get(sum)
        if (p > 0) f.op('f32x4.add')
      })
      f.op('f32x4.add').memory('v128.store', tap * this.#pixel)
    })
  }

  #eachUnit(body: () => void): void {
    this.#f.for(this.#at.unit, this.#range.from, this.#range.to, body)
  }

  /** `pointer` ← `base` + the bytes of the unit's channels. */
  #atUnit(base: Local, pointer: Local): void {
    this.#f.address(base, [this.#at.unit, 16]).set(pointer)
  }
}

const locals = [
  ...(['unit', 'image', 'row', 'entry', 'count', 'tapRow'] as const),
  ...(['xRow', 'gRow', 'sumRow', 'xAt', 'gAt', 'sumAt', 'tile'] as const),
] as const

/** Rearranges the sums in the order of the weights. Operand addresses: sums, epilogue operands, weight gradient. */
export function depthwiseCollectKernel({ weights }: DepthwiseGradientSpec, epilogue: EpilogueSpec): Kernel {
  const pixel = weights[0] * 4
  const result: Operand = { shape: weights, dtype: 'f32', block: 0 }
  const dimensions = weights.map((size, axis) => ({ axis, size, stride: 1 }))
  const others = [...epilogue.operands, result].map(operand => stridesAlong(operand, dimensions, weights))
  const dtypes = ['f32' as const, ...epilogue.operands.map(({ dtype }) => dtype)]
  return nestKernel(epilogue.expression, dtypes, {
    sizes: weights,
    strides: [[4, 0, weights[3] * pixel, pixel], ...others],
  })
}
