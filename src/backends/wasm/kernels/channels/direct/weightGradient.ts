/**
 * The gradient of a convolution to its weights on channels-last volumes:
 *
 *   dw[o, c, u, v] = Σ over positions of g[position, o] · x[position at tap (u, v), c]
 *
 * Rows of a register tile are output channels, columns are input channels, and the sum runs over positions, one run of
 * columns after another. A few rows of the images are worked through for all taps and channels before the next ones are
 * read, so that they stay in the cache; sums wait in memory meanwhile. Where x has few channels and no padding, the
 * channels of neighbouring taps, which are one run in memory, serve as columns together.
 */
import type { Window2d } from '../../../../../graph/window.ts'
import { type Operand, stridesAlong } from '../../../../cpu/access.ts'
import type { Local } from '../../../emit/assembler.ts'
import { type MachineTile, RegisterTile } from '../../../emit/tile.ts'
import { type Kernel, kernelFunction, kernelKind } from '../../../kernel.ts'
import type { EpilogueSpec } from '../../shared/epilogue.ts'
import { nestKernel } from '../../shared/map.ts'
import { panelWidth } from './packing.ts'

/** Shapes are `[N, C, H, W]` and lie channels last; weights are `[O, I, KH, KW]`. */
export interface WeightGradientSpec {
  readonly window: Window2d
  readonly groups: number
  readonly x: readonly number[]
  readonly g: readonly number[]
  readonly weights: readonly number[]
  readonly tile: MachineTile
}

const tileRows = 4

/** Bytes of x and g that are worked through at a time. */
const chunkBytes = 64 * 1024

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to

/** Sums `[groups, taps, rows, columns]`, rows and columns padded to whole tiles. */
export interface SumLayout {
  /** Rows of the kernel with all their taps as one, or every tap for itself. */
  readonly taps: number
  readonly rows: number
  readonly columns: number
  /** Columns of one register tile. */
  readonly tileColumns: number
  readonly tapsMerged: boolean
}

/** How the sums of a weight gradient lie in memory. */
export function sumLayout({ window, groups, weights, tile }: WeightGradientSpec): SumLayout {
  const [outChannels, groupChannels, kernelHeight, kernelWidth] = weights
  const { padding, dilation } = window
  const unpadded = padding.top + padding.bottom + padding.left + padding.right === 0
  const tapsMerged = unpadded && groups === 1 && dilation[1] === 1 && groupChannels < 16 && kernelWidth > 1
  const used = tapsMerged ? groupChannels * kernelWidth : groupChannels
  const tileColumns = panelWidth(used, tile)
  return {
    tileColumns,
    taps: tapsMerged ? kernelHeight : kernelHeight * kernelWidth,
    rows: roundUp(outChannels / groups, tileRows),
    columns: roundUp(used, tileColumns),
    tapsMerged,
  }
}

