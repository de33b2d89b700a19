/**
 * The products of a Winograd convolution: for every position of a tile, transformed inputs times transformed weights.
 */

import { formOf, type WinogradForm } from '../../../../cpu/kernels/channels/winograd/form.ts'
import type { FunctionBuilder, Local } from '../../../emit/assembler.ts'
import { lanesFor, RegisterTile } from '../../../emit/tile.ts'
import type { KernelModule } from '../../../kernel.ts'
import { fetchAhead, tileRowsFor, weightPlaces } from '../direct/packing.ts'
import { type WinogradSpec, winogradSizes } from './spec.ts'

/** `(from, to, tiles, transformed, panels, products)`: the product of one panel at one position per unit. */
export function emitProduct(target: KernelModule, spec: WinogradSpec): FunctionBuilder {
  const { source, chunk } = spec
  const { weightPositions, panels, width, tiles: all, inputStride, productStride, weightStride } = winogradSizes(spec)
  const sums = source[1]
  const f = target.module.function(new Array(6).fill('i32'), [])
  const [from, to, tiles, transformed, weights, products] = [0, 1, 2, 3, 4, 5]
  const lanes = lanesFor(width, target.longest)
  const rows = tileRowsFor(width, spec.tile, { method: 'winograd', positions: Math.min(chunk, all), sums })
  const [unit, position, weightPosition, panel, at, panelAt, rowAt, out, tile, full, count] = f.localArray('i32', 11)
  const inBytes = sums * 4
  const outBytes = panels * width * 4
  const weightBytes = weightPositions * sums * spec.result[1] * 4
  const place = weightPlaces({ method: 'winograd', steps: sums, width, weightBytes, rows: all })
  const tileOf = (height: number): void => {
    const registers = new RegisterTile(f, { rows: height, columns: width / lanes }, { lanes, fused: target.fused })
    registers.clear()
    f.get(at).set(rowAt).get(panel).set(panelAt).i32(sums).set(count)
    registers.steps(registers.splats({ rowAddress: rowAt, rowBytes: inBytes, columnAddress: panelAt }), {
      count,
      rowAdvance: 4,
      columnAdvance: width * 4,
      ahead: fetchAhead(spec.tile),
      place,
    })
    registers.storeRaw(out, outBytes)
  }
  f.for(unit, from, to, () => {
    f.get(unit).over(panels).set(position)
    locateWeights(f, formOf(spec), position, weightPosition)
    f.address(weights, [weightPosition, weightStride])
    f.get(unit)
      .modulo(panels)
      .times(sums * width * 4)
      .op('i32.add')
      .set(panel)
    f.address(transformed, [position, inputStride]).set(at)
    f.address(products, [position, productStride])
    f.get(unit)
      .modulo(panels)
      .times(width * 4)
      .op('i32.add')
      .set(out)
    f.get(tiles).get(tiles).modulo(rows).op('i32.sub').set(full)
    f.for(
      tile,
      { value: 0 },
      full,
      () => {
        tileOf(rows)
        f.increment(at, rows * inBytes)
        f.increment(out, rows * outBytes)
      },
      rows,
    )
    // The remaining tiles of a chunk, and of the last chunk.
    for (const rest of new Set([chunk % rows, (all % chunk) % rows])) {
      if (rest === 0) continue
      f.get(tiles).get(full).op('i32.sub').i32(rest).op('i32.eq')
      f.if(() => tileOf(rest))
    }
  })
  return f
}

/** The position of the weights for a position of a tile: on each axis, the last one serves all remaining positions. */
function locateWeights(f: FunctionBuilder, { matrices }: WinogradForm, position: Local, result: Local): void {
  const [products, distinct] = [matrices.input.length, matrices.weights.length]
  f.get(position).set(result)
  if (distinct === products) return
  const axis = (op: 'i32.div_u' | 'i32.rem_u'): void => {
    f.get(position)
      .i32(products)
      .op(op)
      .tee(result)
      .i32(distinct - 1)
    f.get(result).i32(distinct).op('i32.lt_s', 'select')
  }
  axis('i32.div_u')
  f.times(distinct)
  axis('i32.rem_u')
  f.op('i32.add').set(result)
}
