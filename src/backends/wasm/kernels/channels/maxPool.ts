/**
 * Maximum pooling, its switches and its gradient on channels-last volumes. Maxima without switches are computed column
 * by column, so that neighboring windows share them. The machine's own maximum is one instruction but loses NaN;
 * WebAssembly's takes nine. So a running sum of all elements shows whether there may be a NaN, and only then are the
 * maxima computed again, with care.
 */

import type { Window2d } from '../../../../graph/window.ts'
import type { FunctionBuilder, Local, ValueType } from '../../emit/assembler.ts'
import {
  type AnyLanes,
  type Floats,
  floatsOf,
  type Lanes,
  loadOf,
  localsOf,
  pushConstant,
  pushPartSum,
  storeOf,
  typeOf,
  type VectorLanes,
} from '../../emit/lanes.ts'
import { type KernelModule, kernelKind } from '../../kernel.ts'
import type { EpilogueSpec } from '../shared/epilogue.ts'
import { eachRow, positionsThatFit, type RowTile, type RowTiling, rowSteps, rowTileCode } from './rowTiles.ts'
import { ChannelStore } from './store.ts'

type Volume = readonly number[]

type MaxPoolSpec = [window: Window2d, x: Volume, y: Volume, epilogue: EpilogueSpec]

/** Maxima without switches. Operand addresses: x, epilogue operands, y. */
export const channelMaxPoolKernel = kernelKind('channelMaxPool', (...[window, x, y, epilogue]: MaxPoolSpec) => {
  const geometry = { direction: 'forward', window, source: x, result: y } as const
  // Live at the same time: a maximum per column, the element, the sum.
  const positions = positionsThatFit(geometry, (_, columns) => columns + 2)
  const tiling: RowTiling = { ...geometry, positions }
  const operands = 2 + epilogue.operands.length
  const pixel = x[1] * 4
  const step = rowSteps(tiling).source
  return rowTileCode<AnyLanes>({ tiling, vectors: 1, operands }, (f, target, address) => {
    const yBase = address[operands - 1]
    const bases = address.slice(1, operands - 1)
    const store = new ChannelStore(f, target.math, { epilogue, shape: y, bases })
    const [at, counter, out] = f.localArray('i32', 3)
    const vectorLanes = store.lanesFor(target.longest)
    const [numbers, vectors] = [poolOf(f, 'f32'), poolOf(f, typeOf(vectorLanes))]
    return {
      vectorLanes,
      channels: ({ run, lanes, from, out: outBytes, channel, rows }) => {
        const pool = lanes === 1 ? numbers : vectors
        const [element, sum, ...rest] = pool(2 + run.columns.length + run.positions.length)
        const columnMaxima = rest.slice(0, run.columns.length)
        const maxima = rest.slice(run.columns.length)
        const floats = floatsOf(lanes)
        const scan = (max: `f32x${VectorLanes}.pmax` | `${Floats}.max`): void => {
          f.get(address[0]).plus(from).set(at)
          for (const column of columnMaxima) pushConstant(f, lanes, Number.NEGATIVE_INFINITY).set(column)
          eachRow(f, [counter, rows], [[at, step]], () => {
            run.columns.forEach((column, k) => {
              f.get(at)
                .memory(loadOf(lanes), column * pixel)
                .set(element)
              f.get(columnMaxima[k]).get(element).op(max).set(columnMaxima[k])
              if (max !== `${floats}.max`) f.get(sum).get(element).op(`${floats}.add`).set(sum)
            })
          })
          run.positions.forEach((taps, p) => {
            taps.forEach(({ column }, k) => {
              f.get(columnMaxima[run.columns.indexOf(column)])
              if (k > 0) f.op(max)
            })
            f.set(maxima[p])
          })
        }
        if (lanes === 1) scan('f32.max')
        else {
          pushConstant(f, lanes, 0).set(sum)
          scan(`f32x${lanes}.pmax`)
          ifUnordered(f, lanes, sum, () => scan(`f32x${lanes}.max`))
        }
        store.atChannels(channel)
        maxima.forEach((maximum, p) => {
          f.get(yBase).plus(outBytes)
          f.offset(p * pixel).set(out)
          store.atPosition(out, yBase, channel)
          store.store(lanes, out, 0, () => f.get(maximum))
        })
      },
    }
  })
})