/** The sums of {@link sumLayout}. Operand addresses: x, g, sums. */
export const weightSumsKernel = kernelKind('weightSums', (spec: WeightGradientSpec) => {
  const { window, groups, x, g, weights } = spec
  const layout = sumLayout(spec)
  const [batch, xChannels, xHeight, xWidth] = x
  const [, gChannels, gHeight, gWidth] = g
  const [xPixel, gPixel] = [xChannels * 4, gChannels * 4]
  const [xRow, gRow] = [xWidth * xPixel, gWidth * gPixel]
  const tilesDown = layout.rows / tileRows
  const { tileColumns } = layout
  const tapBytes = layout.rows * layout.columns * 4
  const { stride } = window
  const rowBytes = gRow + xRow * Math.min(stride[0], weights[2])
  const band = Math.max(1, Math.min(gHeight, Math.floor(chunkBytes / rowBytes)))
  return {
    units: groups * tilesDown,
    tables: [tapTable(spec, layout)],
    operands: 3,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 4)
      const [xBase, gBase, sums, table] = address
      const local = (): Local => f.local('i32')
      const [unit, image, bandStart, bandEnd, tap, entry] = Array.from({ length: 6 }, local)
      const [rowFrom, rowTo, row, column, group, out, count] = Array.from({ length: 7 }, local)
      const [xImage, gImage, xTap, gTap, xAt, gAt] = Array.from({ length: 6 }, local)
      const [xRun, gRun, xStep, gStep] = Array.from({ length: 4 }, local)
      const tile = new RegisterTile(f, tileRows, tileColumns / 4, { lanes: 4, fused: target.fused })
      const eachSum = (visit: (accumulator: Local, offset: number) => void): void => {
        tile.accumulators.forEach((vectors, r) => {
          vectors.forEach((vector, v) => {
            visit(vector, r * layout.columns * 4 + v * 16)
          })
        })
      }
      const field = (index: number): void => {
        f.get(entry).memory('i32.load', index * 4)
      }
      /** group and first row of a unit as addresses relative to the volumes and the sums. */
      const locateUnit = (): void => {
        f.get(unit).over(tilesDown).set(group)
        f.get(sums)
        f.get(group).times(layout.taps).plus(tap).times(tapBytes).op('i32.add')
        f.get(unit).modulo(tilesDown)
        f.times(tileRows * layout.columns * 4)
          .op('i32.add')
          .set(out)
      }

      // Sums begin at 0.
      f.for(unit, from, to, () => {
        f.for(tap, { value: 0 }, { value: layout.taps }, () => {
          locateUnit()
          f.for(
            count,
            { value: 0 },
            { value: tileRows * layout.columns * 4 },
            () => {
              f.get(out).plus(count).f32x4(0).memory('v128.store')
            },
            16,
          )
        })
      })
      f.for(image, { value: 0 }, { value: batch }, () => {
        f.address(xBase, [image, xHeight * xRow]).set(xImage)
        f.address(gBase, [image, gHeight * gRow]).set(gImage)
        f.for(
          bandStart,
          { value: 0 },
          { value: gHeight },
          () => {
            f.get(bandStart).offset(band).set(bandEnd)
            f.for(tap, { value: 0 }, { value: layout.taps }, () => {
              f.address(table, [tap, tapFields * 4]).set(entry)
              // Rows of the band whose tap lies inside the image.
              field(0)
              f.get(bandStart)
              field(0)
              f.get(bandStart).op('i32.gt_s', 'select').set(rowFrom)
              field(1)
              f.get(bandEnd)
              field(1)
              f.get(bandEnd).op('i32.lt_s', 'select').set(rowTo)
              f.address(xImage, [rowFrom, stride[0] * xRow])
              field(3)
              f.op('i32.add').set(xTap)
              f.address(gImage, [rowFrom, gRow])
              field(4)
              f.op('i32.add').set(gTap)
              f.get(rowFrom).get(rowTo).op('i32.lt_s')
              field(2)
              f.i32(0).op('i32.gt_s', 'i32.and')
              f.if(() => {
                f.for(unit, from, to, () => {
                  locateUnit()
                  f.get(gTap)
                  f.plus(group, (gChannels / groups) * 4)
                  f.get(unit)
                    .modulo(tilesDown)
                    .times(tileRows * 4)
                    .op('i32.add')
                    .set(gAt)
                  f.address(xTap, [group, (xChannels / groups) * 4]).set(xAt)
                  f.for(
                    column,
                    { value: 0 },
                    { value: layout.columns },
                    () => {
                      eachSum((accumulator, offset) => f.get(out).memory('v128.load', offset).set(accumulator))
                      f.get(xAt).set(xRun).get(gAt).set(gRun)
                      f.for(row, rowFrom, rowTo, () => {
                        field(2)
                        f.set(count).get(gRun).set(gStep).get(xRun).set(xStep)
                        tile.steps(
                          {
                            rowAddress: gStep,
                            rowOffsets: Array.from({ length: tileRows }, (_, r) => r * 4),
                            rowKind: 'splat',
                            columnAddress: xStep,
                            columnOffsets: Array.from({ length: tileColumns / 4 }, (_, v) => v * 16),
                          },
                          count,
                          gPixel,
                          stride[1] * xPixel,
                        )
                        f.increment(xRun, stride[0] * xRow)
                        f.increment(gRun, gRow)
                      })
                      eachSum((accumulator, offset) => f.get(out).get(accumulator).memory('v128.store', offset))
                      f.increment(out, tileColumns * 4)
                      f.increment(xAt, tileColumns * 4)
                    },
                    tileColumns,
                  )
                })
              })
            })
          },
          band,
        )
      })
      return f
    },
  }
})

/** Numbers per tap: first and last row + 1, columns, byte offsets into x and g of the first column at row 0. */
const tapFields = 5

function tapTable({ window, x, g, weights }: WeightGradientSpec, { tapsMerged }: SumLayout): Int32Array {
  const { stride, dilation, padding } = window
  const [, xChannels, xHeight, xWidth] = x
  const [, gChannels, gHeight, gWidth] = g
  /** Positions of g whose tap lies inside x along one axis. */
  const range = (shift: number, step: number, count: number, size: number): readonly [number, number] => {
    const first = Math.max(0, Math.ceil(-shift / step))
    const end = Math.min(count, Math.floor((size - 1 - shift) / step) + 1)
    return [first, Math.max(first, end)]
  }
  const fields: number[] = []
  for (let u = 0; u < weights[2]; u++) {
    for (let v = 0; v < (tapsMerged ? 1 : weights[3]); v++) {
      const down = u * dilation[0] - padding.top
      const right = v * dilation[1] - padding.left
      const [rowFrom, rowTo] = range(down, stride[0], gHeight, xHeight)
      const [columnFrom, columnTo] = tapsMerged ? [0, gWidth] : range(right, stride[1], gWidth, xWidth)
      const xOffset = (down * xWidth + columnFrom * stride[1] + right) * xChannels * 4
      fields.push(rowFrom, rowTo, columnTo - columnFrom, xOffset, columnFrom * gChannels * 4)
    }
  }
  return Int32Array.from(fields)
}

/** Brings sums into the order of the weights. Operand addresses: sums, epilogue operands, weight gradient. */
export function collectKernel(
  spec: WeightGradientSpec,
  epilogue: EpilogueSpec,
  { taps, rows, columns, tapsMerged }: Omit<SumLayout, 'tileColumns'> = sumLayout(spec),
): Kernel {
  const { groups, weights } = spec
  const [outChannels, groupChannels, height, width] = weights
  const tap = rows * columns * 4
  const perGroup = outChannels / groups
  const sums = tapsMerged
    ? [taps * tap, columns * 4, 4, tap, groupChannels * 4]
    : [taps * tap, columns * 4, 4, width * tap, tap]
  const result: Operand = { shape: weights, dtype: 'f32', block: 0 }
  const dimensions = weights.map((size, axis) => ({ axis, size, stride: 1 }))
  const others = [...epilogue.operands, result].map(operand => {
    const [perChannel, ...rest] = stridesAlong(operand, dimensions, weights)
    return [perChannel * perGroup, perChannel, ...rest]
  })
  const dtypes = ['f32' as const, ...epilogue.operands.map(({ dtype }) => dtype)]
  const sizes = [groups, perGroup, groupChannels, height, width]
  return nestKernel(epilogue.expression, dtypes, { sizes, strides: [sums, ...others] })
}
