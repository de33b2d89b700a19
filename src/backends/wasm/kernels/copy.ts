/** Moving elements without changing them: transposition, slices, padding. Bits are preserved for every type. */

import { input } from '../../../graph/expression.ts'
import type { PadAttributes } from '../../../graph/ops/pad.ts'
import type { SliceAttributes } from '../../../graph/ops/slice.ts'
import { bytesPerElement, type DType, type Shape, sizeOf, stridesOf } from '../../../graph/shape.ts'
import { collapse, type Nest } from '../access.ts'
import type { Local } from '../assembler.ts'
import { type Kernel, kernelFunction } from '../kernel.ts'
import { emitNest, nestKernel, withUnits } from './map.ts'

/** Copies along a nest whose strides are those of the source and the destination. Operand addresses: source, destination. */
export function copyKernel(dtype: DType, nest: Nest): Kernel {
  if (dtype !== 'u8') return nestKernel(input(0), ['f32'], nest)
  const { sizes, strides } = withUnits(collapse(nest))
  return {
    key: `copy u8 ${JSON.stringify({ sizes, strides })}`,
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
  }
}

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

/** Padding with a constant around and between the elements. Operand addresses: source, result. Row-major. */
export function padKernel(attributes: PadAttributes, shape: Shape, result: Shape): Kernel {
  const { before, interior, value } = attributes
  const source = byteStrides(shape, 'f32')
  const target = byteStrides(result, 'f32')
  return {
    key: `pad ${JSON.stringify([attributes, shape])}`,
    units: result.length > 0 ? result[0] : 1,
    tables: [],
    operands: 2,
    emit(module) {
      const { f, from, to, address } = kernelFunction(module, 2)
      const fill = (at: Local, count: number): void => {
        const pointer = f.local('i32')
        const counter = f.local('i32')
        f.get(at).set(pointer)
        f.for(counter, { value: 0 }, { value: count }, () => {
          f.get(pointer).f32(value).memory('f32.store')
          f.increment(pointer, 4)
        })
      }
      const level = (axis: number, from0: Local, at: Local): void => {
        if (axis === result.length) {
          f.get(at).get(from0).memory('f32.load').memory('f32.store')
          return
        }
        const [index, offset, inner, out] = f.localArray('i32', 4)
        const every = interior[axis] + 1
        const body = (): void => {
          f.get(at).get(index).i32(target[axis]).op('i32.mul', 'i32.add').set(out)
          f.get(index).i32(before[axis]).op('i32.sub').set(offset)
          // Inside when the offset is a multiple of the spacing and within the source (negative ones are large).
          f.get(offset)
            .i32((shape[axis] - 1) * every + 1)
            .op('i32.lt_u')
          f.get(offset).i32(every).op('i32.rem_s', 'i32.eqz', 'i32.and')
          f.if(
            () => {
              f.get(from0).get(offset).i32(every).op('i32.div_s').i32(source[axis]).op('i32.mul', 'i32.add').set(inner)
              level(axis + 1, inner, out)
            },
            () => fill(out, sizeOf(result.slice(axis + 1))),
          )
        }
        if (axis === 0) f.for(index, from, to, body)
        else f.for(index, { value: 0 }, { value: result[axis] }, body)
      }
      level(0, address[0], address[1])
      return f
    },
  }
}
