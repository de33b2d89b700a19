/**
 * Winograd convolution on channels-last volumes: kernels of 3×3 and 5×5 at stride 1, and of 3×3 at stride 2
 * (`cpu/kernels/channels/winograd/phases.ts`), forward and backward to the input.
 *
 * The result is cut into tiles of m × m. First, the t² inputs of every tile are transformed, with t = m + r − 1 for a
 * kernel of r × r. Then, for each of the t² positions, the transformed inputs of all tiles are multiplied by the
 * transformed weights (a matrix product). Finally, the products are transformed back. That takes t² multiplications
 * instead of r² m²: 4 times fewer for F(4×4, 3×3), 2.8 times fewer for F(2×2, 5×5).
 */

import { formOf } from '../../../../cpu/kernels/channels/winograd/form.ts'
import type { FunctionBuilder } from '../../../emit/assembler.ts'
import { type KernelModule, kernelFunction, kernelKind } from '../../../kernel.ts'
import type { EpilogueSpec } from '../../shared/epilogue.ts'
import { emitMoments, momentOperands, momentResults, pushPart } from '../moments.ts'
import { emitProduct } from './product.ts'
import { type WinogradSpec, winogradSizes } from './spec.ts'
import { emitOutput, emitTileTransform } from './transforms.ts'

/** Transformed tiles `[positions, tiles, C]` of all tiles. Operand addresses: source, result. */
export const winogradInputKernel = kernelKind('winogradInput', (spec: WinogradSpec) => {
  return {
    units: winogradSizes(spec).tiles,
    tables: [new Int32Array(spec.source[1])],
    operands: 2,
    emit(target) {
      const input = emitInput(target, spec)
      const { f, from, to, address } = kernelFunction(target, 3)
      f.get(from).get(to).i32(0).get(address[0]).get(address[1]).get(address[2]).call(input)
      return f
    },
  }
})

/** Products `[positions, tiles, K]` of all tiles. Operand addresses: transformed tiles, panels, result. */
export const winogradProductKernel = kernelKind('winogradProduct', (spec: WinogradSpec) => {
  const { positions, panels, tiles } = winogradSizes(spec)
  return {
    units: positions * panels,
    tables: [],
    operands: 3,
    emit(target) {
      const product = emitProduct(target, spec)
      const { f, from, to, address } = kernelFunction(target, 3)
      f.get(from).get(to).i32(tiles)
      for (const operand of address) f.get(operand)
      f.call(product)
      return f
    },
  }
})

/** The last stage. Operand addresses: products, epilogue operands, result; with moments, see {@link emitOutputRows}. */
export const winogradOutputKernel = kernelKind('winogradOutput', (spec: WinogradSpec, epilogue: EpilogueSpec) => {
  const operands = 1 + epilogue.operands.length + momentOperands(spec.moments) + momentResults(spec.moments)
  const { tiles, tileColumns } = winogradSizes(spec)
  return {
    units: spec.moments ? tiles / tileColumns : tiles,
    tables: [],
    operands,
    emit(target) {
      const output = (spec.moments ? emitOutputRows : emitOutput)(target, spec, epilogue)
      const { f, from, to, address } = kernelFunction(target, operands)
      f.get(from).get(to).i32(0)
      for (const operand of address) f.get(operand)
      f.call(output)
      return f
    },
  }
})

/**
 * All three stages, chunk by chunk of tiles, in the thread's own workspace.
 * Operand addresses: source, panels, epilogue operands, workspace, result; with moments, see {@link emitOutputRows}.
 */
