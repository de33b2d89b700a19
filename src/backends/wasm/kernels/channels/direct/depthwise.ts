/**
 * Depthwise convolution on channels-last volumes: every channel is a separate group, so there is no sum over channels.
 * The lanes are channels. Neighboring positions of a row share the weights and the vectors of x that their windows have
 * in common. The input gradient is the same loop with other taps.
 */

import { input } from '../../../../../graph/expression.ts'
import type { Local } from '../../../emit/assembler.ts'
import { type AnyLanes, loadOf, multiplyAdd, pushConstant, typeOf } from '../../../emit/lanes.ts'
import { type Kernel, kernelKind } from '../../../kernel.ts'
import type { EpilogueSpec } from '../../shared/epilogue.ts'
import { nestKernel } from '../../shared/map.ts'
import { eachRow, positionsThatFit, rowSteps, rowTileCode } from '../rowTiles.ts'
import { ChannelStore } from '../store.ts'
import type { CorrelationSpec } from './correlation.ts'

/** True for one input and one output channel per group, in whole vectors. */
export function isDepthwise({ groups, weights }: Pick<CorrelationSpec, 'groups' | 'weights'>): boolean {
  return groups === weights[0] && weights[1] === 1 && groups % 4 === 0 && weights[2] * weights[3] <= 25
}

/** Weights `[taps, C]`. Operand addresses: weights, result. */
export function depthwiseWeightsKernel({ weights }: Pick<CorrelationSpec, 'weights'>): Kernel {
  const [channels, , height, width] = weights
  const taps = height * width
  const strides = [
    [4, taps * 4],
    [channels * 4, 4],
  ]
  return nestKernel(input(0), ['f32'], { sizes: [taps, channels], strides })
}

/** Operand addresses: source, weights `[taps, C]`, epilogue operands, result. */
export const depthwiseKernel = kernelKind('depthwise', (spec: CorrelationSpec, epilogue: EpilogueSpec) => {
  const { direction, window, source, weights, result } = spec
  const kernelWidth = weights[3]
  const pixel = result[1] * 4
  const geometry = { direction, window, source, result }
  // Live at the same time: a sum per position, x at every column, the weights of a row.
  const positions = positionsThatFit(geometry, (count, columns) => count + columns + kernelWidth)
  const tiling = { ...geometry, positions }
  const steps = rowSteps(tiling)
  const operands = 3 + epilogue.operands.length
  const tapRowBytes = kernelWidth * pixel
  return rowTileCode<AnyLanes>({ tiling, vectors: 1, operands, tapRowBytes }, (f, target, address) => {
    const yBase = address[operands - 1]
    const bases = address.slice(2, operands - 1)
    const store = new ChannelStore(f, target.math, { epilogue, shape: result, bases })
    const [x, w, counter, out] = f.localArray('i32', 4)
    const vectorLanes = store.lanesFor(target.longest)
    const vectors = (count: number): Local[] => f.localArray(typeOf(vectorLanes), count)
    const [sums, taps, pixels] = [vectors(positions), vectors(kernelWidth), vectors(positions * kernelWidth)]
    const arithmetic = { lanes: vectorLanes, fused: target.fused }
    return {
      vectorLanes,
      channels: ({ run, from, out: outBytes, channel, rows, weights: firstRow }) => {
        const used = new Set(run.positions.flat().map(({ tap }) => tap))
        f.get(address[0]).plus(from).set(x)
        f.get(address[1]).plus(firstRow).plus(channel, 4).set(w)
        for (const sum of run.positions.map((_, p) => sums[p])) pushConstant(f, vectorLanes, 0).set(sum)
        const pointers = [[x, steps.source] as const, [w, steps.taps * tapRowBytes] as const]
        eachRow(f, [counter, rows], pointers, () => {
          for (const tap of used) {
            f.get(w)
              .memory(loadOf(vectorLanes), tap * pixel)
              .set(taps[tap])
          }
          run.columns.forEach((column, k) => {
            f.get(x)
              .memory(loadOf(vectorLanes), column * pixel)
              .set(pixels[k])
            run.positions.forEach((seen, p) => {
              const hit = seen.find(other => other.column === column)
              if (hit) multiplyAdd(f, arithmetic, sums[p], [pixels[k], taps[hit.tap]])
            })
          })
        })
        store.atChannels(channel)
        run.positions.forEach((_, p) => {
          f.get(yBase)
            .plus(outBytes)
            .offset(p * pixel)
            .set(out)
          store.atPosition(out, yBase, channel)
          store.storeChannels(out, [sums[p]], vectorLanes, vectorLanes)
        })
      },
    }
  })
})
