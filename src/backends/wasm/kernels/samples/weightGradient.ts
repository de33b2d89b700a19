/**
 * The weight gradient of a convolution, over blocks of samples:
 *
 *   dw[o, c, u, v] = Σ_n Σ_{i, j} g[n, o, i, j] · x[n, c, i·s + u·d − p, j·s + v·d − p]
 *
 * Lanes are terms of the sum (samples of the block) and are added up once per result. A tile holds several output
 * channels (rows) times several input channels, or, where there are too few of those (the first layer), several
 * neighboring taps of one row of the kernel. Tables leave out positions whose tap falls in the padding.
 */

import type { Conv2dAttributes } from '../../../../graph/ops/conv2d.ts'
import type { Operand } from '../../../cpu/access.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import type { Vectors } from '../../emit/lanes.ts'
import type { RegisterTile } from '../../emit/tile.ts'
import { type KernelModule, kernelFunction, kernelKind } from '../../kernel.ts'
import { chooseTermTile, TermSums } from './termSums.ts'

/**
 * Operand addresses: x, g (both blocked), a workspace of `termSumsBytes` (only where vectors are joined), dw
 * (row-major).
 */
export const weightGradientKernel = kernelKind(
  'weightGradient',
  (window: Conv2dAttributes, x: Operand, g: Operand, shape: WeightShape, vectors: Vectors) => {
    const geometry = geometryOf(window, x, g, { shape, vectors })
    return {
      // One unit is one tile of output channels at one row of the kernel.
      units: window.groups * geometry.rowTiles * shape[2],
      tables: [],
      operands: vectors.joined ? 4 : 3,
      workspace: vectors.joined,
      emit: target => new WeightGradientEmitter(target, geometry).emit(),
    }
  },
)

type WeightShape = readonly [outChannels: number, groupChannels: number, kernelHeight: number, kernelWidth: number]

/** Numbers that follow from the shapes; strides are in bytes. */
function geometryOf(
  window: Conv2dAttributes,
  x: Operand,
  g: Operand,
  { shape, vectors }: { readonly shape: WeightShape; readonly vectors: Vectors },
) {
  const block = x.block || 1
  const [outChannels, groupChannels, kernelHeight, kernelWidth] = shape
  const [, xChannels, xHeight, xWidth] = x.shape
  const [, gChannels, gHeight, gWidth] = g.shape
  const rowsPerGroup = outChannels / window.groups
  const acrossTaps = groupChannels < 2 && kernelWidth > 1
  const [tileRows, tileColumns] = chooseTermTile(rowsPerGroup, acrossTaps ? kernelWidth : groupChannels, vectors)
  const bytes = block * 4
  return {
    window,
    vectors,
    block,
    blocks: x.shape[0] / block,
    bytes,
    xChannels,
    gChannels,
    gWidth,
    groupChannels,
    kernelHeight,
    kernelWidth,
    rowsPerGroup,
    /** Whether the columns of a tile are neighboring taps instead of input channels. */
    acrossTaps,
    tileRows,
    tileColumns,
    rowTiles: Math.ceil(rowsPerGroup / tileRows),
    xRow: xWidth * bytes,
    gRow: gWidth * bytes,
    xPlane: xHeight * xWidth * bytes,
    gPlane: gHeight * gWidth * bytes,
    /** Positions at which each row, or column, of the kernel is inside the image. */
    rows: positions(window, 0, { taps: kernelHeight, outputs: gHeight, inputs: xHeight }),
    columns: positions(window, 1, { taps: kernelWidth, outputs: gWidth, inputs: xWidth }),
  }
}

type Geometry = ReturnType<typeof geometryOf>

/**
 * Writes the function of the gradient: tiles of output channels, tiles of input channels or taps, and the sum of each.
 */
class WeightGradientEmitter {
  readonly #geometry: Geometry
  readonly #f: FunctionBuilder
  readonly #range: { readonly from: Local; readonly to: Local }
  readonly #base: { readonly x: Local; readonly g: Local; readonly result: Local }
  readonly #sums: TermSums
  readonly #at: Readonly<Record<(typeof localNames)[number], Local>>

  constructor(target: KernelModule, geometry: Geometry) {
    const { block, vectors } = geometry
    const { f, from, to, address } = kernelFunction(target, vectors.joined ? 4 : 3)
    this.#geometry = geometry
    this.#f = f
    this.#range = { from, to }
    this.#base = { x: address[0], g: address[1], result: address[address.length - 1] }
    const workspace = vectors.joined ? address[2] : undefined
    this.#sums = new TermSums(f, target, { block, vectors, workspace })
    this.#at = f.named('i32', ...localNames)
  }