type SwitchesSpec = [window: Window2d, x: Volume, y: Volume, values: boolean, epilogue: EpilogueSpec]

/** Switches, with or without the maxima. Operand addresses: x, epilogue operands, [y], switches. */
export const channelMaxPoolSwitchesKernel = kernelKind('channelMaxPoolSwitches', (...spec: SwitchesSpec) => {
  const [window, x, y, values, epilogue] = spec
  const tiling: RowTiling = { direction: 'forward', window, source: x, result: y, positions: 1 }
  const operands = 2 + epilogue.operands.length + (values ? 1 : 0)
  return rowTileCode({ tiling, vectors: 4, operands }, (f, target, address) => {
    const scan = new SwitchScan(f, target, spec, { address: address.slice(0, operands), step: rowSteps(tiling).source })
    return { begin: tile => scan.begin(tile), channels: tile => scan.channels(tile) }
  })
})

/** Registers of a tile, whose vectors are neighboring channels. */
interface SwitchRegisters {
  readonly tile: RowTile
  readonly element: Local
  /** Sum of all elements, which is NaN where an element is. */
  readonly sum: Local
  /** Index of the element. */
  readonly where: Local
  /** Mask of the lanes in which the element replaces the best one. */
  readonly mask: Local
  readonly best: readonly Local[]
  readonly winners: readonly Local[]
}

/**
 * Writes the tiles of switches: for each group of channels a scan of the window, and a second one if an element is NaN.
 */
class SwitchScan {
  readonly #f: FunctionBuilder
  readonly #spec: SwitchesSpec
  readonly #address: readonly Local[]
  /** Bytes from a row of the window to the next. */
  readonly #step: number
  readonly #store: ChannelStore
  readonly #at: Readonly<Record<'at' | 'counter' | 'out' | 'first' | 'index' | 'taken', Local>>
  readonly #floats: Readonly<Record<Lanes, (count: number) => Local[]>>
  readonly #integers: Readonly<Record<Lanes, (count: number) => Local[]>>

  constructor(
    f: FunctionBuilder,
    target: KernelModule,
    spec: SwitchesSpec,
    { address, step }: { readonly address: readonly Local[]; readonly step: number },
  ) {
    const [, , y, , epilogue] = spec
    this.#f = f
    this.#spec = spec
    this.#address = address
    this.#step = step
    const bases = address.slice(1, 1 + epilogue.operands.length)
    this.#store = new ChannelStore(f, target.math, { epilogue, shape: y, bases })
    this.#at = f.named('i32', 'at', 'counter', 'out', 'first', 'index', 'taken')
    this.#floats = { 1: poolOf(f, 'f32'), 4: poolOf(f, 'v128') }
    this.#integers = { 1: poolOf(f, 'i32'), 4: poolOf(f, 'v128') }
  }

  /** Finds the column of the first tap; the row is added for each tile's channels. */
  begin({ run, position }: Pick<RowTile, 'run' | 'position'>): void {
    this.#f.get(position).i32(run.first).op('i32.sub').times(run.advance).offset(run.origin).set(this.#at.first)
  }

