/** Moving elements without changing them: transposition, slices, padding. Bits are preserved for every type. */

import { input } from '../../../../graph/expression.ts'
import type { PadAttributes } from '../../../../graph/ops/pad.ts'
import type { SliceAttributes } from '../../../../graph/ops/slice.ts'
import { bytesPerElement, type DType, type Shape, sizeOf, stridesOf } from '../../../../graph/shape.ts'
import type { Nest } from '../../../cpu/access.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { type Lanes, loadOf, pushConstant, storeOf } from '../../emit/lanes.ts'
import { type Kernel, type KernelModule, kernelFunction, kernelKind, kernelKindOfAnyLength } from '../../kernel.ts'
import { emitNest, nestKernel, type UnitNest, vectorRuns, withUnits } from './map.ts'

/** Copies along a nest with the strides of source and destination. Operand addresses: source, destination. */
export function copyKernel(dtype: DType, nest: Nest): Kernel {
  if (dtype !== 'u8') return nestKernel(input(0), ['f32'], nest)
  const { units, ...unit } = withUnits(nest)
  return copyBytesAlong(units, unit)
}

const copyBytesAlong = kernelKindOfAnyLength('copy', ({ inner, strides }: UnitNest) => ({
  tables: [],
  operands: 2,
  emit(target) {
    const { f, from, to, address } = kernelFunction(target, 2)
    const move = ([source, destination]: readonly Local[]): void => {
      f.get(destination).get(source).memory('i32.load8_u').memory('i32.store8')
    }
    emitNest(f, { inner, strides }, { address, from, to, single: true }, move)
    return f
  },
}))

/** Byte strides of a row-major value. */
export function byteStrides(shape: Shape, dtype: DType): number[] {
  return stridesOf(shape).map(stride => stride * bytesPerElement[dtype])
}

/** The nest of a transposition, in the order of the result. */
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
 * padded axis and all axes after it, elements are moved as runs.
 */
export const padKernel = kernelKind('pad', (attributes: PadAttributes, shape: Shape, result: Shape) => {
  const axes = paddedAxes(attributes, shape, result)
  return {
    units: axes[0].target,
    tables: [],
    operands: 2,
    emit: target => new PadEmitter(target, axes, attributes.value).emit(),
  }
})

/** Pushes the contents of a run: `lanes` elements, the first at an offset of `offset` bytes. */
type PushElements = (lanes: Lanes, offset: number) => void

/** Writes the function of a padding: loops over the axes, and runs of elements that are copied or filled. */
class PadEmitter {
  readonly #axes: readonly PaddedAxis[]
  readonly #value: number
  readonly #f: FunctionBuilder
  readonly #range: { readonly from: Local; readonly to: Local }
  readonly #base: { readonly source: Local; readonly target: Local }
  readonly #at: Readonly<Record<'source' | 'target' | 'counter', Local>>

  constructor(target: KernelModule, axes: readonly PaddedAxis[], value: number) {
    const { f, from, to, address } = kernelFunction(target, 2)
    this.#axes = axes
    this.#value = value
    this.#f = f
    this.#range = { from, to }
    this.#base = { source: address[0], target: address[1] }
    this.#at = f.named('i32', 'source', 'target', 'counter')
  }

  emit(): FunctionBuilder {
    this.#locate()
    this.#axis(0)
    return this.#f
  }

  /** Finds the first element that these units read, and the first that they write. */
  #locate(): void {
    const f = this.#f
    const { from } = this.#range
    const { source, target, counter } = this.#at
    const [first, ...others] = this.#axes
    const innerBytes = this.#last.inner * 4
    const sourceBytes = others.reduce((bytes, { size }) => bytes * size, innerBytes)
    const targetBytes = others.reduce((bytes, { target }) => bytes * target, innerBytes)
    f.get(from)
      .i32(first.before - first.every + 1)
      .op('i32.sub')
      .i32(first.every)
      .op('i32.div_s')
      .set(counter)
    f.larger(counter, { value: 0 }).set(counter)
    f.smaller(counter, { value: first.size }).set(counter)
    f.address(this.#base.source, [counter, sourceBytes]).set(source)
    f.address(this.#base.target, [from, targetBytes]).set(target)
  }

  get #last(): PaddedAxis {
    return this.#axes[this.#axes.length - 1]
  }

  /** All positions along an axis and the axes after it; along axis 0, only those of the units. */
  #axis(axis: number): void {
    const f = this.#f
    const { size, target: extent, before, every, inner } = this.#axes[axis]
    const last = axis === this.#axes.length - 1
    if (last && axis > 0 && every === 1) {
      this.#fill(before * inner)
      this.#copy(size * inner)
      this.#fill((extent - before - size) * inner)
      return
    }
    const index = f.local('i32')
    const inside = (): void => (last ? this.#copy(inner) : this.#axis(axis + 1))
    const outside = (): void =>
      this.#fill(this.#axes.slice(axis + 1).reduce((count, { target }) => count * target, this.#last.inner))
    const body = (): void => (extent === size ? inside() : this.#ifInside(index, axis, inside, outside))
    if (axis === 0) f.for(index, this.#range.from, this.#range.to, body)
    else f.for(index, { value: 0 }, { value: extent }, body)
  }

  /** Branches on whether a result index is in the source: inside (negatives are large), a multiple of the spacing. */
  #ifInside(index: Local, axis: number, inside: () => void, outside: () => void): void {
    const f = this.#f
    const { size, before, every } = this.#axes[axis]
    f.get(index)
      .i32(before)
      .op('i32.sub')
      .i32((size - 1) * every + 1)
      .op('i32.lt_u')
    f.get(index).i32(before).op('i32.sub').i32(every).op('i32.rem_s', 'i32.eqz', 'i32.and')
    f.if(inside, outside)
  }

  /** Copies `count` elements from `source` to `target`, and moves both past them. */
  #copy(count: number): void {
    const { source, target } = this.#at
    const push: PushElements = (lanes, offset) => this.#f.get(source).memory(loadOf(lanes), offset)
    this.#run(count, [source, target], push)
  }

  /** Stores the constant in `count` elements starting at `target`, and moves `target` past them. */
  #fill(count: number): void {
    const push: PushElements = lanes => pushConstant(this.#f, lanes, this.#value)
    this.#run(count, [this.#at.target], push)
  }

  #run(count: number, pointers: readonly Local[], push: PushElements): void {
    const f = this.#f
    for (const [lanes, group, times] of vectorRuns(count)) {
      f.for(this.#at.counter, { value: 0 }, { value: times }, () => {
        for (let k = 0; k < group; k++) {
          f.get(this.#at.target)
          push(lanes, k * 16)
          f.memory(storeOf(lanes), k * 16)
        }
        for (const pointer of pointers) f.increment(pointer, group * lanes * 4)
      })
    }
  }
}

/**
 * One axis of a padding: source and result size, padding in front, spacing, and elements per position of the last axis.
 */
interface PaddedAxis {
  readonly size: number
  readonly target: number
  readonly before: number
  readonly every: number
  readonly inner: number
}

/** The axes up to the last padded one; the axes after it form runs of `inner` elements. */
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