  emit(): FunctionBuilder {
    const f = this.#f
    const { rowsPerGroup, rowTiles, tileRows } = this.#geometry
    const rest = rowsPerGroup % tileRows
    f.for(this.#at.unit, this.#range.from, this.#range.to, () => {
      this.#locateUnit()
      if (rest === 0) {
        this.#acrossColumns(tileRows)
        return
      }
      f.get(this.#at.rowTile)
        .i32(rowTiles - 1)
        .op('i32.lt_s')
      f.if(
        () => this.#acrossColumns(tileRows),
        () => this.#acrossColumns(rest),
      )
    })
    return f
  }

  /**
   * Finds, from a unit's number, its kernel row, the rows of positions that it meets, its output channels and group.
   */
  #locateUnit(): void {
    const f = this.#f
    const { kernelHeight, rowTiles, tileRows, rows } = this.#geometry
    const { unit, u, rowTile, group, rowInGroup, rowFrom, rowTo } = this.#at
    f.get(unit).modulo(kernelHeight).set(u)
    f.get(unit).over(kernelHeight).modulo(rowTiles).set(rowTile)
    f.get(unit)
      .over(kernelHeight * rowTiles)
      .set(group)
    f.get(rowTile).times(tileRows).set(rowInGroup)
    const [first, end] = [rows.map(({ from }) => from), rows.map(({ to }) => to)]
    pushRange(f, u, first).set(rowFrom)
    pushRange(f, u, end).set(rowTo)
  }

  /** All taps of a row of the kernel and all input channels, for `height` output channels. */
  #acrossColumns(height: number): void {
    const f = this.#f
    const sums = this.#sums
    const { acrossTaps, groupChannels, kernelWidth, tileColumns: width } = this.#geometry
    const { c } = this.#at
    if (acrossTaps) {
      f.for(c, { value: 0 }, { value: groupChannels }, () => {
        for (let v = 0; v < kernelWidth; v += width) this.#tile(sums.tile(height, Math.min(width, kernelWidth - v)), v)
      })
      return
    }
    const rest = groupChannels % width
    for (let v = 0; v < kernelWidth; v++) {
      f.for(c, { value: 0 }, { value: groupChannels - rest }, () => this.#tile(sums.tile(height, width), v), width)
      if (rest > 0) {
        f.i32(groupChannels - rest).set(c)
        this.#tile(sums.tile(height, rest), v)
      }
    }
  }

  /** One tile: output channels starting at `rowInGroup`, and input channels starting at c or taps starting at `v`. */
  #tile(tile: RegisterTile, v: number): void {
    const f = this.#f
    const { blocks, gRow, xRow, window } = this.#geometry
    const { n, i, rowFrom, rowTo, g0, x0 } = this.#at
    this.#sums.sum(tile, () => {
      f.for(n, { value: 0 }, { value: blocks }, () => {
        this.#locateBlock()
        f.for(i, rowFrom, rowTo, () => {
          this.#rowOfPositions(tile, v)
          f.increment(g0, gRow).increment(x0, window.stride[0] * xRow)
        })
      })
    })
    this.#store(tile, v)
  }

  /** Addresses of block n of g and x at the first row of positions. */
  #locateBlock(): void {
    const f = this.#f
    const { window, gChannels, xChannels, groupChannels, rowsPerGroup, gPlane, gRow, xPlane, xRow } = this.#geometry
    const { n, u, c, group, rowInGroup, rowFrom, g0, x0 } = this.#at
    f.get(n).times(gChannels).plus(group, rowsPerGroup).plus(rowInGroup).times(gPlane)
    f.plus(rowFrom, gRow).plus(this.#base.g)
    this.#sums.pushPart().set(g0)
    f.get(n).times(xChannels).plus(group, groupChannels).plus(c).times(xPlane)
    f.get(rowFrom).times(window.stride[0]).plus(u, window.dilation[0])
    f.i32(window.padding.top).op('i32.sub').times(xRow).op('i32.add').plus(this.#base.x)
    this.#sums.pushPart().set(x0)
  }

  /**
   * The products of one row of positions. Positions that only some taps of the tile see (at the image's borders) are
   * summed in sequence with the others, so that the order of a tap's terms does not depend on its tile.
   */
  #rowOfPositions(tile: RegisterTile, v: number): void {
    const { columns, acrossTaps, gWidth } = this.#geometry
    const taps = acrossTaps ? columns.slice(v, v + tile.columns) : [columns[v]]
    const begin = Math.max(...taps.map(({ from }) => from))
    const end = Math.min(...taps.map(({ to }) => to))
    const [first, last] = end > begin ? [begin, end] : [gWidth, gWidth]
    taps.forEach(({ from, to }, k) => {
      this.#run(tile, v, { from, to: Math.min(to, first), only: k })
    })
    this.#run(tile, v, { from: first, to: last })
    taps.forEach(({ to }, k) => {
      this.#run(tile, v, { from: last, to, only: k })
    })
  }

  /**
   * Adds the products of the positions `from … to − 1` of a row; only column `only` of the tile takes part, if given.
   */
  #run(tile: RegisterTile, v: number, { from, to, only }: { from: number; to: number; only?: number }): void {
    if (to <= from) return
    const f = this.#f
    const { place } = this.#sums
    const { window, bytes, gPlane, xPlane, acrossTaps } = this.#geometry
    const { g0, x0, gAddress, xAddress, count } = this.#at
    const xColumn = from * window.stride[1] + v * window.dilation[1] - window.padding.left
    f.get(g0)
      .offset(from * bytes)
      .set(gAddress)
    f.get(x0)
      .offset(xColumn * bytes)
      .set(xAddress)
    f.i32((to - from) * place.steps).set(count)
    const columnBytes = acrossTaps ? window.dilation[1] * bytes : xPlane
    const operands = {
      rowAddress: gAddress,
      rowOffsets: Array.from({ length: tile.rows }, (_, r) => r * gPlane),
      rowKind: 'vector',
      columnAddress: xAddress,
      columnOffsets: Array.from({ length: tile.columns }, (_, k) => k * columnBytes),
      ...(only !== undefined && { onlyColumn: only }),
    } as const
    tile.steps(operands, { count, rowAdvance: bytes, columnAdvance: window.stride[1] * bytes, place })
  }

  /** Stores the sums at dw[o, c, u, v]. */
  #store(tile: RegisterTile, v: number): void {
    const f = this.#f
    const { groupChannels, kernelHeight, kernelWidth, rowsPerGroup, acrossTaps } = this.#geometry
    const { u, c, group, rowInGroup, out } = this.#at
    const plane = kernelHeight * kernelWidth
    f.get(group).times(rowsPerGroup).plus(rowInGroup).times(groupChannels)
    f.plus(c).times(kernelHeight).plus(u)
    f.times(kernelWidth * 4)
      .plus(this.#base.result)
      .set(out)
    for (let r = 0; r < tile.rows; r++) {
      for (let k = 0; k < tile.columns; k++) {
        const column = acrossTaps ? v + k : k * plane + v
        f.get(out)
        tile.pushLaneSum(r, k)
        f.memory('f32.store', (r * groupChannels * plane + column) * 4)
      }
    }
  }
}

/**
 * Indices (unit; group, tile of rows, kernel row u, block n, row i, input channel c), steps, bounds, addresses, first
 * row of a tile.
 */
const localNames = [
  ...(['unit', 'group', 'rowTile', 'u', 'n', 'i', 'c', 'count', 'rowFrom', 'rowTo'] as const),
  ...(['x0', 'g0', 'xAddress', 'gAddress', 'out', 'rowInGroup'] as const),
] as const

/** For each tap, the output positions at which it is inside the image. */
function positions(
  { stride, dilation, padding }: Conv2dAttributes,
  axis: 0 | 1,
  { taps, outputs, inputs }: { readonly taps: number; readonly outputs: number; readonly inputs: number },
): { from: number; to: number }[] {
  const lead = axis === 0 ? padding.top : padding.left
  return Array.from({ length: taps }, (_, tap) => {
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

/** Pushes `values[index]` for a small table that is known at assembly time. */
function pushRange(f: FunctionBuilder, index: Local, values: readonly number[]): FunctionBuilder {
  f.i32(values[0])
  for (let k = 1; k < values.length; k++) {
    if (values[k] === values[0]) continue
    f.i32(values[k]).get(index).i32(k).op('i32.ne', 'select')
  }
  return f
}
