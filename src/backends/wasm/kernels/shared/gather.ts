/**
 * Slices picked by index and slices added up by index, on row-major values. Indices are checked as they are read: one
 * out of range traps, which the engine reports as an error of the step.
 */
import type { GatherAttributes, ScatterAddAttributes } from '../../../../graph/ops/gather.ts'
import { bytesPerElement, type DType, type Shape, sizeOf } from '../../../../graph/shape.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { kernelFunction, kernelKind } from '../../kernel.ts'
import { trapOutOfRange } from '../../runtime/control.ts'

/** Columns that one unit of `scatterAdd` sums, at most. */
const columnsOfUnit = 64

/**
 * Lowering of `gather`: `count` slices of x along the axis. A unit is one slice of the result.
 * Operand addresses: x, indices `i32 [count]`, result.
 */
export const gatherKernel = kernelKind(
  'gather',
  (dtype: DType, shape: Shape, { axis }: GatherAttributes, count: number) => {
    const outer = sizeOf(shape.slice(0, axis))
    const size = shape[axis]
    const run = sizeOf(shape.slice(axis + 1)) * bytesPerElement[dtype]
    return {
      units: outer * count,
      tables: [],
      operands: 3,
      emit(target) {
        const { f, from, to, address } = kernelFunction(target, 3)
        const [unit, slot, index, source, destination] = f.localArray('i32', 5)
        const [x, indices, result] = address
        f.address(result, [from, run]).set(destination)
        f.for(unit, from, to, () => {
          f.get(unit)
          if (outer > 1) f.modulo(count)
          f.set(slot)
          loadIndex(f, indices, slot, size, index)
          f.get(x).get(index)
          if (outer > 1) f.get(unit).over(count).times(size).op('i32.add')
          f.times(run).op('i32.add').set(source)
          copyBytes(f, source, destination, run)
          f.increment(destination, run)
        })
        return f
      },
    }
  },
)

/**
 * Lowering of `scatterAdd` for slices of the given shape. A unit is up to 64 columns of one outer position: it adds the
 * slices in the order of the indices, so sums do not depend on how the work is split.
 * Operand addresses: slices `f32`, indices `i32`, result.
 */
export const scatterAddKernel = kernelKind('scatterAdd', (shape: Shape, { axis, size }: ScatterAddAttributes) => {
  const outer = sizeOf(shape.slice(0, axis))
  const count = shape[axis]
  const inner = sizeOf(shape.slice(axis + 1))
  const parts = Math.ceil(inner / columnsOfUnit)
  return {
    units: outer * parts,
    tables: [],
    operands: 3,
    emit(target) {
      const { f, from, to, address } = kernelFunction(target, 3)
      const [unit, start, width, vectors, slot, index, source, destination, column] = f.localArray('i32', 9)
      const [slices, indices, result] = address
      const zero = f.local('v128')
      /** Runs `vector` for each four columns of the unit and `single` for the rest; `column` is in bytes. */
      const columns = (vector: () => void, single: () => void): void => {
        f.for(column, { value: 0 }, vectors, vector, 16)
        f.for(column, vectors, width, single, 4)
      }
      const at = (pointer: Local): FunctionBuilder => f.get(pointer).plus(column)
      /** pointer ← base + 4 · ((outer position · extent + row) · inner + first column) */
      const locate = (pointer: Local, base: Local, extent: number, row: Local): void => {
        f.get(unit).over(parts).times(extent).plus(row)
        f.times(inner * 4)
          .plus(start)
          .plus(base)
          .set(pointer)
      }
      f.for(unit, from, to, () => {
        f.get(unit)
          .modulo(parts)
          .times(columnsOfUnit * 4)
          .set(start)
        f.i32(inner * 4)
          .get(start)
          .op('i32.sub')
          .tee(width)
          .i32(columnsOfUnit * 4)
        f.get(width)
          .i32(columnsOfUnit * 4)
          .op('i32.lt_s', 'select')
          .tee(width)
          .i32(-16)
          .op('i32.and')
          .set(vectors)
        f.for(slot, { value: 0 }, { value: size }, () => {
          locate(destination, result, size, slot)
          columns(
            () => at(destination).get(zero).memory('v128.store'),
            () => at(destination).f32(0).memory('f32.store'),
          )
        })
        f.for(slot, { value: 0 }, { value: count }, () => {
          loadIndex(f, indices, slot, size, index)
          locate(source, slices, count, slot)
          locate(destination, result, size, index)
          columns(
            () => {
              at(destination)
              at(destination).memory('v128.load')
              at(source).memory('v128.load').op('f32x4.add').memory('v128.store')
            },
            () => {
              at(destination)
              at(destination).memory('f32.load')
              at(source).memory('f32.load').op('f32.add').memory('f32.store')
            },
          )
        })
      })
      return f
    },
  }
})

/** index ← indices[slot]; traps unless 0 ≤ index < size. */
export function loadIndex(f: FunctionBuilder, indices: Local, slot: Local, size: number, index: Local): void {
  f.address(indices, [slot, 4]).memory('i32.load').tee(index)
  f.i32(size).op('i32.ge_u')
  f.if(() => {
    const found = f.local('v128')
    f.get(index).op('i32x4.splat').set(found)
    trapOutOfRange(f, found, size)
  })
}

/** Copies a fixed number of bytes between two addresses. */
function copyBytes(f: FunctionBuilder, source: Local, destination: Local, bytes: number): void {
  const vector = (offset: number): void => {
    f.get(destination).get(source).memory('v128.load', offset).memory('v128.store', offset)
  }
  if (bytes < 16) {
    for (let offset = 0; offset < bytes; ) {
      const word = bytes - offset >= 4
      f.get(destination).get(source)
      if (word) f.memory('i32.load', offset).memory('i32.store', offset)
      else f.memory('i32.load8_u', offset).memory('i32.store8', offset)
      offset += word ? 4 : 1
    }
    return
  }
  const unroll = 8
  const looped = Math.floor(bytes / (16 * unroll)) * 16 * unroll
  if (looped > 0) {
    const [position, read, write] = f.localArray('i32', 3)
    f.get(source).set(read).get(destination).set(write)
    f.for(
      position,
      { value: 0 },
      { value: looped },
      () => {
        for (let k = 0; k < unroll; k++)
          f.get(write)
            .get(read)
            .memory('v128.load', 16 * k)
            .memory('v128.store', 16 * k)
        f.increment(read, 16 * unroll).increment(write, 16 * unroll)
      },
      16 * unroll,
    )
  }
  let offset = looped
  for (; offset + 16 <= bytes; offset += 16) vector(offset)
  // The last vector overlaps the one before it.
  if (offset < bytes) vector(bytes - 16)
}
