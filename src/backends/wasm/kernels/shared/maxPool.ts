/** Maximum pooling, its switches, and the routing of gradients through them. */
import type { Shape } from '../../../../graph/shape.ts'
import type { Window2d } from '../../../../graph/window.ts'
import type { FunctionBuilder } from '../../emit/assembler.ts'
import { type Kernel, kernelKind } from '../../kernel.ts'
import {
  channelMaxPoolGradientKernel,
  channelMaxPoolKernel,
  channelMaxPoolSwitchesKernel,
} from '../channels/maxPool.ts'
import { fitsRowTiles } from '../channels/rowTiles.ts'
import { type EpilogueSpec, plainStore } from './epilogue.ts'
import {
  clear,
  pitchOf,
  poolCode,
  pushAddress,
  spatial,
  storeAll,
  type VolumeLayout,
  WindowLoop,
  windowTables,
} from './poolFrame.ts'

/** Largest window that is written out tap by tap. */
const mostUnrolledTaps = 16

/** Largest window whose gradient is written out element by element. */
const mostSpreadTaps = 64

/** True when every window lies inside the image. */
function neverPads({ padding }: Window2d): boolean {
  return padding.top + padding.bottom + padding.left + padding.right === 0
}

/** Which results of a scan are stored. */
interface Wants {
  readonly values: boolean
  readonly switches: boolean
}

/**
 * Maxima and, when asked, their switches. Operand addresses: x, epilogue operands, [y], [switches]; `wants` says which
 * of the two results are stored.
 */
export function maxPoolKernel(
  window: Window2d,
  layout: VolumeLayout,
  x: Shape,
  y: Shape,
  wants: Wants,
  epilogue: EpilogueSpec = plainStore,
): Kernel {
  if (layout.channelsLast && fitsRowTiles('forward', window)) {
    return wants.switches
      ? channelMaxPoolSwitchesKernel(window, x, y, wants.values, epilogue)
      : channelMaxPoolKernel(window, x, y, epilogue)
  }
  return scanWindows(window, layout, x, y, wants, epilogue)
}

type ScanSpec = [window: Window2d, layout: VolumeLayout, x: Shape, y: Shape, wants: Wants, epilogue: EpilogueSpec]