export const winogradKernel = kernelKind('winograd', (spec: WinogradSpec, epilogue: EpilogueSpec) => {
  const { chunk } = spec
  const { tiles, tileColumns, positions, panels, inputStride } = winogradSizes(spec)
  const workspaceAt = 2 + epilogue.operands.length + momentOperands(spec.moments)
  const operands = workspaceAt + 1 + momentResults(spec.moments)
  return {
    units: Math.ceil(tiles / chunk),
    tables: [new Int32Array(spec.source[1])],
    operands,
    workspace: true,
    emit(target) {
      const input = emitInput(target, spec)
      const product = emitProduct(target, spec)
      const output = (spec.moments ? emitOutputRows : emitOutput)(target, spec, epilogue)
      const { f, from, to, address } = kernelFunction(target, operands + 1)
      const [source, weights] = address
      const workspace = address[workspaceAt]
      const zeros = address[operands]
      const [unit, first, end, products] = f.localArray('i32', 4)
      f.get(workspace)
        .offset(positions * inputStride)
        .set(products)
      f.for(unit, from, to, () => {
        f.get(unit).times(chunk).tee(first).offset(chunk).tee(end)
        f.i32(tiles).get(end).i32(tiles).op('i32.lt_s', 'select').set(end)
        f.get(first).get(end).get(first).get(source).get(workspace).get(zeros).call(input)
        f.i32(0)
          .i32(positions * panels)
          .get(end)
          .get(first)
          .op('i32.sub')
        f.get(workspace).get(weights).get(products).call(product)
        for (const bound of [first, end]) {
          f.get(bound)
          if (spec.moments) f.over(tileColumns)
        }
        f.get(first).get(products)
        for (const extra of address.slice(2, workspaceAt)) f.get(extra)
        for (const result of address.slice(workspaceAt + 1, operands)) f.get(result)
        f.call(output)
      })
      return f
    },
  }
})

/**
 * `(from, to, first, products, ...epilogue operands, ...volume and center of products, result, firsts, seconds)`: makes
 * the rows of tiles `from … to − 1` and the moments of each, as one row of `firsts` and one of `seconds`.
 */
function emitOutputRows(target: KernelModule, spec: WinogradSpec, epilogue: EpilogueSpec): FunctionBuilder {
  const [, channels, height, width] = spec.result
  const { tileRows, tileColumns } = winogradSizes(spec)
  const { resultStep } = formOf(spec)
  const pixel = channels * 4
  const kind = spec.moments ?? 'squares'
  const output = emitOutput(target, spec, epilogue)
  const moments = emitMoments(target, kind, pixel, channels)
  const againstAt = 4 + epilogue.operands.length
  const resultAt = againstAt + momentOperands(kind)
  const f = target.module.function(new Array(resultAt + 3).fill('i32'), [])
  const [from, to, first, products] = [0, 1, 2, 3]
  const [row, down, tile, begin] = f.localArray('i32', 4)
  f.for(row, from, to, () => {
    f.get(row).times(tileColumns).tee(tile).get(tile).offset(tileColumns).get(first).get(products)
    for (let k = 4; k < againstAt; k++) f.get(k)
    f.get(resultAt).call(output)
    // These tiles cover `resultStep` rows of an image, or its remaining rows.
    f.get(row).modulo(tileRows).times(resultStep).set(down)
    f.get(row).over(tileRows).times(height).plus(down)
    f.times(width * pixel).set(begin)
    f.get(resultAt).plus(begin)
    pushPart(f, resultStep, height, down)
    f.times(width)
    for (const part of [resultAt + 1, resultAt + 2]) f.address(part, [row, pixel])
    if (kind === 'products') {
      f.get(againstAt)
        .plus(begin)
        .get(againstAt + 1)
    }
    f.call(moments)
  })
  return f
}

function emitInput(target: KernelModule, spec: WinogradSpec): FunctionBuilder {
  const { source } = spec
  const sizes = winogradSizes(spec)
  const { matrices, sourceStep, sourceLead } = formOf(spec)
  return emitTileTransform(target, {
    source,
    lead: sourceLead,
    grid: { ...sizes, step: sourceStep },
    matrix: matrices.input,
    stride: sizes.inputStride,
    wide: spec.tile.joined,
  })
}
