/** The weights of a Winograd convolution: G · g · Gᵀ for every pair of channels, packed in panels. */

import { type FormSpec, formOf } from '../../../../cpu/kernels/channels/winograd/form.ts'
import type { FunctionBuilder, Local } from '../../../emit/assembler.ts'
import type { MachineTile } from '../../../emit/tile.ts'
import { type KernelModule, kernelFunction, kernelKind } from '../../../kernel.ts'
import { panelWidth } from '../direct/packing.ts'
import { LinearTransform } from './linearTransform.ts'
import { spread } from './spec.ts'

type WeightsSpec = FormSpec & { readonly tile: MachineTile }

/**
 * Transforms weights into panels `[panels, summed channels, width]` for each position with separate weights.
 * Operand addresses: weights, panels.
 */
export const winogradWeightsKernel = kernelKind('winogradWeights', (spec: WeightsSpec) => {
  const geometry = geometryOf(spec)
  return {
    units: geometry.panels,
    tables: [],
    operands: 2,
    emit: target => new WeightsEmitter(target, geometry).emit(),
  }
})

/** Sizes of the weights and of their panels; `per…` and `stride` are distances in bytes. */
function geometryOf(spec: WeightsSpec) {
  const { direction, weights, tile } = spec
  const { matrices } = formOf(spec)
  const forward = direction === 'forward'
  const r = weights[2]
  const taps = r * r
  const [rows, sums] = forward ? [weights[0], weights[1]] : [weights[1], weights[0]]
  const width = panelWidth(rows, tile)
  const panels = Math.ceil(rows / width)
  return {
    forward,
    matrix: matrices.weights,
    r,
    taps,
    rows,
    sums,
    width,
    panels,
    perRow: forward ? weights[1] * taps * 4 : taps * 4,
    perSum: forward ? taps * 4 : weights[1] * taps * 4,
    /** Distance from the panels of one position to those of the next. */
    stride: spread(panels * sums * width * 4),
  }
}

/** Writes the function that transforms panels: one summed channel after another, four rows of weights at a time. */
class WeightsEmitter {
  readonly #geometry: ReturnType<typeof geometryOf>
  readonly #f: FunctionBuilder
  readonly #range: { readonly from: Local; readonly to: Local }
  readonly #base: { readonly weights: Local; readonly panels: Local }
  readonly #transform: LinearTransform
  readonly #at: Readonly<Record<'unit' | 'sum' | 'at' | 'out', Local>>
  readonly #kernel: readonly Local[]
  readonly #half: readonly Local[]

  constructor(target: KernelModule, geometry: ReturnType<typeof geometryOf>) {
    const { matrix, taps, r } = geometry
    const { f, from, to, address } = kernelFunction(target, 2)
    this.#geometry = geometry
    this.#f = f
    this.#range = { from, to }
    this.#base = { weights: address[0], panels: address[1] }
    this.#transform = new LinearTransform(f, { lanes: 4, fused: target.fused }, [matrix])
    this.#at = f.named('i32', 'unit', 'sum', 'at', 'out')
    this.#kernel = f.localArray('v128', taps)
    this.#half = f.localArray('v128', matrix.length * r)
  }

  emit(): FunctionBuilder {
    const { rows, sums, width, panels, perRow, perSum } = this.#geometry
    const f = this.#f
    const { unit, sum, at, out } = this.#at
    const last = rows - (panels - 1) * width
    f.for(unit, this.#range.from, this.#range.to, () => {
      f.address(this.#base.weights, [unit, width * perRow]).set(at)
      f.address(this.#base.panels, [unit, sums * width * 4]).set(out)
      f.for(sum, { value: 0 }, { value: sums }, () => {
        if (last === width) this.#panel(width)
        else {
          f.get(unit)
            .i32(panels - 1)
            .op('i32.eq')
          f.if(
            () => this.#panel(last),
            () => this.#panel(width),
          )
        }
        f.increment(at, perSum)
        f.increment(out, width * 4)
      })
    })
    return f
  }

  /** Transforms the rows of a panel for one summed channel; only `count` of them exist. */
  #panel(count: number): void {
    for (let first = 0; first < this.#geometry.width; first += 4) {
      this.#load(first, Math.min(4, count - first))
      this.#transformKernels(first)
    }
  }

  /** Loads the four rows of weights that begin at row `first`; only `count` of them exist. */
  #load(first: number, count: number): void {
    const { forward, taps, perRow } = this.#geometry
    const f = this.#f
    const { at } = this.#at
    for (let tap = 0; tap < taps; tap++) {
      // The input gradient correlates with the kernel rotated by 180°.
      const source = (forward ? tap : taps - 1 - tap) * 4
      if (count <= 0) f.f32x4(0)
      else f.get(at).memory('v128.load32_zero', first * perRow + source)
      for (let lane = 1; lane < count; lane++) {
        f.get(at)
          .memory('f32.load', (first + lane) * perRow + source)
          .replaceLane(lane)
      }
      f.set(this.#kernel[tap])
    }
  }

  /** G · g, column by column, then (G · g) · Gᵀ, row by row. */
  #transformKernels(first: number): void {
    const { matrix, r, stride } = this.#geometry
    const f = this.#f
    const n = matrix.length
    for (let column = 0; column < r; column++) {
      const inputs = this.#kernel.filter((_, tap) => tap % r === column)
      this.#transform.apply(matrix, inputs, (row, push) => {
        push()
        f.set(this.#half[row * r + column])
      })
    }
    for (let row = 0; row < n; row++) {
      this.#transform.apply(matrix, this.#half.slice(row * r, row * r + r), (column, push) => {
        f.get(this.#at.out)
        push()
        f.memory('v128.store', (row * n + column) * stride + first * 4)
      })
    }
  }
}
