/**
 * The gradient of a convolution to its weights, over blocks of samples:
 *
 *   dw[o, c, u, v] = Σ_n Σ_{i, j} g[n, o, i, j] · x[n, c, i·s + u·d − p, j·s + v·d − p]
 *
 * Lanes are terms of the sum (samples of the block) and are added up once per result. A tile holds several output
 * channels (rows) times several input channels, or, where there are too few of those (the first layer), several
 * neighbouring taps of one row of the kernel. Positions whose tap falls in the padding are left out by tables.
 */
import type { Conv2dAttributes } from '../../../../graph/ops/conv2d.ts'
import type { Operand } from '../../../cpu/access.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import type { RegisterTile } from '../../emit/tile.ts'
import { arithmeticFor, type KernelModule, kernelFunction, kernelKind } from '../../kernel.ts'
import { TermSums } from './termSums.ts'

/** Tile sizes that fit 15 registers as rows + columns + rows · columns, best ratio of products to loads first. */
const tileSizes: readonly (readonly [rows: number, columns: number])[] = [
  [3, 3],
  [4, 2],
  [2, 4],
  [3, 2],
  [2, 3],
  [2, 2],
  [6, 1],
  [4, 1],
  [1, 4],
  [3, 1],
  [2, 1],
  [1, 2],
  [1, 1],
]

/**
 * Operand addresses: x, g (both blocked), where vectors are joined a workspace of `termSumsBytes`, dw (row-major).
 * @param wide whether pairs of vectors are joined
 */
export const weightGradientKernel = kernelKind(
  'weightGradient',
  (
    geometry: Conv2dAttributes,
    x: Operand,
    g: Operand,
    shape: readonly [number, number, number, number],
    wide: boolean,
  ) => {
    const block = x.block || 1
    const { stride, dilation, groups } = geometry
    const [outChannels, groupChannels, kernelHeight, kernelWidth] = shape
    const rowsPerGroup = outChannels / groups
    const acrossTaps = groupChannels < 2 && kernelWidth > 1
    const [tileRows, tileColumns] = chooseTile(rowsPerGroup, acrossTaps ? kernelWidth : groupChannels)
    const rowTiles = Math.ceil(rowsPerGroup / tileRows)
    const blocks = x.shape[0] / block
    const bytes = block * 4
    const [, xChannels, xHeight, xWidth] = x.shape
    const [, gChannels, gHeight, gWidth] = g.shape
    const rows = positions(geometry, 0, kernelHeight, gHeight, xHeight)
    const columns = positions(geometry, 1, kernelWidth, gWidth, xWidth)
    const strides = {
      xRow: xWidth * bytes,
      gRow: gWidth * bytes,
      xPlane: xHeight * xWidth * bytes,
      gPlane: gHeight * gWidth * bytes,
    }
    return {
      // One unit is one tile of output channels at one row of the kernel.
      units: groups * rowTiles * kernelHeight,
      tables: [],
      operands: wide ? 4 : 3,
      workspace: wide,
      emit(target: KernelModule): FunctionBuilder {
        const { f, from, to, address } = kernelFunction(target, wide ? 4 : 3)
        const [xBase, gBase] = address
        const out = address[address.length - 1]
        const arithmetic = arithmeticFor(block, target.fused)
        const vectors = Math.max(1, block / 4)
        const sums = new TermSums(f, vectors, arithmetic, wide ? address[2] : undefined)
        const local = (): Local => f.local('i32')
        const [unit, group, rowTile, u, n, i, c, count] = Array.from({ length: 8 }, local)
        const [rowFrom, rowTo, x0, g0, xAddress, gAddress, store, rowInGroup] = Array.from({ length: 8 }, local)

        /** Adds, for one row of positions, the products of `columnCount` positions starting at the given columns. */
        const run = (
          tile: RegisterTile,
          columnOffsets: readonly number[],
          only: number | undefined,
          gColumn: number,
          xColumn: number,
          columnCount: number,
        ): void => {
          if (columnCount <= 0) return
          f.get(g0)
            .offset(gColumn * bytes)
            .set(gAddress)
          f.get(x0)
            .offset(xColumn * bytes)
            .set(xAddress)
          f.i32(columnCount * sums.place.steps).set(count)
          const operands = {
            rowAddress: gAddress,
            rowOffsets: Array.from({ length: tile.rows }, (_, r) => r * strides.gPlane),
            rowKind: 'vector',
            columnAddress: xAddress,
            columnOffsets,
            ...(only !== undefined && { onlyColumn: only }),
          } as const
          tile.steps(operands, count, bytes, stride[1] * bytes, 4, sums.place)
        }

        /** One tile: output channels from `rowInGroup`, and input channels from c or taps from `v`. */
        const tileAt = (tile: RegisterTile, v: number): void => {
          const taps = acrossTaps ? columns.slice(v, v + tile.columns) : [columns[v]]
          const begin = Math.max(...taps.map(tap => tap.from))
          const end = Math.min(...taps.map(tap => tap.to))
          const columnOffsets = Array.from({ length: tile.columns }, (_, k) =>
            acrossTaps ? k * dilation[1] * bytes : k * strides.xPlane,
          )
          sums.sum(tile, () => {
            f.for(n, { value: 0 }, { value: blocks }, () => {
              f.get(n).times(gChannels).plus(group, rowsPerGroup)
              f.plus(rowInGroup).times(strides.gPlane)
              f.plus(rowFrom, strides.gRow).plus(gBase)
              sums.pushPart().set(g0)
              f.get(n).times(xChannels).plus(group, groupChannels)
              f.plus(c).times(strides.xPlane)
              f.get(rowFrom).times(stride[0]).plus(u, dilation[0])
              f.i32(geometry.padding.top).op('i32.sub').times(strides.xRow).op('i32.add')
              f.plus(xBase)
              sums.pushPart().set(x0)
              f.for(i, rowFrom, rowTo, () => {
                const xAt = (position: number): number => position * stride[1] + v * dilation[1] - geometry.padding.left
                // Positions that only some taps of the tile see, the image's borders, are summed in their place: in whatever
                // tile a tap is, the order is the same.
                const [first, last] = end > begin ? [begin, end] : [gWidth, gWidth]
                taps.forEach((tap, k) => {
                  run(tile, columnOffsets, k, tap.from, xAt(tap.from), Math.min(tap.to, first) - tap.from)
                })
                run(tile, columnOffsets, undefined, first, xAt(first), last - first)
                taps.forEach((tap, k) => {
                  run(tile, columnOffsets, k, last, xAt(last), tap.to - last)
                })
                f.increment(g0, strides.gRow).increment(x0, stride[0] * strides.xRow)
              })
            })
          })
          // dw[o, c, u, v]
          f.get(group).times(rowsPerGroup).plus(rowInGroup).times(groupChannels)
          f.plus(c).times(kernelHeight).plus(u)
          f.times(kernelWidth * 4)
            .plus(out)
            .set(store)
          for (let r = 0; r < tile.rows; r++) {
            for (let k = 0; k < tile.columns; k++) {
              const column = acrossTaps ? (v + k) * 4 : (k * kernelHeight * kernelWidth + v) * 4
              f.get(store)
              tile.pushLaneSum(r, k)
              f.memory('f32.store', r * groupChannels * kernelHeight * kernelWidth * 4 + column)
            }
          }
        }

        const acrossColumns = (height: number): void => {
          const width = tileColumns
          if (acrossTaps) {
            f.for(c, { value: 0 }, { value: groupChannels }, () => {
              for (let v = 0; v < kernelWidth; v += width)
                tileAt(sums.tile(height, Math.min(width, kernelWidth - v)), v)
            })
            return
          }
          const rest = groupChannels % width
          for (let v = 0; v < kernelWidth; v++) {
            f.for(c, { value: 0 }, { value: groupChannels - rest }, () => tileAt(sums.tile(height, width), v), width)
            if (rest > 0) {
              f.i32(groupChannels - rest).set(c)
              tileAt(sums.tile(height, rest), v)
            }
          }
        }

        f.for(unit, from, to, () => {
          f.get(unit).modulo(kernelHeight).set(u)
          f.get(unit).over(kernelHeight).modulo(rowTiles).set(rowTile)
          f.get(unit)
            .over(kernelHeight * rowTiles)
            .set(group)
          f.get(rowTile).times(tileRows).set(rowInGroup)
          pushRange(
            f,
            u,
            rows.map(row => row.from),
          ).set(rowFrom)
          pushRange(
            f,
            u,
            rows.map(row => row.to),
          ).set(rowTo)
          const rest = rowsPerGroup % tileRows
          if (rest === 0) acrossColumns(tileRows)
          else {
            f.get(rowTile)
              .i32(rowTiles - 1)
              .op('i32.lt_s')
            f.if(
              () => acrossColumns(tileRows),
              () => acrossColumns(rest),
            )
          }
        })
        return f
      },
    }
  },
)

