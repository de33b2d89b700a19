/**
 * Depthwise convolution on channels-last volumes: every channel is a group of its own, so there is no sum over channels.
 * Rows of a register tile are positions, the lanes are channels, and the weights of a tap serve all rows.
 */
import type { FunctionBuilder } from '../../assembler.ts'
import { type Kernel, type KernelModule, kernelFunction } from '../../kernel.ts'
import { RegisterTile } from '../../tile.ts'
import { type EpilogueSpec, epilogueKey } from '../epilogue.ts'
import type { CorrelationSpec } from './correlation.ts'
import { ChannelStore } from './store.ts'
import { leaves, tapClasses, tapOrder } from './tapClasses.ts'
import { Walk } from './walk.ts'

/** True for one input and one output channel per group, in whole vectors. */
export function isDepthwise({ groups, weights }: Pick<CorrelationSpec, 'groups' | 'weights'>): boolean {
  return groups === weights[0] && weights[1] === 1 && groups % 4 === 0 && weights[2] * weights[3] <= 25
}

/** Weights `[taps, C]` in the order of the classes. Operand addresses: weights, result. */
export function depthwiseWeightsKernel(spec: CorrelationSpec): Kernel {
  const { direction, window, weights, result } = spec
  const order = tapOrder(tapClasses(direction, window, [result[2], result[3]]))
  const channels = weights[0]
  const taps = weights[2] * weights[3]
  return {
    key: `depthwiseWeights ${JSON.stringify([order, channels])}`,
    units: channels,
    tables: [],
    operands: 2,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 2)
      const [unit, at, out] = f.localArray('i32', 3)
      f.for(unit, from, to, () => {
        f.get(address[0])
          .get(unit)
          .i32(taps * 4)
          .op('i32.mul', 'i32.add')
          .set(at)
        f.get(address[1]).get(unit).i32(4).op('i32.mul', 'i32.add').set(out)
        order.forEach((tap, k) => {
          f.get(out)
            .get(at)
            .memory('f32.load', tap * 4)
            .memory('f32.store', k * channels * 4)
        })
      })
      return f
    },
  }
}

/** Operand addresses: source, weights `[taps, C]`, epilogue operands, result. */
export function depthwiseKernel(spec: CorrelationSpec, epilogue: EpilogueSpec): Kernel {
  const { direction, window, source, result } = spec
  const channels = result[1]
  const classes = tapClasses(direction, window, [result[2], result[3]])
  let next = 0
  const parts = classes.map(positions => {
    const firstUnit = next
    // A unit is one row of positions.
    next += result[0] * positions.grid[0]
    return { positions, firstUnit, endUnit: next }
  })
  const operands = 3 + epilogue.operands.length
  return {
    key: `depthwise ${JSON.stringify(spec)} ${epilogueKey(epilogue)}`,
    units: next,
    tables: [new Int32Array(channels)],
    operands,
    emit(target: KernelModule): FunctionBuilder {
      const { f, from, to, address } = kernelFunction(target, operands + 1)
      const [xBase, weightBase] = address
      const [yBase, zeros] = address.slice(operands - 1)
      const store = new ChannelStore(f, target.math, epilogue, result, address.slice(2, operands - 1))
      const [unit, end, pixel, last, channel, offset, zero, group] = f.localArray('i32', 8)
      const most = Math.max(...classes.map(({ taps }) => taps.length))
      const rows = most <= 9 ? 4 : most <= 12 ? 2 : 1
      const outs = f.localArray('i32', rows)
      const out = f.local('i32')
      const pointers = Array.from({ length: rows }, () => f.localArray('i32', most))
      const weightAt = f.local('i32')
      let tapsBefore = 0

      for (const { positions, firstUnit, endUnit } of parts) {
        const { grid, taps } = positions
        const walk = new Walk(f, spec, positions, rows)
        const checks = [leaves(positions, 0, source[2]), leaves(positions, 1, source[3])] as const
        const firstTap = tapsBefore
        tapsBefore += taps.length

        const tileOf = (height: number): void => {
          for (let r = 0; r < height; r++) walk.save(r, outs[r])
          for (let r = 0; r < height; r++) {
            taps.forEach(({ shift }, tap) => {
              walk.pushSource(r, shift, checks, zeros)
              f.set(pointers[r][tap])
            })
          }
          const tile = tileFor(height)
          f.i32(0).set(channel)
          f.for(
            offset,
            { value: 0 },
            { value: channels * 4 },
            () => {
              store.atChannels(channel)
              tile.clear()
              f.get(weightBase).get(offset).op('i32.add').set(weightAt)
              taps.forEach((_, tap) => {
                tile.stepAt(
                  r => f.get(pointers[r][tap]).get(offset).op('i32.add'),
                  () => f.get(weightAt),
                  (firstTap + tap) * channels * 4,
                )
              })
              for (let r = 0; r < height; r++) {
                f.get(outs[r]).get(offset).op('i32.add').set(out)
                store.atPosition(out, yBase, channel)
                store.storeChannels(out, tile.accumulators[r], 4)
              }
              f.increment(channel, 4)
            },
            16,
          )
        }

        const tiles = new Map<number, RegisterTile>()
        const tileFor = (height: number): RegisterTile => {
          const tile = tiles.get(height) ?? new RegisterTile(f, height, 1, { lanes: 4, fused: target.fused })
          tiles.set(height, tile)
          return tile
        }

        f.get(from).i32(firstUnit).get(from).i32(firstUnit).op('i32.gt_s', 'select').set(unit)
        f.get(to).i32(endUnit).get(to).i32(endUnit).op('i32.lt_s', 'select').set(end)
        f.for(unit, unit, end, () => {
          f.get(unit).i32(firstUnit).op('i32.sub').i32(grid[1]).op('i32.mul').tee(pixel)
          f.i32(grid[1] - (grid[1] % rows))
            .op('i32.add')
            .set(last)
          f.i32(0).set(zero)
          walk.start(pixel, xBase, yBase, group, 0, zero)
          f.for(pixel, pixel, last, () => tileOf(rows), rows)
          for (let rest = grid[1] % rows; rest > 0; rest -= Math.min(rest, rows)) tileOf(Math.min(rest, rows))
        })
      }
      return f
    },
  }
}