const scanWindows = kernelKind('maxPool', (...[window, layout, x, y, wants, epilogue]: ScanSpec) => {
  const bytes = pitchOf(layout, x) * 4
  const { tables, rowStep, columnStep } = windowTables('forward', window, spatial(y), spatial(x), bytes)
  const operands = 1 + epilogue.operands.length + (wants.values ? 1 : 0) + (wants.switches ? 1 : 0)
  return poolCode({ layout, shape: y, operands, extras: epilogue.operands.length, tables }, frame => {
    const { f, lanes, vectors, address, plane, i, j } = frame
    const extras = address.slice(1, 1 + epilogue.operands.length)
    const results = address.slice(1 + extras.length, operands)
    const [rowTable, columnTable] = address.slice(operands)
    const finish = frame.finish(epilogue, extras)
    const loop = new WindowLoop(f)
    const [image, out] = f.localArray('i32', 2)
    const type = lanes === 4 ? 'v128' : 'f32'
    const best = f.localArray(type, vectors)
    const where = f.localArray(lanes === 4 ? 'v128' : 'i32', vectors)
    const [element, taken] = f.localArray(type, 2)
    /** All ones, which is a NaN, where an element was NaN. */
    const spoiled = f.localArray('v128', wants.switches || lanes === 1 ? 0 : vectors)
    const takenFlag = f.local('i32')
    const xPlane = x[2] * x[3] * bytes

    /** Compares the element at `tap` + `offset`, whose flat index is `index` + `shift`, with the best so far. */
    const compare = (offset: number, shift: number): void => {
      const pushIndex = (): FunctionBuilder => (shift === 0 ? f.get(loop.index) : f.get(loop.index).offset(shift))
      for (let v = 0; v < vectors; v++) {
        f.get(loop.tap)
          .memory(lanes === 4 ? 'v128.load' : 'f32.load', offset + v * 16)
          .set(element)
        if (!wants.switches) {
          // One instruction, which forgets NaN, and two that remember it, instead of the nine of f32x4.max.
          f.get(best[v])
            .get(element)
            .op(lanes === 4 ? 'f32x4.pmax' : 'f32.max')
            .set(best[v])
          if (lanes === 4) f.get(spoiled[v]).get(element).get(element).op('f32x4.ne', 'v128.or').set(spoiled[v])
        } else if (lanes === 4) {
          // A NaN counts as larger than everything, as in PyTorch.
          f.get(element).get(best[v]).op('f32x4.gt').get(element).get(element).op('f32x4.ne', 'v128.or').set(taken)
          f.get(element).get(best[v]).get(taken).op('v128.bitselect').set(best[v])
          pushIndex().op('i32x4.splat').get(where[v]).get(taken).op('v128.bitselect').set(where[v])
        } else {
          f.get(element).get(best[v]).op('f32.gt').get(element).get(element).op('f32.ne', 'i32.or').set(takenFlag)
          f.get(element).get(best[v]).get(takenFlag).op('select').set(best[v])
          pushIndex().get(where[v]).get(takenFlag).op('select').set(where[v])
        }
      }
    }
    const setWhere = (): void => {
      for (const local of where) {
        f.get(loop.index)
        if (lanes === 4) f.op('i32x4.splat')
        f.set(local)
      }
    }
    /** Every window lies inside the image: its taps are at fixed distances from its first one. */
    const scanWhole = (): void => {
      f.get(i)
        .times(window.stride[0] * x[3])
        .plus(j, window.stride[1])
      f.tee(loop.index).times(bytes).plus(image).set(loop.tap)
      for (let v = 0; v < vectors; v++) {
        f.get(loop.tap)
          .memory(lanes === 4 ? 'v128.load' : 'f32.load', v * 16)
          .set(best[v])
        if (spoiled.length > 0) f.get(best[v]).get(best[v]).op('f32x4.ne').set(spoiled[v])
      }
      if (wants.switches) setWhere()
      for (let tap = 1; tap < window.kernel[0] * window.kernel[1]; tap++) {
        const row = Math.floor(tap / window.kernel[1]) * window.dilation[0]
        const shift = row * x[3] + (tap % window.kernel[1]) * window.dilation[1]
        compare(shift * bytes, shift)
      }
    }
    const scanInside = (): void => {
      loop.begin(rowTable, columnTable, i, j, image)
      clear(frame, best, Number.NEGATIVE_INFINITY)
      clear(frame, spoiled)
      if (wants.switches) {
        // Where everything is −∞ no element is larger, and the first one keeps the switch.
        loop.locateIndex(image, bytes)
        setWhere()
      }
      loop.each(rowStep, columnStep, () => {
        if (wants.switches) loop.locateIndex(image, bytes)
        compare(0, 0)
      })
    }
    const scan = neverPads(window) && window.kernel[0] * window.kernel[1] <= mostUnrolledTaps ? scanWhole : scanInside
    const position = (): void => {
      scan()
      if (wants.values) {
        pushAddress(f, results[0], plane, spatial(y), i, j, bytes).set(out)
        finish(out, v => {
          f.get(best[v])
          if (spoiled.length > 0) f.get(spoiled[v]).op('v128.or')
        })
      }
      if (wants.switches) {
        pushAddress(f, results[results.length - 1], plane, spatial(y), i, j, bytes).set(out)
        for (let v = 0; v < vectors; v++) {
          f.get(out)
            .get(where[v])
            .memory(lanes === 4 ? 'v128.store' : 'i32.store', v * 16)
        }
      }
    }
    const start = (): void => {
      f.address(address[0], [plane, xPlane]).set(image)
    }
    return { start, position }
  })
})

/**
 * Routes gradients back through the switches: dx[h, w] = Σ over the windows that see (h, w) of g where the switch is
 * (h, w). Gathering keeps lanes together and needs no zeroing. Operand addresses: g, switches, dx.
 */
export function maxPoolGradientKernel(window: Window2d, layout: VolumeLayout, g: Shape, x: Shape): Kernel {
  if (layout.channelsLast && fitsRowTiles('inputGradient', window)) return channelMaxPoolGradientKernel(window, g, x)
  const few = window.kernel[0] * window.kernel[1] <= mostSpreadTaps
  return few && windowsTile(window, g, x) ? spreadKernel(window, layout, g, x) : gatherKernel(window, layout, g, x)
}

/** True when the windows cover the image exactly, without overlap. */
function windowsTile({ kernel, stride, dilation, padding }: Window2d, g: Shape, x: Shape): boolean {
  const along = (axis: 0 | 1): boolean =>
    kernel[axis] === stride[axis] && dilation[axis] === 1 && g[2 + axis] * kernel[axis] === x[2 + axis]
  return neverPads({ kernel, stride, dilation, padding }) && along(0) && along(1)
}