/** The tile that takes the fewest cycles for these extents. */
function chooseTile(rows: number, columns: number): readonly [number, number] {
  // Two products a cycle, each four cycles after that before it, against three loads, and a little bookkeeping, per step.
  const cycles = (r: number, c: number): number => (r * c === 0 ? 0 : Math.max((r * c) / 2, 4, (r + c) / 2.5) + 0.6)
  const cost = ([r, c]: readonly [number, number]): number => {
    const [down, across] = [Math.floor(rows / r), Math.floor(columns / c)]
    const [restDown, restAcross] = [rows % r, columns % c]
    const whole = down * (across * cycles(r, c) + cycles(r, restAcross))
    return whole + across * cycles(restDown, c) + cycles(restDown, restAcross)
  }
  const fitting = tileSizes.filter(([r, c]) => r <= rows && c <= columns)
  return fitting.reduce((best, tile) => (cost(tile) < cost(best) ? tile : best), fitting[fitting.length - 1])
}

/** For each tap, the output positions at which it lies inside the image. */
function positions(
  { stride, dilation, padding }: Conv2dAttributes,
  axis: 0 | 1,
  kernel: number,
  outputs: number,
  inputs: number,
): { from: number; to: number }[] {
  const lead = axis === 0 ? padding.top : padding.left
  return Array.from({ length: kernel }, (_, tap) => {
    const inside = (position: number): boolean => {
      const at = position * stride[axis] + tap * dilation[axis] - lead
      return at >= 0 && at < inputs
    }
    let from = 0
    while (from < outputs && !inside(from)) from++
    let to = from
    while (to < outputs && inside(to)) to++
    return { from, to }
  })
}

/** Pushes `values[index]` for a small table known at assembly time. */
function pushRange(f: FunctionBuilder, index: Local, values: readonly number[]): FunctionBuilder {
  f.i32(values[0])
  for (let k = 1; k < values.length; k++) {
    if (values[k] === values[0]) continue
    f.i32(values[k]).get(index).i32(k).op('i32.ne', 'select')
  }
  return f
}
