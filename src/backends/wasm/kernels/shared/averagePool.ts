/** Average pooling and its gradient. */

import type { Shape } from '../../../../graph/shape.ts'
import { tapsAlong } from '../../../cpu/kernels/shared/taps.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { floatsOf, loadOf, typeOf } from '../../emit/lanes.ts'
import { type Kernel, kernelKind } from '../../kernel.ts'
import {
  type AverageWindow,
  channelAveragePoolGradientKernel,
  channelAveragePoolKernel,
  dividesEvenly,
} from '../channels/averagePool.ts'
import { fitsRowTiles } from '../channels/rowTiles.ts'
import { type EpilogueSpec, plainStore } from './epilogue.ts'
import {
  clear,
  pitchOf,
  poolCode,
  pushAddress,
  storeAll,
  type VolumeLayout,
  WindowLoop,
  windowTables,
} from './poolFrame.ts'

/** Averages. Operand addresses: x, epilogue operands, y. */
export function averagePoolKernel(
  window: AverageWindow,
  layout: VolumeLayout,
  x: Shape,
  y: Shape,
  epilogue: EpilogueSpec = plainStore,
): Kernel {
  if (layout.channelsLast && fitsRowTiles('forward', window) && dividesEvenly(window)) {
    return channelAveragePoolKernel(window, x, y, epilogue)
  }
  if (averagesColumns(window, layout) && epilogue === plainStore) {
    return channelAveragePoolKernel(window, columnsLast(x), columnsLast(y), plainStore)
  }
  return averageWindows(window, layout, x, y, epilogue)
}

type AverageSpec = [window: AverageWindow, layout: VolumeLayout, x: Shape, y: Shape, epilogue: EpilogueSpec]

const averageWindows = kernelKind('averagePool', (...[window, layout, x, y, epilogue]: AverageSpec) => {
  const bytes = pitchOf(layout, x) * 4
  const { tables, rowStep, columnStep } = windowTables({ direction: 'forward', window, source: x, result: y }, bytes)
  const operands = 2 + epilogue.operands.length
  return poolCode({ layout, shape: y, operands, extras: epilogue.operands.length, tables }, frame => {
    const { f, lanes, vectors, address, plane } = frame
    const taps = address.slice(operands)
    const finish = frame.finish(epilogue, address.slice(1, operands - 1))
    const loop = new WindowLoop(f)
    const [image, out] = f.localArray('i32', 2)
    const total = f.localArray(typeOf(lanes), vectors)
    const share = f.local('f32')
    const xPlane = x[2] * x[3] * bytes
    return {
      start: () => f.address(address[0], [plane, xPlane]).set(image),
      position: () => {
        loop.begin(frame, taps, image)
        clear(frame, total)
        loop.each(rowStep, columnStep, () => {
          for (let v = 0; v < vectors; v++) {
            f.get(total[v])
              .get(loop.tap)
              .memory(loadOf(lanes), v * 16)
            f.op(`${floatsOf(lanes)}.add`).set(total[v])
          }
        })
        pushShare(f, window, loop.rowCount, loop.columnCount)
        f.set(share)
        pushAddress(frame, address[operands - 1], y, bytes).set(out)
        finish(out, v => {
          f.get(total[v]).get(share)
          if (lanes === 4) f.op('f32x4.splat', 'f32x4.div')
          else f.op('f32.div')
        })
      },
    }
  })
})

/** Whether windows of a row-major image are one column wide, with one for every column, as for sums over channels. */
function averagesColumns(window: AverageWindow, { channelsLast, block }: VolumeLayout): boolean {
  const { kernel, stride, padding } = window
  const oneColumn = kernel[1] === 1 && stride[1] === 1 && padding.left + padding.right === 0
  return !channelsLast && block === 1 && oneColumn && dividesEvenly(window)
}

/** A row-major volume seen as one with a single column and with the old columns as channels: the same memory. */
const columnsLast = ([batch, channels, height, width]: Shape): Shape => [batch * channels, width, height, 1]

/** Pushes the number of elements by which an average divides. */
function pushShare(f: FunctionBuilder, window: AverageWindow, rows: Local, columns: Local): void {
  if (window.countPadding) f.f32(window.kernel[0] * window.kernel[1])
  else f.get(rows).get(columns).op('i32.mul', 'f32.convert_i32_s')
}

/** Spreads gradients evenly over their windows. Operand addresses: g, dx. */
export function averagePoolGradientKernel(window: AverageWindow, layout: VolumeLayout, g: Shape, x: Shape): Kernel {
  if (layout.channelsLast && fitsRowTiles('inputGradient', window) && dividesEvenly(window)) {
    return channelAveragePoolGradientKernel(window, g, x)
  }
  if (averagesColumns(window, layout)) return channelAveragePoolGradientKernel(window, columnsLast(g), columnsLast(x))
  return spreadAverages(window, layout, g, x)
}

type SpreadSpec = [window: AverageWindow, layout: VolumeLayout, g: Shape, x: Shape]

const spreadAverages = kernelKind('averagePoolGradient', (...[window, layout, g, x]: SpreadSpec) => {
  const bytes = pitchOf(layout, x) * 4
  const { tables, rowStep, columnStep } = windowTables(
    { direction: 'inputGradient', window, source: g, result: x },
    bytes,
  )
  // Number of elements along each axis that each window of the forward pass averages.
  const forward = { direction: 'forward', window, source: x, result: g } as const
  const counts = ([0, 1] as const).map(axis => Int32Array.from(tapsAlong(forward, axis).table.map(t => t[2])))
  return poolCode({ layout, shape: x, operands: 2, tables: [...tables, ...counts] }, frame => {
    const { f, lanes, vectors, address, plane } = frame
    const taps = address.slice(2, 4)
    const [rowCounts, columnCounts] = address.slice(4)
    const loop = new WindowLoop(f)
    const [image, out, row, column] = f.localArray('i32', 4)
    const total = f.localArray(typeOf(lanes), vectors)
    const share = f.local('f32')
    const gPlane = g[2] * g[3] * bytes
    const pushCount = (table: Local, index: Local): FunctionBuilder => f.address(table, [index, 4]).memory('i32.load')
    return {
      start: () => f.address(address[0], [plane, gPlane]).set(image),
      position: () => {
        loop.begin(frame, taps, image)
        clear(frame, total)
        loop.each(rowStep, columnStep, () => {
          if (window.countPadding) f.f32(window.kernel[0] * window.kernel[1])
          else {
            loop.locateIndex(image, bytes)
            f.get(loop.index).over(g[3]).set(row).get(loop.index).modulo(g[3]).set(column)
            pushCount(rowCounts, row)
            pushCount(columnCounts, column)
            f.op('i32.mul', 'f32.convert_i32_s')
          }
          f.set(share)
          for (let v = 0; v < vectors; v++) {
            f.get(total[v])
              .get(loop.tap)
              .memory(loadOf(lanes), v * 16)
              .get(share)
            f.op(
              ...(lanes === 4
                ? (['f32x4.splat', 'f32x4.div', 'f32x4.add'] as const)
                : (['f32.div', 'f32.add'] as const)),
            )
            f.set(total[v])
          }
        })
        pushAddress(frame, address[1], x, bytes).set(out)
        storeAll(frame, out, total)
      },
    }
  })
})