/** Windows that tile the image: each writes its own elements, the gradient at the switch and 0 elsewhere. */
const spreadKernel = kernelKind('maxPoolSpread', (window: Window2d, layout: VolumeLayout, g: Shape, x: Shape) => {
  const bytes = pitchOf(layout, x) * 4
  return poolCode({ layout, shape: g, operands: 3, tables: [] }, ({ f, lanes, vectors, address, plane, i, j }) => {
    const [from, target, first] = f.localArray('i32', 3)
    const upstream = f.localArray(lanes === 4 ? 'v128' : 'f32', vectors)
    const where = f.localArray(lanes === 4 ? 'v128' : 'i32', vectors)
    return {
      position: () => {
        f.i32(0).set(from)
        pushAddress(f, from, plane, spatial(g), i, j, bytes).set(from)
        for (let v = 0; v < vectors; v++) {
          f.get(address[0])
            .plus(from)
            .memory(lanes === 4 ? 'v128.load' : 'f32.load', v * 16)
            .set(upstream[v])
          f.get(address[1])
            .plus(from)
            .memory(lanes === 4 ? 'v128.load' : 'i32.load', v * 16)
            .set(where[v])
        }
        f.get(i)
          .times(window.stride[0] * x[3])
          .plus(j, window.stride[1])
          .tee(first)
        f.plus(plane, x[2] * x[3])
          .times(bytes)
          .plus(address[2])
          .set(target)
        for (let tap = 0; tap < window.kernel[0] * window.kernel[1]; tap++) {
          const shift = Math.floor(tap / window.kernel[1]) * x[3] + (tap % window.kernel[1])
          for (let v = 0; v < vectors; v++) {
            f.get(target).get(upstream[v])
            if (lanes === 1) f.f32(0)
            f.get(where[v]).get(first).offset(shift)
            if (lanes === 4) f.op('i32x4.splat', 'i32x4.eq', 'v128.and').memory('v128.store', shift * bytes + v * 16)
            else f.op('i32.eq', 'select').memory('f32.store', shift * bytes)
          }
        }
      },
    }
  })
})

/** Any windows: each element looks at the windows that see it. */
const gatherKernel = kernelKind('maxPoolGradient', (window: Window2d, layout: VolumeLayout, g: Shape, x: Shape) => {
  const bytes = pitchOf(layout, x) * 4
  const { tables, rowStep, columnStep } = windowTables('inputGradient', window, spatial(x), spatial(g), bytes)
  return poolCode({ layout, shape: x, operands: 3, tables }, frame => {
    const { f, lanes, vectors, address, plane, i, j } = frame
    const [rowTable, columnTable] = address.slice(3)
    const loop = new WindowLoop(f)
    const [image, out, own, toSwitches] = f.localArray('i32', 4)
    const total = f.localArray(lanes === 4 ? 'v128' : 'f32', vectors)
    const gPlane = g[2] * g[3] * bytes
    const visit = (): void => {
      f.get(loop.tap).plus(toSwitches).set(loop.index)
      for (let v = 0; v < vectors; v++) {
        f.get(total[v])
        f.get(loop.tap).memory(lanes === 4 ? 'v128.load' : 'f32.load', v * 16)
        if (lanes === 4) {
          f.get(loop.index)
            .memory('v128.load', v * 16)
            .get(own)
            .op('i32x4.splat', 'i32x4.eq', 'v128.and', 'f32x4.add')
        } else {
          f.f32(0)
            .get(loop.index)
            .memory('i32.load', v * 16)
            .get(own)
            .op('i32.eq', 'select', 'f32.add')
        }
        f.set(total[v])
      }
    }
    return {
      start: () => {
        f.address(address[0], [plane, gPlane]).set(image)
        f.get(address[1]).get(address[0]).op('i32.sub').set(toSwitches)
      },
      position: () => {
        loop.begin(rowTable, columnTable, i, j, image)
        clear(frame, total)
        f.get(i).times(x[3]).plus(j).set(own)
        loop.each(rowStep, columnStep, visit)
        pushAddress(f, address[2], plane, spatial(x), i, j, bytes).set(out)
        storeAll(frame, out, total)
      },
    }
  })
})

/** Picks the element of x at each switch, sample by sample. Operand addresses: x, switches, y. */
export const maxPoolRouteKernel = kernelKind('maxPoolRoute', (layout: VolumeLayout, x: Shape, y: Shape) => {
  const bytes = pitchOf(layout, x) * 4
  return poolCode({ layout, shape: y, operands: 3, tables: [], onePass: true }, frame => {
    const { f, address, plane, i, j } = frame
    const [at, sample, source] = f.localArray('i32', 3)
    const xPlane = x[2] * x[3] * bytes
    return {
      position: () => {
        f.for(sample, { value: 0 }, { value: pitchOf(layout, x) }, () => {
          f.i32(0).set(at)
          pushAddress(f, address[1], plane, spatial(y), i, j, bytes)
          f.plus(sample, 4).memory('i32.load').times(bytes)
          f.plus(plane, xPlane).plus(sample, 4)
          f.plus(address[0]).set(source)
          pushAddress(f, address[2], plane, spatial(y), i, j, bytes)
          f.plus(sample, 4).get(source).memory('f32.load').memory('f32.store')
        })
      },
    }
  })
})