  channels(tile: RowTile): void {
    const [, , , values] = this.#spec
    const { lanes, vectors } = tile
    const [element, sum, ...best] = this.#floats[lanes](2 + vectors)
    const [where, mask, ...winners] = this.#integers[lanes](2 + vectors)
    const registers = { tile, element, sum, where, mask, best, winners }
    if (lanes === 1) this.#scan(registers, v => this.#takeAlone(registers, v))
    else {
      this.#f.f32x4(0).set(sum)
      this.#scan(registers, v => this.#takeOrdered(registers, v))
      ifUnordered(this.#f, lanes, sum, () => this.#scan(registers, v => this.#takeAny(registers, v)))
    }
    if (values) this.#storeValues(registers)
    this.#storeSwitches(registers)
  }

  /** Goes through the window; `take` compares the element with the best element of vector `v`. */
  #scan({ tile, element, where, best, winners }: SwitchRegisters, take: (v: number) => void): void {
    const f = this.#f
    const { at, counter, first, index } = this.#at
    const { run, lanes, from, rows, sourceRow } = tile
    const [, x] = this.#spec
    const pixel = x[1] * 4
    const splat = (): FunctionBuilder => (lanes === 4 ? f.op('i32x4.splat') : f)
    f.get(this.#address[0]).plus(from).set(at)
    f.get(sourceRow).times(x[3]).plus(first).tee(index)
    splat().set(where)
    // Where everything is −∞, no element is larger, and the switch stays at the first one.
    best.forEach((local, v) => {
      f.get(where).set(winners[v])
      pushConstant(f, lanes, Number.NEGATIVE_INFINITY).set(local)
    })
    const moves = [[at, this.#step] as const, [index, this.#step / pixel] as const]
    eachRow(f, [counter, rows], moves, () => {
      for (const { column } of run.positions[0]) {
        f.get(index).offset(column)
        splat().set(where)
        best.forEach((_, v) => {
          f.get(at)
            .memory(loadOf(lanes), column * pixel + v * 16)
            .set(element)
          take(v)
        })
      }
    })
  }

  /** Where no element is NaN. */
  #takeOrdered({ element, sum, where, best, winners }: SwitchRegisters, v: number): void {
    const f = this.#f
    // Indices increase, so the largest of 0 and all indices taken is the last one taken.
    f.get(element).get(best[v]).op('f32x4.gt').get(where).op('v128.and')
    f.get(winners[v]).op('i32x4.max_s').set(winners[v])
    f.get(best[v]).get(element).op('f32x4.pmax').set(best[v])
    f.get(sum).get(element).op('f32x4.add').set(sum)
  }

  /** The first NaN counts as larger than everything, as in PyTorch. */
  #takeAny({ element, where, mask, best, winners }: SwitchRegisters, v: number): void {
    const f = this.#f
    f.get(element).get(element).op('f32x4.ne').get(best[v]).get(best[v]).op('f32x4.eq', 'v128.and')
    f.get(element).get(best[v]).op('f32x4.gt', 'v128.or').set(mask)
    f.get(element).get(best[v]).get(mask).op('v128.bitselect').set(best[v])
    f.get(where).get(winners[v]).get(mask).op('v128.bitselect').set(winners[v])
  }

  /** The same for one lane. */
  #takeAlone({ element, where, best, winners }: SwitchRegisters, v: number): void {
    const f = this.#f
    const { taken } = this.#at
    f.get(element).get(element).op('f32.ne').get(best[v]).get(best[v]).op('f32.eq', 'i32.and')
    f.get(element).get(best[v]).op('f32.gt', 'i32.or').set(taken)
    f.get(element).get(best[v]).get(taken).op('select').set(best[v])
    f.get(where).get(winners[v]).get(taken).op('select').set(winners[v])
  }

  #storeValues({ tile, best }: SwitchRegisters): void {
    const f = this.#f
    const { out } = this.#at
    const y = this.#address[this.#address.length - 2]
    f.get(y).plus(tile.out).set(out)
    this.#store.atChannels(tile.channel)
    this.#store.atPosition(out, y, tile.channel)
    best.forEach((local, v) => {
      this.#store.store(tile.lanes, out, v * tile.lanes, () => f.get(local))
    })
  }

  #storeSwitches({ tile, winners }: SwitchRegisters): void {
    const f = this.#f
    const { out } = this.#at
    f.get(this.#address[this.#address.length - 1])
      .plus(tile.out)
      .set(out)
    winners.forEach((local, v) => {
      f.get(out)
        .get(local)
        .memory(tile.lanes === 4 ? 'v128.store' : 'i32.store', v * 16)
    })
  }
}

