/**
 * Picks slices by index and adds up slices by index, on row-major values. Indices are checked as they are read: an
 * index out of range traps, which the engine reports as an error of the step.
 */
import type { GatherAttributes, ScatterAddAttributes } from '../../../../graph/ops/gather.ts'
import { bytesPerElement, type DType, type Shape, sizeOf } from '../../../../graph/shape.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { type KernelModule, kernelFunction, kernelKind } from '../../kernel.ts'
import { trapOutOfRange } from '../../runtime/control.ts'

/** Most columns that one unit of `scatterAdd` sums. */
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
          loadIndex(f, index, [indices, slot], size)
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
  const inner = sizeOf(shape.slice(axis + 1))
  const parts = Math.ceil(inner / columnsOfUnit)
  const sizes = { count: shape[axis], size, inner, parts }
  return {
    units: outer * parts,
    tables: [],
    operands: 3,
    emit: target => new ScatterEmitter(target, sizes).emit(),
  }
})

/** Sizes of a `scatterAdd`: slices, slices of the result, elements of a slice after the axis, units that share them. */
type ScatterSizes = Readonly<Record<'count' | 'size' | 'inner' | 'parts', number>>

/** Writes the function of a `scatterAdd`: each unit clears its columns of the result and adds the slices to them. */
class ScatterEmitter {
  readonly #sizes: ScatterSizes
  readonly #f: FunctionBuilder
  readonly #range: { readonly from: Local; readonly to: Local }
  /** Indices; `start`, `width`, `vectors` and `column` in bytes. */
  readonly #at: Readonly<Record<(typeof scatterLocals)[number], Local>>
  readonly #base: { readonly slices: Local; readonly indices: Local; readonly result: Local }
  readonly #zero: Local

  constructor(target: KernelModule, sizes: ScatterSizes) {
    const { f, from, to, address } = kernelFunction(target, 3)
    const [slices, indices, result] = address
    this.#sizes = sizes
    this.#f = f
    this.#range = { from, to }
    this.#at = f.named('i32', ...scatterLocals)
    this.#base = { slices, indices, result }
    this.#zero = f.local('v128')
  }

  emit(): FunctionBuilder {
    const f = this.#f
    f.for(this.#at.unit, this.#range.from, this.#range.to, () => {
      this.#locateColumns()
      this.#clear()
      this.#add()
    })
    return f
  }

  /** Finds the unit's first column, its number of columns, and how many of them fill vectors. */
  #locateColumns(): void {
    const f = this.#f
    const { inner, parts } = this.#sizes
    const { unit, start, width, vectors } = this.#at
    const most = columnsOfUnit * 4
    f.get(unit).modulo(parts).times(most).set(start)
    f.i32(inner * 4)
      .get(start)
      .op('i32.sub')
      .tee(width)
      .i32(most)
    f.get(width).i32(most).op('i32.lt_s', 'select').tee(width).i32(-16).op('i32.and').set(vectors)
  }

  #clear(): void {
    const { size } = this.#sizes
    const { slot, destination } = this.#at
    this.#f.for(slot, { value: 0 }, { value: size }, () => {
      this.#locate(destination, this.#base.result, size, slot)
      this.#eachColumn(
        () => this.#push(destination).get(this.#zero).memory('v128.store'),
        () => this.#push(destination).f32(0).memory('f32.store'),
      )
    })
  }

  #add(): void {
    const { count, size } = this.#sizes
    const { slot, index, source, destination } = this.#at
    this.#f.for(slot, { value: 0 }, { value: count }, () => {
      loadIndex(this.#f, index, [this.#base.indices, slot], size)
      this.#locate(source, this.#base.slices, count, slot)
      this.#locate(destination, this.#base.result, size, index)
      this.#eachColumn(
        () => {
          this.#push(destination)
          this.#push(destination).memory('v128.load')
          this.#push(source).memory('v128.load').op('f32x4.add').memory('v128.store')
        },
        () => {
          this.#push(destination)
          this.#push(destination).memory('f32.load')
          this.#push(source).memory('f32.load').op('f32.add').memory('f32.store')
        },
      )
    })
  }

  /** Runs `vector` for each group of four columns of the unit and `single` for the rest. */
  #eachColumn(vector: () => void, single: () => void): void {
    const { column, vectors, width } = this.#at
    this.#f.for(column, { value: 0 }, vectors, vector, 16)
    this.#f.for(column, vectors, width, single, 4)
  }

  #push(pointer: Local): FunctionBuilder {
    return this.#f.get(pointer).plus(this.#at.column)
  }

  /** pointer ← base + 4 · ((outer position · extent + row) · inner + first column) */
  #locate(pointer: Local, base: Local, extent: number, row: Local): void {
    const { inner, parts } = this.#sizes
    const { unit, start } = this.#at
    this.#f.get(unit).over(parts).times(extent).plus(row)
    this.#f
      .times(inner * 4)
      .plus(start)
      .plus(base)
      .set(pointer)
  }
}

const scatterLocals = ['unit', 'start', 'width', 'vectors', 'slot', 'index', 'source', 'destination', 'column'] as const

/** index ← indices[slot]; traps unless 0 ≤ index < size. */
export function loadIndex(
  f: FunctionBuilder,
  index: Local,
  [indices, slot]: readonly [indices: Local, slot: Local],
  size: number,
): void {
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
