/** Moving elements without changing them: transposition, slices, padding. Bits are preserved for every type. */

import { input } from '../../../../graph/expression.ts'
import type { PadAttributes } from '../../../../graph/ops/pad.ts'
import type { SliceAttributes } from '../../../../graph/ops/slice.ts'
import { bytesPerElement, type DType, type Shape, sizeOf, stridesOf } from '../../../../graph/shape.ts'
import { collapse, type Nest } from '../../../cpu/access.ts'
import type { Local } from '../../emit/assembler.ts'
import type { Lanes } from '../../emit/tile.ts'
import { type Kernel, kernelFunction, kernelKind } from '../../kernel.ts'
import { emitNest, nestKernel, vectorRuns, withUnits } from './map.ts'

/** Copies along a nest whose strides are those of the source and the destination. Operand addresses: source, destination. */
export function copyKernel(dtype: DType, nest: Nest): Kernel {
  if (dtype !== 'u8') return nestKernel(input(0), ['f32'], nest)
  return copyBytesAlong(withUnits(collapse(nest)))
}

const copyBytesAlong = kernelKind('copy', ({ sizes, strides }: Nest) => ({
  units: sizes[0],
  tables: [],
  operands: 2,
  emit(target) {
    const { f, from, to, address } = kernelFunction(target, 2)
    const move = ([source, destination]: readonly Local[]): void => {
      f.get(destination).get(source).memory('i32.load8_u').memory('i32.store8')
    }
    emitNest(f, { sizes, strides }, address, from, to, move, false)
    return f
  },
}))

/** Byte strides of a row-major value. */
export function byteStrides(shape: Shape, dtype: DType): number[] {
  return stridesOf(shape).map(stride => stride * bytesPerElement[dtype])
}

/** The nest of a transposition, walked in the order of the result. */
export function transposeNest(shape: Shape, dtype: DType, permutation: readonly number[]): Nest {
  const source = byteStrides(shape, dtype)
  const sizes = permutation.map(axis => shape[axis])
  return { sizes, strides: [permutation.map(axis => source[axis]), byteStrides(sizes, dtype)] }
}

/** The nest of a slice and the byte offset of its first element in the source. */
export function sliceNest(
  shape: Shape,
  dtype: DType,
  { starts, steps }: SliceAttributes,
  result: Shape,
): { nest: Nest; offset: number } {
  const source = byteStrides(shape, dtype)
  return {
    nest: { sizes: result, strides: [source.map((stride, axis) => stride * steps[axis]), byteStrides(result, dtype)] },
    offset: starts.reduce((sum, at, axis) => sum + at * source[axis], 0),
  }
}

/**
 * Padding with a constant around and between the elements. Operand addresses: source, result. Row-major. Along the last
 * axis that is padded, and all after it, elements are moved as runs.
 */
export const padKernel = kernelKind('pad', (attributes: PadAttributes, shape: Shape, result: Shape) => {
  const { value } = attributes
  const axes = paddedAxes(attributes, shape, result)
  const last = axes.length - 1
  return {
    units: axes[0].target,
    tables: [],
    operands: 2,
    emit(module) {
      const { f, from, to, address } = kernelFunction(module, 2)
      const [source, target, counter] = f.localArray('i32', 3)
      const pushValue = (lanes: Lanes): void => {
        if (lanes === 4) f.f32x4(value)
        else f.f32(value)
      }
      const pushSource = (lanes: Lanes, offset: number): void => {
        f.get(source).memory(lanes === 4 ? 'v128.load' : 'f32.load', offset)
      }
      /** Stores `count` elements from `target` on, and moves `target`, and `source` where it is read, behind them. */
      const run = (count: number, push: (lanes: Lanes, offset: number) => void): void => {
        const pointers = push === pushSource ? [source, target] : [target]
        for (const [lanes, group, times] of vectorRuns(count)) {
          f.for(counter, { value: 0 }, { value: times }, () => {
            for (let k = 0; k < group; k++) {
              f.get(target)
              push(lanes, k * 16)
              f.memory(lanes === 4 ? 'v128.store' : 'f32.store', k * 16)
            }
            for (const pointer of pointers) f.increment(pointer, group * lanes * 4)
          })
        }
      }
      const level = (axis: number): void => {
        const { size, target: extent, before, every, inner } = axes[axis]
        if (axis === last && axis > 0 && every === 1) {
          run(before * inner, pushValue)
          run(size * inner, pushSource)
          run((extent - before - size) * inner, pushValue)
          return
        }
        const index = f.local('i32')
        const inside = (): void => (axis === last ? run(inner, pushSource) : level(axis + 1))
        const body = (): void => {
          if (extent === size) {
            inside()
            return
          }
          // Inside when the distance is a multiple of the spacing and within the source (negative ones are large).
          f.get(index)
            .i32(before)
            .op('i32.sub')
            .i32((size - 1) * every + 1)
            .op('i32.lt_u')
          f.get(index).i32(before).op('i32.sub').i32(every).op('i32.rem_s', 'i32.eqz', 'i32.and')
          f.if(inside, () =>
            run(
              axes.slice(axis + 1).reduce((count, { target }) => count * target, axes[last].inner),
              pushValue,
            ),
          )
        }
        if (axis === 0) f.for(index, from, to, body)
        else f.for(index, { value: 0 }, { value: extent }, body)
      }
      // The first element of the source that these units read: elements of axis 0 before `from`.
      const [first] = axes
      const innerBytes = axes.slice(1).reduce((bytes, { size }) => bytes * size, axes[last].inner * 4)
      const targetBytes = axes.slice(1).reduce((bytes, { target }) => bytes * target, axes[last].inner * 4)
      f.get(from)
        .i32(first.before - first.every + 1)
        .op('i32.sub')
        .i32(first.every)
        .op('i32.div_s')
        .set(counter)
      f.larger(counter, { value: 0 }).set(counter)
      f.smaller(counter, { value: first.size }).set(counter)
      f.address(address[0], [counter, innerBytes]).set(source)
      f.address(address[1], [from, targetBytes]).set(target)
      level(0)
      return f
    },
  }
})

/** One axis of a padding: elements before and after, those in front, the spacing, and the elements of each. */
interface PaddedAxis {
  readonly size: number
  readonly target: number
  readonly before: number
  readonly every: number
  readonly inner: number
}

/** The axes up to the last one that is padded; what lies behind it are runs of `inner` elements. */
function paddedAxes({ before, interior }: PadAttributes, shape: Shape, result: Shape): PaddedAxis[] {
  if (shape.length === 0) return [{ size: 1, target: 1, before: 0, every: 1, inner: 1 }]
  const last = shape.reduce((found, size, axis) => (size === result[axis] ? found : axis), 0)
  return shape.slice(0, last + 1).map((size, axis) => ({
    size,
    target: result[axis],
    before: before[axis],
    every: interior[axis] + 1,
    inner: sizeOf(shape.slice(last + 1)),
  }))
}
