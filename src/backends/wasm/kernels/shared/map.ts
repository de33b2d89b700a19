/**
 * Element-wise kernels: one loop nest over the physical dimensions of the result, with an expression in the middle.
 * Broadcasting, layout changes, transpositions and slices are all expressed by the strides of this nest.
 */

import type { Expression } from '../../../../graph/expression.ts'
import type { DType } from '../../../../graph/shape.ts'
import { collapse, dimensionsOf, type Nest, type Operand, stridesAlong } from '../../../cpu/access.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { type ElementPlace, fitsLongVectors, pushElements, storeElements } from '../../emit/elements.ts'
import { emittersOf } from '../../emit/expression.ts'
import { type AnyLanes, type Lanes, localsOf, type VectorLanes } from '../../emit/lanes.ts'
import { type Kernel, kernelFunction, kernelKindOfAnyLength } from '../../kernel.ts'

/** Elements of one unit when the whole result is one contiguous run. */
const chunk = 1024

/** Vectors per iteration of the innermost loop. */
const unroll = 4

/**
 * Computes `expression` of the inputs, broadcast to the output's shape.
 * Operand addresses: inputs, output.
 */
export function mapKernel(expression: Expression, inputs: readonly Operand[], output: Operand): Kernel {
  return nestKernel(
    expression,
    inputs.map(input => input.dtype),
    mapNest(inputs, output),
  )
}

/** The nest over an output, with the byte strides of the inputs followed by those of the output. */
export function mapNest(inputs: readonly Operand[], output: Operand): Nest {
  // The nest follows whichever operand is blocked, so that every operand's strides are regular.
  const block = Math.max(output.block, ...inputs.map(input => input.block))
  const dimensions = dimensionsOf({ ...output, block })
  const strides = [...inputs, output].map(operand => stridesAlong(operand, dimensions, output.shape))
  return { sizes: dimensions.map(dimension => dimension.size), strides }
}

/** A kernel for any nest: `nest.strides` lists the inputs, then the output. */
export function nestKernel(expression: Expression, dtypes: readonly DType[], nest: Nest): Kernel {
  const { units, ...unit } = withUnits(nest)
  return mapAlong(units, { expression, dtypes, ...unit })
}

/** A nest as code depends on it, which does not on how many units there are. */
export interface UnitNest {
  /** Sizes within a unit, at least one. */
  readonly inner: readonly number[]
  /** Byte strides of each operand from unit to unit, then within. */
  readonly strides: readonly (readonly number[])[]
}

/** An expression computed along a nest. */
interface MapSpec extends UnitNest {
  readonly expression: Expression
  /** Types of the inputs. */
  readonly dtypes: readonly DType[]
}

const mapAlong = kernelKindOfAnyLength('map', ({ expression, dtypes, inner, strides }: MapSpec) => ({
  tables: [],
  operands: strides.length,
  emit(target) {
    const { f, from, to, address } = kernelFunction(target, strides.length)
    const emitters = emittersOf(f, target.math)
    const scratch = localsOf(f)
    const row = (pointers: readonly Local[], lanes: AnyLanes, offsetOf: (operand: number) => number): void => {
      const last = inner.length
      const out = strides.length - 1
      const placeOf = (k: number): ElementPlace => ({
        address: pointers[k],
        offset: offsetOf(k),
        stride: strides[k][last],
      })
      storeElements(f, lanes, { ...placeOf(out), scratch: scratch[lanes === 1 ? 1 : 4] }, () =>
        emitters[lanes].push(expression, k => pushElements(f, lanes, dtypes[k], placeOf(k))),
      )
    }
    const fits = strides.every((along, k) => fitsLongVectors(dtypes[k] ?? 'f32', along[inner.length]))
    const longest = fits ? target.longest : undefined
    emitNest(f, { inner, strides }, { address, from, to, ...(longest && { longest }) }, row)
    return f
  },
}))

