/** Maximum pooling, its switches, and the routing of gradients through them. */

import type { Shape } from '../../../../graph/shape.ts'
import type { Window2d } from '../../../../graph/window.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { loadOf, typeOf } from '../../emit/lanes.ts'
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
  type Finish,
  type PoolFrame,
  pitchOf,
  poolCode,
  pushAddress,
  storeAll,
  type VolumeLayout,
  WindowLoop,
  windowTables,
} from './poolFrame.ts'

/** Largest window that is written out tap by tap. */
const mostUnrolledTaps = 16

/** Largest window whose gradient is written out element by element. */
const mostSpreadTaps = 64

/** True when every window is inside the image. */
function neverPads({ padding }: Window2d): boolean {
  return padding.top + padding.bottom + padding.left + padding.right === 0
}

/** Which results of a scan are stored. */
interface Wants {
  readonly values: boolean
  readonly switches: boolean
}

/**
 * Maxima and, on request, their switches. Operand addresses: x, epilogue operands, [y], [switches]; `wants` says which
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

const scanWindows = kernelKind('maxPool', (...spec: ScanSpec) => {
  const [window, layout, x, y, wants, epilogue] = spec
  const bytes = pitchOf(layout, x) * 4
  const { tables, ...steps } = windowTables({ direction: 'forward', window, source: x, result: y }, bytes)
  const operands = 1 + epilogue.operands.length + (wants.values ? 1 : 0) + (wants.switches ? 1 : 0)
  return poolCode({ layout, shape: y, operands, extras: epilogue.operands.length, tables }, frame => {
    const scan = new WindowScan(frame, spec, operands, steps)
    return { start: () => scan.start(), position: () => scan.position() }
  })
})

/** Goes through the elements of each window and keeps the largest and, on request, its position. */
class WindowScan {
  readonly #frame: PoolFrame
  readonly #spec: ScanSpec
  readonly #bytes: number
  readonly #steps: { readonly rowStep: number; readonly columnStep: number }
  readonly #results: readonly Local[]
  readonly #tables: readonly Local[]
  readonly #finish: Finish
  readonly #loop: WindowLoop
  readonly #at: Readonly<Record<'image' | 'out', Local>>
  readonly #best: readonly Local[]
  readonly #where: readonly Local[]
  readonly #element: Local
  /** Whether an element replaces the best one: a mask of lanes, or a flag. */
  readonly #taken: Local
  readonly #takenFlag: Local
  /** All bits set, which is a NaN, where an element was NaN. */
  readonly #spoiled: readonly Local[]

  constructor(frame: PoolFrame, spec: ScanSpec, operands: number, steps: { rowStep: number; columnStep: number }) {
    const { f, lanes, vectors, address } = frame
    const [, layout, x, , wants, epilogue] = spec
    const extras = address.slice(1, 1 + epilogue.operands.length)
    const type = typeOf(lanes)
    this.#frame = frame
    this.#spec = spec
    this.#bytes = pitchOf(layout, x) * 4
    this.#steps = steps
    this.#results = address.slice(1 + extras.length, operands)
    this.#tables = address.slice(operands)
    this.#finish = frame.finish(epilogue, extras)
    this.#loop = new WindowLoop(f)
    this.#at = f.named('i32', 'image', 'out')
    this.#best = f.localArray(type, vectors)
    this.#where = f.localArray(lanes === 4 ? 'v128' : 'i32', vectors)
    this.#element = f.local(type)
    this.#taken = f.local(type)
    this.#spoiled = f.localArray('v128', wants.switches || lanes === 1 ? 0 : vectors)
    this.#takenFlag = f.local('i32')
  }

