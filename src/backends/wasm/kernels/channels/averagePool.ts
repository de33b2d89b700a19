/**
 * Average pooling and its gradient on channels-last volumes, where every window divides by the same count. Sums are
 * computed column by column, so that neighboring windows share them.
 */

import type { Window2d } from '../../../../graph/window.ts'
import type { WindowGeometry } from '../../../cpu/kernels/shared/taps.ts'
import type { FunctionBuilder } from '../../emit/assembler.ts'
import { type AnyLanes, floatsOf, loadOf, pushConstant, typeOf } from '../../emit/lanes.ts'
import { type KernelCode, kernelKind } from '../../kernel.ts'
import { type EpilogueSpec, plainStore } from '../shared/epilogue.ts'
import { eachRow, positionsThatFit, type RowTiling, rowSteps, rowTileCode } from './rowTiles.ts'
import { ChannelStore } from './store.ts'

type Volume = readonly number[]

/** The window of an average, and whether padding counts in the divisor. */
export type AverageWindow = Window2d & { readonly countPadding: boolean }

/** Whether all windows divide by the number of their taps. */
export function dividesEvenly({ countPadding, padding }: AverageWindow): boolean {
  return countPadding || padding.top + padding.bottom + padding.left + padding.right === 0
}

/** Averages. Operand addresses: x, epilogue operands, y. */
export const channelAveragePoolKernel = kernelKind(
  'channelAveragePool',
  (window: AverageWindow, x: Volume, y: Volume, epilogue: EpilogueSpec) =>
    shares({ direction: 'forward', window, source: x, result: y }, epilogue),
)

/** Gradients spread evenly over their windows. Operand addresses: g, dx. */
export const channelAveragePoolGradientKernel = kernelKind(
  'channelAveragePoolGradient',
  (window: AverageWindow, g: Volume, x: Volume) =>
    shares({ direction: 'inputGradient', window, source: g, result: x }, plainStore),
)

/** result = Σ over the taps of source · share */
function shares(geometry: WindowGeometry, epilogue: EpilogueSpec): KernelCode {
  const { result } = geometry
  const { kernel } = geometry.window
  // Live at the same time: a sum and an element per column.
  const positions = positionsThatFit(geometry, (_, columns) => 2 * columns)
  const tiling: RowTiling = { ...geometry, positions }
  const operands = 2 + epilogue.operands.length
  const pixel = result[1] * 4
  const step = rowSteps(tiling).source
  // Windows of one column share nothing, but several vectors of channels keep the adders busy.
  const vectors = kernel[1] === 1 ? 4 : 1
  const share = 1 / (kernel[0] * kernel[1])
  return rowTileCode<AnyLanes>({ tiling, vectors, operands }, (f, target, address) => {
    const yBase = address[operands - 1]
    const bases = address.slice(1, operands - 1)
    const store = new ChannelStore(f, target.math, { epilogue, shape: result, bases })
    const [at, counter, out] = f.localArray('i32', 3)
    const most = positions * kernel[1] * vectors
    const vectorLanes = store.lanesFor(target.longest)
    const [numbers, long] = [f.localArray('f32', most), f.localArray(typeOf(vectorLanes), most)]
    return {
      vectorLanes,
      channels: ({ run, lanes, vectors: count, from, out: outBytes, channel, rows }) => {
        const sums = run.columns.map((_, k) => (lanes === 1 ? numbers : long).slice(k * count, (k + 1) * count))
        const add = (): FunctionBuilder => f.op(`${floatsOf(lanes)}.add`)
        f.get(address[0]).plus(from).set(at)
        for (const sum of sums.flat()) pushConstant(f, lanes, 0).set(sum)
        eachRow(f, [counter, rows], [[at, step]], () => {
          run.columns.forEach((column, k) => {
            sums[k].forEach((sum, v) => {
              f.get(sum).get(at)
              f.memory(loadOf(lanes), column * pixel + v * lanes * 4)
              add().set(sum)
            })
          })
        })
        store.atChannels(channel)
        run.positions.forEach((taps, p) => {
          f.get(yBase).plus(outBytes)
          f.offset(p * pixel).set(out)
          store.atPosition(out, yBase, channel)
          for (let v = 0; v < count; v++) {
            store.store(lanes, out, v * lanes, () => {
              if (taps.length === 0) pushConstant(f, lanes, 0)
              taps.forEach(({ column }, k) => {
                f.get(sums[run.columns.indexOf(column)][v])
                if (k > 0) add()
              })
              pushConstant(f, lanes, share).op(`${floatsOf(lanes)}.mul`)
            })
          }
        })
      },
    }
  })
}
