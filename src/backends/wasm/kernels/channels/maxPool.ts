/**
 * Maximum pooling, its switches and its gradient on channels-last volumes. Maxima alone are taken column by column, so that
 * neighbouring windows share them. The machine's own maximum is one instruction but forgets NaN, and WebAssembly's is nine:
 * so a running sum of all elements tells whether there may be a NaN, and only then are they taken again with care.
 */
import type { Window2d } from '../../../../graph/window.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import type { Lanes } from '../../emit/tile.ts'
import { kernelKind } from '../../kernel.ts'
import type { EpilogueSpec } from '../shared/epilogue.ts'
import { eachRow, positionsThatFit, type RowTile, type RowTiling, rowSteps, rowTileCode } from './rowTiles.ts'
import { ChannelStore } from './store.ts'

type Volume = readonly number[]

type MaxPoolSpec = [window: Window2d, x: Volume, y: Volume, epilogue: EpilogueSpec]

/** Maxima without switches. Operand addresses: x, epilogue operands, y. */
export const channelMaxPoolKernel = kernelKind('channelMaxPool', (...[window, x, y, epilogue]: MaxPoolSpec) => {
  const geometry = { direction: 'forward', window, source: x, result: y } as const
  // Live at once: a maximum per column, the element, the sum.
  const positions = positionsThatFit(geometry, (_, columns) => columns + 2)
  const tiling: RowTiling = { ...geometry, positions }
  const operands = 2 + epilogue.operands.length
  const pixel = x[1] * 4
  const step = rowSteps(tiling).source
  return rowTileCode({ tiling, vectors: 1, operands }, (f, target, address) => {
    const yBase = address[operands - 1]
    const store = new ChannelStore(f, target.math, epilogue, y, address.slice(1, operands - 1))
    const [at, counter, out] = f.localArray('i32', 3)
    const localsOf = { 1: poolOf(f, 'f32'), 4: poolOf(f, 'v128') }
    return {
      channels: ({ run, lanes, from, out: outBytes, channel, rows }) => {
        const [element, sum, ...rest] = localsOf[lanes](2 + run.columns.length + run.positions.length)
        const columnMaxima = rest.slice(0, run.columns.length)
        const maxima = rest.slice(run.columns.length)
        const scan = (max: 'f32x4.pmax' | 'f32x4.max' | 'f32.max'): void => {
          f.get(address[0]).plus(from).set(at)
          for (const column of columnMaxima) pushConstant(f, lanes, Number.NEGATIVE_INFINITY).set(column)
          eachRow(f, rows, counter, [[at, step]], () => {
            run.columns.forEach((column, k) => {
              f.get(at)
                .memory(lanes === 4 ? 'v128.load' : 'f32.load', column * pixel)
                .set(element)
              f.get(columnMaxima[k]).get(element).op(max).set(columnMaxima[k])
              if (max === 'f32x4.pmax') f.get(sum).get(element).op('f32x4.add').set(sum)
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
          f.f32x4(0).set(sum)
          scan('f32x4.pmax')
          ifUnordered(f, sum, () => scan('f32x4.max'))
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

/** Switches, with or without the maxima. Operand addresses: x, epilogue operands, [y], switches. */
export const channelMaxPoolSwitchesKernel = kernelKind(
  'channelMaxPoolSwitches',
  (window: Window2d, x: Volume, y: Volume, values: boolean, epilogue: EpilogueSpec) => {
    const tiling: RowTiling = { direction: 'forward', window, source: x, result: y, positions: 1 }
    const extras = epilogue.operands.length
    const operands = 2 + extras + (values ? 1 : 0)
    const pixel = x[1] * 4
    const step = rowSteps(tiling).source
    return rowTileCode({ tiling, vectors: 4, operands }, (f, target, address) => {
      const store = new ChannelStore(f, target.math, epilogue, y, address.slice(1, 1 + extras))
      const [at, counter, out, first, index, taken] = f.localArray('i32', 6)
      const floats = { 1: poolOf(f, 'f32'), 4: poolOf(f, 'v128') }
      const integers = { 1: poolOf(f, 'i32'), 4: poolOf(f, 'v128') }
      return {
        begin: ({ run, position }) => {
          // Column of the first tap; the row is added for each tile's channels.
          f.get(position).i32(run.first).op('i32.sub').times(run.advance).offset(run.origin).set(first)
        },
        channels: tile => {
          const { run, lanes, vectors, from, out: outBytes, channel, rows, sourceRow } = tile
          const [element, sum, ...best] = floats[lanes](2 + vectors)
          const [where, mask, ...winners] = integers[lanes](2 + vectors)
          const each = (visit: (v: number) => void): void => {
            for (let v = 0; v < vectors; v++) visit(v)
          }
          const splat = (): FunctionBuilder => (lanes === 4 ? f.op('i32x4.splat') : f)
          const scan = (compare: (v: number) => void): void => {
            f.get(address[0]).plus(from).set(at)
            f.get(sourceRow).times(x[3]).plus(first).tee(index)
            splat().set(where)
            // Where everything is −∞ no element is larger, and the first one keeps the switch.
            each(v => {
              f.get(where).set(winners[v])
              pushConstant(f, lanes, Number.NEGATIVE_INFINITY).set(best[v])
            })
            const moves = [[at, step] as const, [index, step / pixel] as const]
            eachRow(f, rows, counter, moves, () => {
              for (const { column } of run.positions[0]) {
                f.get(index).offset(column)
                splat().set(where)
                each(v => {
                  f.get(at)
                    .memory(lanes === 4 ? 'v128.load' : 'f32.load', column * pixel + v * 16)
                    .set(element)
                  compare(v)
                })
              }
            })
          }
          const scanOrdered = (): void =>
            scan(v => {
              // Indices grow, so that the largest of 0 and those that were ever taken is the last.
              f.get(element).get(best[v]).op('f32x4.gt').get(where).op('v128.and')
              f.get(winners[v]).op('i32x4.max_s').set(winners[v])
              f.get(best[v]).get(element).op('f32x4.pmax').set(best[v])
              f.get(sum).get(element).op('f32x4.add').set(sum)
            })
          /** The first NaN counts as larger than everything, as in PyTorch. */
          const scanAny = (): void =>
            scan(v => {
              if (lanes === 4) {
                f.get(element).get(element).op('f32x4.ne').get(best[v]).get(best[v]).op('f32x4.eq', 'v128.and')
                f.get(element).get(best[v]).op('f32x4.gt', 'v128.or').set(mask)
                f.get(element).get(best[v]).get(mask).op('v128.bitselect').set(best[v])
                f.get(where).get(winners[v]).get(mask).op('v128.bitselect').set(winners[v])
              } else {
                f.get(element).get(element).op('f32.ne').get(best[v]).get(best[v]).op('f32.eq', 'i32.and')
                f.get(element).get(best[v]).op('f32.gt', 'i32.or').set(taken)
                f.get(element).get(best[v]).get(taken).op('select').set(best[v])
                f.get(where).get(winners[v]).get(taken).op('select').set(winners[v])
              }
            })
          if (lanes === 1) scanAny()
          else {
            f.f32x4(0).set(sum)
            scanOrdered()
            ifUnordered(f, sum, scanAny)
          }
          if (values) {
            f.get(address[1 + extras])
              .plus(outBytes)
              .set(out)
            store.atChannels(channel)
            store.atPosition(out, address[1 + extras], channel)
            each(v => store.store(lanes, out, v * lanes, () => f.get(best[v])))
          }
          f.get(address[operands - 1])
            .plus(outBytes)
            .set(out)
          each(v =>
            f
              .get(out)
              .get(winners[v])
              .memory(lanes === 4 ? 'v128.store' : 'i32.store', v * 16),
          )
        },
      }
    })
  },
)

/**
 * Routes gradients back through the switches: dx[h, w] = Σ over the windows that see (h, w) of g where the switch is
 * (h, w). Operand addresses: g, switches, dx.
 */
export const channelMaxPoolGradientKernel = kernelKind(
  'channelMaxPoolGradient',
  (window: Window2d, g: Volume, x: Volume) => {
    const geometry = { direction: 'inputGradient', window, source: g, result: x } as const
    // Live at once: gradients and switches of every column, a sum and the place of every position.
    const positions = positionsThatFit(geometry, (count, columns) => 2 * count + 2 * columns)
    const tiling: RowTiling = { ...geometry, positions }
    const pixel = x[1] * 4
    const step = rowSteps(tiling).source
    return rowTileCode({ tiling, vectors: 1, operands: 3 }, (f, _, address) => {
      const [from, where, counter, first] = f.localArray('i32', 4)
      const own = f.localArray('v128', positions)
      const totals = { 1: f.localArray('f32', positions), 4: f.localArray('v128', positions) }
      const upstream = { 1: f.local('f32'), 4: f.local('v128') }
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
          eachRow(f, rows, counter, moves, () => {
            for (const column of run.columns) {
              f.get(from)
                .memory(lanes === 4 ? 'v128.load' : 'f32.load', column * pixel)
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
            f.memory(lanes === 4 ? 'v128.store' : 'f32.store', p * pixel)
          })
        },
      }
    })
  },
)

/** Runs `then` when a lane of a vector is NaN. */
function ifUnordered(f: FunctionBuilder, vector: Local, then: () => void): void {
  f.get(vector).get(vector).op('f32x4.ne', 'v128.any_true').if(then)
}

/** Pushes a number, in all lanes. */
function pushConstant(f: FunctionBuilder, lanes: Lanes, value: number): FunctionBuilder {
  return lanes === 4 ? f.f32x4(value) : f.f32(value)
}

/** Locals of one type that serve for all tiles of a kernel in turn. */
function poolOf(f: FunctionBuilder, type: 'v128' | 'f32' | 'i32'): (count: number) => Local[] {
  const locals: Local[] = []
  return count => {
    while (locals.length < count) locals.push(f.local(type))
    return locals.slice(0, count)
  }
}