  get #wants(): Wants {
    return this.#spec[4]
  }

  /** Finds the image of the plane. */
  start(): void {
    const { f, address, plane } = this.#frame
    const [, , x] = this.#spec
    f.address(address[0], [plane, x[2] * x[3] * this.#bytes]).set(this.#at.image)
  }

  position(): void {
    const [window] = this.#spec
    if (neverPads(window) && window.kernel[0] * window.kernel[1] <= mostUnrolledTaps) this.#scanWhole()
    else this.#scanInside()
    if (this.#wants.values) this.#storeValues()
    if (this.#wants.switches) this.#storeSwitches()
  }

  /** When every window is inside the image: its taps are at fixed distances from its first one. */
  #scanWhole(): void {
    const { f, lanes, vectors, i, j } = this.#frame
    const [window, , x] = this.#spec
    const loop = this.#loop
    const spoiled = this.#spoiled
    f.get(i)
      .times(window.stride[0] * x[3])
      .plus(j, window.stride[1])
    f.tee(loop.index).times(this.#bytes).plus(this.#at.image).set(loop.tap)
    for (let v = 0; v < vectors; v++) {
      const best = this.#best[v]
      f.get(loop.tap)
        .memory(loadOf(lanes), v * 16)
        .set(best)
      if (spoiled.length > 0) f.get(best).get(best).op('f32x4.ne').set(spoiled[v])
    }
    if (this.#wants.switches) this.#setWhere()
    for (let tap = 1; tap < window.kernel[0] * window.kernel[1]; tap++) {
      const row = Math.floor(tap / window.kernel[1]) * window.dilation[0]
      this.#compare(row * x[3] + (tap % window.kernel[1]) * window.dilation[1])
    }
  }

  /** Scans the taps inside the image. */
  #scanInside(): void {
    const { rowStep, columnStep } = this.#steps
    const { image } = this.#at
    const loop = this.#loop
    loop.begin(this.#frame, this.#tables, image)
    clear(this.#frame, this.#best, Number.NEGATIVE_INFINITY)
    clear(this.#frame, this.#spoiled)
    if (this.#wants.switches) {
      // Where everything is −∞, no element is larger, and the switch stays at the first one.
      loop.locateIndex(image, this.#bytes)
      this.#setWhere()
    }
    loop.each(rowStep, columnStep, () => {
      if (this.#wants.switches) loop.locateIndex(image, this.#bytes)
      this.#compare(0)
    })
  }

  #setWhere(): void {
    const { f, lanes } = this.#frame
    for (const local of this.#where) {
      f.get(this.#loop.index)
      if (lanes === 4) f.op('i32x4.splat')
      f.set(local)
    }
  }

  /** Compares the element `shift` pixels after the tap with the best so far. */
  #compare(shift: number): void {
    const { f, lanes, vectors } = this.#frame
    for (let v = 0; v < vectors; v++) {
      f.get(this.#loop.tap)
        .memory(loadOf(lanes), shift * this.#bytes + v * 16)
        .set(this.#element)
      if (!this.#wants.switches) this.#takeLarger(v)
      else if (lanes === 4) this.#takeLargerAndWhere(v, shift)
      else this.#takeLargerAndWhereAlone(v, shift)
    }
  }

  /** One instruction, which loses NaN, and two that record it, instead of the nine of f32x4.max. */
  #takeLarger(v: number): void {
    const { f, lanes } = this.#frame
    const [element, best, spoiled] = [this.#element, this.#best[v], this.#spoiled[v]]
    f.get(best)
      .get(element)
      .op(lanes === 4 ? 'f32x4.pmax' : 'f32.max')
      .set(best)
    if (lanes === 4) f.get(spoiled).get(element).get(element).op('f32x4.ne', 'v128.or').set(spoiled)
  }

  /** A NaN counts as larger than everything, as in PyTorch. */
  #takeLargerAndWhere(v: number, shift: number): void {
    const { f } = this.#frame
    const [element, taken, best, where] = [this.#element, this.#taken, this.#best[v], this.#where[v]]
    f.get(element).get(best).op('f32x4.gt').get(element).get(element).op('f32x4.ne', 'v128.or').set(taken)
    f.get(element).get(best).get(taken).op('v128.bitselect').set(best)
    this.#pushIndex(shift).op('i32x4.splat').get(where).get(taken).op('v128.bitselect').set(where)
  }

  /** The same for one lane. */
  #takeLargerAndWhereAlone(v: number, shift: number): void {
    const { f } = this.#frame
    const [element, taken, best, where] = [this.#element, this.#takenFlag, this.#best[v], this.#where[v]]
    f.get(element).get(best).op('f32.gt').get(element).get(element).op('f32.ne', 'i32.or').set(taken)
    f.get(element).get(best).get(taken).op('select').set(best)
    this.#pushIndex(shift).get(where).get(taken).op('select').set(where)
  }

  /** Pushes the flat index of the element `shift` pixels after the tap. */
  #pushIndex(shift: number): FunctionBuilder {
    const { f } = this.#frame
    return shift === 0 ? f.get(this.#loop.index) : f.get(this.#loop.index).offset(shift)
  }

  #storeValues(): void {
    const { f } = this.#frame
    this.#pushResult(this.#results[0]).set(this.#at.out)
    this.#finish(this.#at.out, v => {
      f.get(this.#best[v])
      if (this.#spoiled.length > 0) f.get(this.#spoiled[v]).op('v128.or')
    })
  }

  #storeSwitches(): void {
    const { f, lanes, vectors } = this.#frame
    const { out } = this.#at
    this.#pushResult(this.#results[this.#results.length - 1]).set(out)
    for (let v = 0; v < vectors; v++) {
      f.get(out)
        .get(this.#where[v])
        .memory(lanes === 4 ? 'v128.store' : 'i32.store', v * 16)
    }
  }

  /** Pushes the address of the position in a result. */
  #pushResult(base: Local): FunctionBuilder {
    return pushAddress(this.#frame, base, this.#spec[3], this.#bytes)
  }
}

/**
 * Routes gradients back through the switches: dx[h, w] is the sum of g over the windows that see (h, w) and whose
 * switch is (h, w). Gathering keeps lanes together and needs no zeroing. Operand addresses: g, switches, dx.
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
  return poolCode({ layout, shape: g, operands: 3, tables: [] }, frame => {
    const { f, lanes, vectors, address, plane, i, j } = frame
    const [from, target, first] = f.localArray('i32', 3)
    const upstream = f.localArray(typeOf(lanes), vectors)
    const where = f.localArray(lanes === 4 ? 'v128' : 'i32', vectors)
    return {
      position: () => {
        f.i32(0).set(from)
        pushAddress(frame, from, g, bytes).set(from)
        for (let v = 0; v < vectors; v++) {
          f.get(address[0])
            .plus(from)
            .memory(loadOf(lanes), v * 16)
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
  const { tables, rowStep, columnStep } = windowTables(
    { direction: 'inputGradient', window, source: g, result: x },
    bytes,
  )
  return poolCode({ layout, shape: x, operands: 3, tables }, frame => {
    const { f, lanes, vectors, address, plane, i, j } = frame
    const taps = address.slice(3)
    const loop = new WindowLoop(f)
    const [image, out, own, toSwitches] = f.localArray('i32', 4)
    const total = f.localArray(typeOf(lanes), vectors)
    const gPlane = g[2] * g[3] * bytes
    const visit = (): void => {
      f.get(loop.tap).plus(toSwitches).set(loop.index)
      for (let v = 0; v < vectors; v++) {
        f.get(total[v])
        f.get(loop.tap).memory(loadOf(lanes), v * 16)
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
        loop.begin(frame, taps, image)
        clear(frame, total)
        f.get(i).times(x[3]).plus(j).set(own)
        loop.each(rowStep, columnStep, visit)
        pushAddress(frame, address[2], x, bytes).set(out)
        storeAll(frame, out, total)
      },
    }
  })
})

/** Picks the element of x at each switch, sample by sample. Operand addresses: x, switches, y. */
export const maxPoolRouteKernel = kernelKind('maxPoolRoute', (layout: VolumeLayout, x: Shape, y: Shape) => {
  const bytes = pitchOf(layout, x) * 4
  return poolCode({ layout, shape: y, operands: 3, tables: [], onePass: true }, frame => {
    const { f, address, plane } = frame
    const [at, sample, source] = f.localArray('i32', 3)
    const xPlane = x[2] * x[3] * bytes
    return {
      position: () => {
        f.for(sample, { value: 0 }, { value: pitchOf(layout, x) }, () => {
          f.i32(0).set(at)
          pushAddress(frame, address[1], y, bytes)
          f.plus(sample, 4).memory('i32.load').times(bytes)
          f.plus(plane, xPlane).plus(sample, 4)
          f.plus(address[0]).set(source)
          pushAddress(frame, address[2], y, bytes)
          f.plus(sample, 4).get(source).memory('f32.load').memory('f32.store')
        })
      },
    }
  })
})