/**
 * Routes gradients back through the switches: dx[h, w] is the sum of g over the windows that see (h, w) and whose
 * switch is (h, w). Operand addresses: g, switches, dx.
 */
export const channelMaxPoolGradientKernel = kernelKind(
  'channelMaxPoolGradient',
  (window: Window2d, g: Volume, x: Volume) => {
    const geometry = { direction: 'inputGradient', window, source: g, result: x } as const
    // Live at the same time: gradients and switches of every column, a sum and the place of every position.
    const positions = positionsThatFit(geometry, (count, columns) => 2 * count + 2 * columns)
    const tiling: RowTiling = { ...geometry, positions }
    const pixel = x[1] * 4
    const step = rowSteps(tiling).source
    return rowTileCode({ tiling, vectors: 1, operands: 3 }, (f, _, address) => {
      const [from, where, counter, first] = f.localArray('i32', 4)
      const own = f.localArray('v128', positions)
      const totals = { 1: f.localArray('f32', positions), 4: f.localArray('v128', positions) }
      const upstream = localsOf(f)
      const winner = { 1: f.local('i32'), 4: f.local('v128') }
      const begin: (tile: Pick<RowTile, 'row' | 'position'>) => void = ({ row, position }) => {
        f.get(row).times(x[3]).plus(position).set(first)
        own.forEach((place, p) => {
          f.get(first).offset(p).op('i32x4.splat').set(place)
        })
      }
      return {
        begin,
        channels: ({ run, lanes, from: bytes, out, rows }) => {
          const [g0, at] = [upstream[lanes], winner[lanes]]
          const sums = run.positions.map((_, p) => totals[lanes][p])
          f.get(address[0]).plus(bytes).set(from)
          f.get(address[1]).plus(bytes).set(where)
          for (const sum of sums) pushConstant(f, lanes, 0).set(sum)
          const moves = [[from, step] as const, [where, step] as const]
          eachRow(f, [counter, rows], moves, () => {
            for (const column of run.columns) {
              f.get(from)
                .memory(loadOf(lanes), column * pixel)
                .set(g0)
              f.get(where)
                .memory(lanes === 4 ? 'v128.load' : 'i32.load', column * pixel)
                .set(at)
              sums.forEach((sum, p) => {
                if (!run.positions[p].some(tap => tap.column === column)) return
                f.get(sum).get(g0)
                if (lanes === 4) f.get(at).get(own[p]).op('i32x4.eq', 'v128.and', 'f32x4.add')
                else f.f32(0).get(at).get(first).offset(p).op('i32.eq', 'select', 'f32.add')
                f.set(sum)
              })
            }
          })
          sums.forEach((sum, p) => {
            f.get(address[2]).plus(out).get(sum)
            f.memory(storeOf(lanes), p * pixel)
          })
        },
      }
    })
  },
)

/** Runs `then` when a lane of a vector is NaN. */
function ifUnordered(f: FunctionBuilder, lanes: VectorLanes, vector: Local, then: () => void): void {
  let four = vector
  if (lanes !== 4) {
    // A sum with a NaN is one.
    four = f.local('v128')
    pushPartSum(f, lanes, vector).set(four)
  }
  f.get(four).get(four).op('f32x4.ne', 'v128.any_true').if(then)
}

/** Locals of one type that all tiles of a kernel use in turn. */
function poolOf(f: FunctionBuilder, type: ValueType): (count: number) => Local[] {
  const locals: Local[] = []
  return count => {
    while (locals.length < count) locals.push(f.local(type))
    return locals.slice(0, count)
  }
}