/** Cuts a nest into units: along its outermost dimension, or a single long run into pieces of equal length. */
export function withUnits(nest: Nest): UnitNest & { readonly units: number } {
  const { sizes, strides } = collapse(nest)
  const [size, ...inner] = sizes
  if (size === undefined) return { units: 1, inner: [1], strides: strides.map(() => [0, 0]) }
  if (inner.length > 0) return { units: size, inner, strides }
  const part = lengthOfPart(size)
  return { units: size / part, inner: [part], strides: strides.map(([stride]) => [stride! * part, stride!]) }
}

function lengthOfPart(size: number): number {
  const short = size < 4 * chunk ? shortParts.find(part => size % part === 0) : undefined
  return short ?? (size % chunk === 0 ? chunk : largestDivisor(size, chunk))
}

/** Lengths of the parts of short results: so the channels of most layers share a few kernels. */
const shortParts = [64, 16]

/** Largest divisor of `n` that is at most `limit`; `n` itself when all others would make tiny units. */
function largestDivisor(n: number, limit: number): number {
  for (let part = Math.min(n, limit); part >= 64; part--) if (n % part === 0) return part
  return n
}

type VectorRun<L extends AnyLanes = AnyLanes> = readonly [lanes: L, group: number, times: number]

/** A run of elements as loops over groups of vectors, single vectors and single elements. */
export function vectorRuns(size: number): VectorRun<Lanes>[] {
  return [
    [4, unroll, Math.floor(size / (4 * unroll))],
    [4, 1, Math.floor((size % (4 * unroll)) / 4)],
    [1, 1, size % 4],
  ]
}

/** The same with longer vectors first. */
function longRuns(size: number, longest: VectorLanes): VectorRun[] {
  const whole = Math.floor(size / longest)
  return [[longest, unroll, Math.floor(whole / unroll)], [longest, 1, whole % unroll], ...vectorRuns(size % longest)]
}

/** The part of a nest that one call processes. */
interface NestRange {
  /** Addresses of the operands. */
  readonly address: readonly Local[]
  /** Range of the outermost dimension. */
  readonly from: Local
  readonly to: Local
  /** Whether elements are visited one by one, without vectors. */
  readonly single?: boolean
  /** Lanes of the longest vectors, if longer ones than of four may be used. */
  readonly longest?: VectorLanes
}

/**
 * Loops over units and all but the last dimension with running pointers, and runs vectors (or single elements) along the last.
 */
export function emitNest(
  f: FunctionBuilder,
  { inner, strides }: UnitNest,
  { address, from, to, single = false, longest = 4 }: NestRange,
  row: (pointers: readonly Local[], lanes: AnyLanes, offsetOf: (operand: number) => number) => void,
): void {
  const last = inner.length
  const advance = (pointers: readonly Local[], dimension: number, steps = 1): void => {
    pointers.forEach((pointer, k) => {
      f.increment(pointer, strides[k][dimension] * steps)
    })
  }
  const level = (dimension: number, outer: readonly Local[]): void => {
    if (dimension === last) {
      innermost(outer)
      return
    }
    const pointers = f.localArray('i32', outer.length)
    const counter = f.local('i32')
    pointers.forEach((pointer, k) => {
      f.get(outer[k])
      if (dimension === 0) f.plus(from, strides[k][0])
      f.set(pointer)
    })
    const body = (): void => {
      level(dimension + 1, pointers)
      advance(pointers, dimension)
    }
    if (dimension === 0) f.for(counter, from, to, body)
    else f.for(counter, { value: 0 }, { value: inner[dimension - 1]! }, body)
  }
  const innermost = (outer: readonly Local[]): void => {
    const pointers = f.localArray('i32', outer.length)
    pointers.forEach((pointer, k) => {
      f.get(outer[k]).set(pointer)
    })
    const counter = f.local('i32')
    const size = inner[last - 1]!
    const runs: VectorRun[] = single ? [[1, 1, size]] : longest > 4 ? longRuns(size, longest) : vectorRuns(size)
    for (const [lanes, group, times] of runs) {
      f.for(counter, { value: 0 }, { value: times }, () => {
        for (let k = 0; k < group; k++) row(pointers, lanes, operand => k * lanes * strides[operand][last])
        advance(pointers, last, group * lanes)
      })
    }
  }
  level(0, address)
}
