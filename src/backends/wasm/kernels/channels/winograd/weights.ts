/** The weights of a Winograd convolution: G · g · Gᵀ for every pair of channels, packed in panels. */

import { type FormSpec, formOf } from '../../../../cpu/kernels/channels/winograd/form.ts'
import type { MachineTile } from '../../../emit/tile.ts'
import { kernelFunction, kernelKind } from '../../../kernel.ts'
import { panelWidth } from '../direct/packing.ts'
import { LinearTransform } from './linearTransform.ts'
import { spread } from './spec.ts'

/** Transforms weights into panels `[panels, summed channels, width]` for each position that has its own. Operand addresses: weights, panels. */
export const winogradWeightsKernel = kernelKind(
  'winogradWeights',
  (spec: FormSpec & { readonly tile: MachineTile }) => {
    const { direction, weights, tile } = spec
    const { matrices } = formOf(spec)
    const r = weights[2]
    const taps = r * r
    const [rows, sums] = direction === 'forward' ? [weights[0], weights[1]] : [weights[1], weights[0]]
    const width = panelWidth(rows, tile)
    const panels = Math.ceil(rows / width)
    const perRow = direction === 'forward' ? weights[1] * taps * 4 : taps * 4
    const perSum = direction === 'forward' ? taps * 4 : weights[1] * taps * 4
    const n = matrices.weights.length
    const stride = spread(panels * sums * width * 4)
    return {
      units: panels,
      tables: [],
      operands: 2,
      emit(target) {
        const { f, from, to, address } = kernelFunction(target, 2)
        const transform = new LinearTransform(f, target.fused, [matrices.weights])
        const [unit, sum, at, out] = f.localArray('i32', 4)
        const kernel = f.localArray('v128', taps)
        const half = f.localArray('v128', n * r)
        /** Four rows of weights at `at`, of which `count` exist. */
        const quarter = (first: number, count: number): void => {
          for (let tap = 0; tap < taps; tap++) {
            // The gradient to the input correlates with the kernel turned by 180°.
            const source = (direction === 'forward' ? tap : taps - 1 - tap) * 4
            if (count <= 0) f.f32x4(0)
            else f.get(at).memory('v128.load32_zero', first * perRow + source)
            for (let lane = 1; lane < count; lane++) {
              f.get(at)
                .memory('f32.load', (first + lane) * perRow + source)
                .replaceLane(lane)
            }
            f.set(kernel[tap])
          }
          // G · g, column by column, then (G · g) · Gᵀ, row by row.
          for (let column = 0; column < r; column++) {
            const inputs = kernel.filter((_, tap) => tap % r === column)
            transform.apply(matrices.weights, inputs, (row, push) => {
              push()
              f.set(half[row * r + column])
            })
          }
          for (let row = 0; row < n; row++) {
            transform.apply(matrices.weights, half.slice(row * r, row * r + r), (column, push) => {
              f.get(out)
              push()
              f.memory('v128.store', (row * n + column) * stride + first * 4)
            })
          }
        }
        const panel = (count: number): void => {
          for (let first = 0; first < width; first += 4) quarter(first, Math.min(4, count - first))
        }
        const last = rows - (panels - 1) * width
        f.for(unit, from, to, () => {
          f.address(address[0], [unit, width * perRow]).set(at)
          f.address(address[1], [unit, sums * width * 4]).set(out)
          f.for(sum, { value: 0 }, { value: sums }, () => {
            if (last === width) panel(width)
            else {
              f.get(unit)
                .i32(panels - 1)
                .op('i32.eq')
              f.if(
                () => panel(last),
                () => panel(width),
              )
            }
            f.increment(at, perSum)
            f.increment(out, width * 4)
          })
        })
        return f
      },
    }
  },
)
