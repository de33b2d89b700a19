/**
 * The weight gradient by Winograd's algorithm in stages, for layers with many channels. First, all tiles of x and g are
 * transformed, into panels that the products read from front to back. Then every position has one matrix product, whose
 * sums over all tiles stay in registers and are written once.
 */

import { lanesFor, RegisterTile } from '../../../emit/tile.ts'
import { type KernelCode, kernelFunction, kernelKind } from '../../../kernel.ts'
import {
  columnsFor,
  gradientMatrices,
  gradientSizes,
  positions,
  rowsFor,
  type WinogradGradientSpec,
} from './gradient.ts'
import { emitTileTransform } from './transforms.ts'

/** Output channels of a panel of g. */
const panelRows = 8

/** True where the kernels apply: whole panels of channels. */
export function fitsStages({ g }: WinogradGradientSpec): boolean {
  return g[1] % panelRows === 0
}

/** Transformed tiles of x, `[positions, panels, tiles, width]`. Operand addresses: x, result. */
export const gradientInputKernel = kernelKind('winogradGradientInput', (spec: WinogradGradientSpec) =>
  transformCode(spec, {
    source: spec.x,
    lead: spec.lead,
    matrix: gradientMatrices(spec).input,
    stride: gradientSizes(spec).xStride,
    width: columnsFor(spec),
  }),
)

/** Transformed tiles of g, `[positions, panels, tiles, width]`. Operand addresses: g, result. */
export const gradientUpstreamKernel = kernelKind('winogradGradientUpstream', (spec: WinogradGradientSpec) =>
  transformCode(spec, {
    source: spec.g,
    lead: [0, 0],
    matrix: gradientMatrices(spec).weights,
    stride: gradientSizes(spec).gStride,
    width: panelRows,
  }),
)

function transformCode(
  spec: WinogradGradientSpec,
  {
    source,
    lead,
    matrix,
    stride,
    width,
  }: Pick<Parameters<typeof emitTileTransform>[1], 'source' | 'lead' | 'matrix' | 'stride'> & {
    readonly width: number
  },
): KernelCode {
  const { tiles, grid } = gradientSizes(spec)
  return {
    units: tiles,
    tables: [new Int32Array(source[1])],
    operands: 2,
    emit(target) {
      const wide = spec.tile.joined
      const panels = { width, tiles }
      const transform = emitTileTransform(target, { source, lead, grid, matrix, stride, wide, panels })
      const { f, from, to, address } = kernelFunction(target, 3)
      f.get(from).get(to).i32(0).get(address[0]).get(address[1]).get(address[2]).call(transform)
      return f
    },
  }
}

/** Sums `[positions, K, C]` over all tiles. Operand addresses: transformed x, transformed g, sums. */
export const gradientProductsKernel = kernelKind('winogradGradientProducts', (spec: WinogradGradientSpec) => {
  const { x, g } = spec
  const { tiles, xStride, gStride, sumStride } = gradientSizes(spec)
  const [tileRows, columns] = [rowsFor(spec), columnsFor(spec)]
  const [rowPanels, xPanels] = [g[1] / panelRows, x[1] / columns]
  const xBytes = x[1] * 4
  return {
    units: positions * rowPanels,
    tables: [],
    operands: 3,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 3)
      const [xTiles, gTiles, sums] = address
      const [unit, position, rows, panel, xAt, gAt, out, xStep, gStep, count] = f.localArray('i32', 10)
      const lanes = lanesFor(columns, target.longest)
      const tile = new RegisterTile(f, { rows: tileRows, columns: columns / lanes }, { lanes, fused: target.fused })
      const operands = tile.splats({ rowAddress: gStep, rowBytes: 4, columnAddress: xStep })
      f.for(unit, from, to, () => {
        f.get(unit).over(rowPanels).set(position).get(unit).modulo(rowPanels).set(rows)
        f.address(gTiles, [position, gStride])
        f.plus(rows, tiles * panelRows * 4).set(gAt)
        f.address(xTiles, [position, xStride]).set(xAt)
        f.address(sums, [position, sumStride])
        f.plus(rows, panelRows * xBytes).set(out)
        f.for(panel, { value: 0 }, { value: xPanels }, () => {
          for (let row = 0; row < panelRows; row += tileRows) {
            tile.clear()
            f.get(gAt)
              .offset(row * 4)
              .set(gStep)
            f.get(xAt).set(xStep).i32(tiles).set(count)
            tile.steps(operands, { count, rowAdvance: panelRows * 4, columnAdvance: columns * 4 })
            tile.storeRaw(out, xBytes, row * xBytes)
          }
          f.increment(xAt, tiles * columns * 4)
          f.increment(out, columns * 4)
        })
      })
      return f
    },
  }
})
