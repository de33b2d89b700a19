/**
 * The gradient of a depthwise convolution to its weights on channels-last volumes:
 *
 *   dw[c, u, v] = Σ over positions of g[position, c] · x[position at tap (u, v), c]
 *
 * The lanes are channels. The sums of one row of taps stay in registers along a row of positions, one set for every
 * position of a tile, so that additions do not wait for each other.
 */
import type { Window2d } from '../../../../../graph/window.ts'
import { type Operand, stridesAlong } from '../../../../cpu/access.ts'
import { byteTable, tapsAlong } from '../../../../cpu/kernels/shared/taps.ts'
import type { Local } from '../../../emit/assembler.ts'
import { type Kernel, kernelFunction, kernelKind } from '../../../kernel.ts'
import type { EpilogueSpec } from '../../shared/epilogue.ts'
import { nestKernel } from '../../shared/map.ts'
import { positionsThatFit, rowSteps, tileRuns } from '../rowTiles.ts'
import { multiplyAdd } from './depthwise.ts'

/** Shapes are `[N, C, H, W]` and lie channels last; weights are `[C, 1, KH, KW]`, C a multiple of 4. */
export interface DepthwiseGradientSpec {
  readonly window: Window2d
  readonly x: readonly number[]
  readonly g: readonly number[]
  readonly weights: readonly number[]
}

/** The sums `[taps, C]`. Operand addresses: x, g, sums. */
export const depthwiseSumsKernel = kernelKind('depthwiseSums', ({ window, x, g, weights }: DepthwiseGradientSpec) => {
  const [batch, channels, xHeight, xWidth] = x
  const [, , gHeight, gWidth] = g
  const [, , kernelHeight, kernelWidth] = weights
  const geometry = { direction: 'forward', window, source: x, result: g } as const
  // Live at once: a sum for every tap and position, x at every column, g at every position.
  const positions = positionsThatFit(geometry, (count, columns) => kernelWidth * count + columns + count)
  const tiling = { ...geometry, positions }
  const runs = tileRuns(tiling)
  const pixel = channels * 4
  return {
    units: channels / 4,
    tables: [byteTable(tapsAlong('forward', window, 0, gHeight, xHeight), kernelWidth * pixel, xWidth * pixel)],
    operands: 3,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 4)
      const [xBase, gBase, sumBase, table] = address
      const [unit, image, row, entry, count, tapRow] = f.localArray('i32', 6)
      const [xRow, gRow, sumRow, xAt, gAt, sumAt, tile] = f.localArray('i32', 7)
      const sums = Array.from({ length: kernelWidth }, () => f.localArray('v128', positions))
      const upstream = f.localArray('v128', positions)
      const pixels = f.localArray('v128', positions * kernelWidth)
      const eachSum = (visit: (list: readonly Local[], offset: number) => void): void => {
        sums.forEach((list, tap) => {
          visit(list, tap * pixel)
        })
      }
      /** `pointer` ← `base` + the bytes of the unit's channels. */
      const atUnit = (base: Local, pointer: Local): void => {
        f.address(base, [unit, 16]).set(pointer)
      }
      const products = (): void => {
        atUnit(gRow, gAt)
        for (const { origin, advance, tiles, positions: seen, columns } of runs) {
          atUnit(xRow, xAt)
          f.increment(xAt, origin * pixel)
          f.for(tile, { value: 0 }, { value: tiles }, () => {
            seen.forEach((_, p) => {
              f.get(gAt)
                .memory('v128.load', p * pixel)
                .set(upstream[p])
            })
            columns.forEach((column, k) => {
              f.get(xAt)
                .memory('v128.load', column * pixel)
                .set(pixels[k])
              seen.forEach((taps, p) => {
                const hit = taps.find(other => other.column === column)
                if (hit) multiplyAdd(f, target.fused, sums[hit.tap][p], upstream[p], pixels[k])
              })
            })
            f.increment(xAt, advance * pixel).increment(gAt, seen.length * pixel)
          })
        }
      }

      f.for(unit, from, to, () => {
        atUnit(sumBase, sumAt)
        for (let tap = 0; tap < kernelHeight * kernelWidth; tap++) {
          f.get(sumAt)
            .f32x4(0)
            .memory('v128.store', tap * pixel)
        }
      })
      f.get(gBase).set(gRow)
      f.for(image, { value: 0 }, { value: batch }, () => {
        f.for(row, { value: 0 }, { value: gHeight }, () => {
          f.address(table, [row, 12]).set(entry)
          f.get(sumBase).get(entry).memory('i32.load').op('i32.add').set(sumRow)
          f.get(image)
            .times(xHeight * xWidth * pixel)
            .get(entry)
            .memory('i32.load', 4)
            .op('i32.add')
            .plus(xBase)
            .set(xRow)
          f.get(entry).memory('i32.load', 8).set(count)
          f.for(tapRow, { value: 0 }, count, () => {
            f.for(unit, from, to, () => {
              eachSum(list => {
                for (const sum of list) f.f32x4(0).set(sum)
              })
              products()
              atUnit(sumRow, sumAt)
              eachSum((list, offset) => {
                f.get(sumAt).get(sumAt).memory('v128.load', offset)
                list.forEach((sum, p) => {
                  f.get(sum)
                  if (p > 0) f.op('f32x4.add')
                })
                f.op('f32x4.add').memory('v128.store', offset)
              })
            })
            f.increment(xRow, rowSteps(tiling).source).increment(sumRow, kernelWidth * pixel)
          })
          f.increment(gRow, gWidth * pixel)
        })
      })
      return f
    },
  }
})

/** Brings the sums into the order of the weights. Operand addresses: sums, epilogue operands, weight gradient. */
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
