/**
 * Reductions: sums, maxima and minima along any axes of a value, or of an expression of several values that is never
 * stored. If the innermost dimension is kept, lanes are neighboring results; if it is reduced, lanes are terms of one
 * result, combined at the end.
 */

import type { Expression } from '../../../../graph/expression.ts'
import type { Reduction } from '../../../../graph/ops/reduce.ts'
import { bytesPerElement, type Shape, sameShape } from '../../../../graph/shape.ts'
import { type Dimension, dimensionsOf, type Operand, stridesAlong } from '../../../cpu/access.ts'
import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { pushElements, storeElements } from '../../emit/elements.ts'
import { ExpressionEmitter } from '../../emit/expression.ts'
import { type Lanes, typeOf } from '../../emit/lanes.ts'
import { type KernelModule, kernelFunction, kernelKind } from '../../kernel.ts'
import { EpilogueEmitter, type EpilogueSpec } from './epilogue.ts'
import { LongSum, runTerms, sumRuns } from './longSums.ts'

const start: Record<Reduction, number> = { sum: 0, max: Number.NEGATIVE_INFINITY, min: Number.POSITIVE_INFINITY }
const fold = { sum: 'add', max: 'max', min: 'min' } as const satisfies Record<Reduction, string>

/** Running totals of a long sum. */
const accumulators = 4

/** What is reduced. */
export interface ReduceSpec {
  readonly fn: Reduction
  readonly axes: readonly number[]
  /** Shape of the expression. */
  readonly shape: Shape
  /** The reduced expression of `operands`. */
  readonly expression: Expression
  readonly operands: readonly Operand[]
  readonly epilogue: EpilogueSpec
  /** Samples per block of a result stored in blocks; 0 for row-major results. */
  readonly block: number
  /**
   * Parts into which axis 2 is cut. Axis 0 and the parts are then kept as leading axes of the result, whose partial
   * results a second reduction combines. There is no epilogue then.
   */
  readonly parts?: number
}

/** A loop over a dimension of the reduced expression. */
interface Loop {
  readonly size: number
  /** Byte strides of the operands. */
  readonly strides: readonly number[]
  /** The dimension of the result that it walks along; none when the dimension is reduced. */
  readonly kept?: Dimension
  /** Byte stride in the result; 0 when the dimension is reduced. */
  readonly out: number
}

/**
 * The loops follow the memory order of an operand, the stores that of the result: the kept axes row-major, or in blocks
 * of samples.
 * Operand addresses: operands, epilogue operands, result.
 */
export const reduceKernel = kernelKind('reduce', (spec: ReduceSpec) => {
  const geometry = geometryOf(spec)
  return {
    units: geometry.units,
    tables: [],
    operands: addressesOf(spec),
    emit: target => new ReduceEmitter(target, spec, geometry).emit(),
  }
})

const addressesOf = ({ operands, epilogue }: ReduceSpec): number => operands.length + epilogue.operands.length + 1

/** The loops of a reduction, and the direction of its lanes. */
interface Geometry {
  readonly result: Operand
  /** Loops over the kept dimensions, and over the reduced ones. */
  readonly kept: readonly Loop[]
  readonly terms: readonly Loop[]
  /** The loop along which lanes run. */
  readonly last: Loop
  readonly lanes: Lanes
  /** Whether lanes are separate results; otherwise they are terms. */
  readonly laneIsKept: boolean
  /** Vectors of results that are computed side by side, and the number of results in them. */
  readonly vectors: number
  readonly width: number
  /** Number of running totals per result, which hide the latency of additions; it depends only on the shape. */
  readonly ways: number
  /** Terms per step along the last loop. */
  readonly lastStep: number
  /** Where long sums are cut into runs. */
  readonly runs: ReturnType<typeof runsOf> | undefined
  readonly units: number
}

function geometryOf(spec: ReduceSpec): Geometry {
  const { fn, operands } = spec
  const result = resultOf(spec)
  const loops = loopsOf(spec, result)
  const kept = loops.filter(loop => loop.kept)
  const terms = mergeTerms(loops)
  const inner = loops.at(-1) ?? emptyLoop(operands.length)
  const last = inner.kept ? inner : (terms.at(-1) ?? inner)
  const contiguous = last.strides.every((stride, k) => stride === 0 || stride === bytesPerElement[operands[k].dtype])
  const lanes: Lanes = last.size % 4 === 0 && contiguous ? 4 : 1
  const laneIsKept = lanes === 4 && last.kept !== undefined
  const vectors = laneIsKept ? ([4, 3, 2, 1].find(count => last.size % (4 * count) === 0) as number) : 1
  const width = laneIsKept ? 4 * vectors : 1
  const ways = lanes === 4 && !laneIsKept && last.size % (4 * accumulators) === 0 ? accumulators : 1
  const lastStep = lanes === 4 && !laneIsKept ? 4 * ways : 1
  const runs = fn === 'sum' ? runsOf(terms, lastStep) : undefined
  const outer = kept[0]
  // The kept lane dimension advances several vectors at a time; threads divide the outermost kept dimension.
  const splitLanes = laneIsKept && kept.length === 1
  const units = outer ? (splitLanes ? outer.size / width : outer.size) : 1
  return { result, kept, terms, last, lanes, laneIsKept, vectors, width, ways, lastStep, runs, units }
}

/** Writes the function of a reduction: loops over the kept dimensions, and inside them loops over the reduced ones. */
class ReduceEmitter {
  readonly #spec: ReduceSpec
  readonly #geometry: Geometry
  readonly #f: FunctionBuilder
  readonly #range: { readonly from: Local; readonly to: Local }
  readonly #bases: readonly Local[]
  readonly #result: Local
  readonly #finish: EpilogueEmitter
  readonly #expression: ExpressionEmitter
  /** Running totals; for a sum cut into runs, those of the current run. */
  readonly #sums: readonly LongSum[]
  readonly #totals: readonly Local[]
  readonly #single: Local
  readonly #scratch: Local
  /** Indices of the loops over the kept dimensions. */
  readonly #place: readonly Local[]

  constructor(target: KernelModule, spec: ReduceSpec, geometry: Geometry) {
    const { operands, epilogue } = spec
    const { kept, result, lanes, ways, vectors, runs } = geometry
    const { f, from, to, address } = kernelFunction(target, addressesOf(spec))
    this.#spec = spec
    this.#geometry = geometry
    this.#f = f
    this.#range = { from, to }
    this.#bases = address.slice(0, operands.length)
    this.#result = address[address.length - 1]
    const extras = address.slice(operands.length, -1)
    const dimensions = kept.flatMap(loop => loop.kept ?? [])
    this.#finish = new EpilogueEmitter(f, target.math, { epilogue, result, dimensions, bases: extras })
    this.#expression = new ExpressionEmitter(f, target.math, lanes)
    this.#sums = runs ? Array.from({ length: ways * vectors }, () => new LongSum(f, lanes)) : []
    this.#totals = runs ? this.#sums.map(sum => sum.run) : f.localArray(typeOf(lanes), ways * vectors)
    this.#single = f.local('f32')
    this.#scratch = f.local('v128')
    this.#place = kept.map(() => f.local('i32'))
  }

  emit(): FunctionBuilder {
    const f = this.#f
    const everything = (): void => this.#eachKept(0, this.#bases, this.#result)
    // Without a kept dimension there is only one unit: the thread that gets it computes everything.
    if (this.#geometry.kept.length > 0) everything()
    else f.get(this.#range.from).get(this.#range.to).op('i32.lt_s').if(everything)
    return f
  }

  /** The kept loops from `depth` inward, with pointers to operands and result; a call covers its share of the first. */
  #eachKept(depth: number, pointers: readonly Local[], out: Local): void {
    const { kept, width } = this.#geometry
    if (depth === kept.length) {
      this.#foldTerms(pointers)
      this.#joinTotals()
      this.#store(out)
      return
    }
    const f = this.#f
    const loop = kept[depth]
    const step = depth === kept.length - 1 ? width : 1
    const share = depth === 0 ? this.#share(step) : undefined
    const inner = this.#copy(pointers)
    const innerOut = f.local('i32')
    f.get(out).set(innerOut)
    if (share) {
      inner.forEach((pointer, k) => {
        f.address(pointer, [share.first, loop.strides[k]]).set(pointer)
      })
      f.address(out, [share.first, loop.out]).set(innerOut)
    }
    const body = (): void => {
      this.#eachKept(depth + 1, inner, innerOut)
      this.#advance(inner, loop, step)
      f.increment(innerOut, loop.out * step)
    }
    f.for(this.#place[depth], share?.first ?? { value: 0 }, share?.end ?? { value: loop.size }, body, step)
  }

  /** The range of the outermost kept dimension covered by this call, in elements. */
  #share(step: number): { first: Local; end: Local } {
    const f = this.#f
    const { from, to } = this.#range
    if (step === 1) return { first: from, end: to }
    const first = f.local('i32')
    const end = f.local('i32')
    f.get(from).times(step).set(first).get(to).times(step).set(end)
    return { first, end }
  }

  #foldTerms(pointers: readonly Local[]): void {
    const f = this.#f
    const { runs, lanes } = this.#geometry
    for (const sum of this.#sums) sum.clear()
    if (!runs) {
      for (const total of this.#totals) {
        if (lanes === 4) f.f32x4(start[this.#spec.fn])
        else f.f32(start[this.#spec.fn])
        f.set(total)
      }
    }
    this.#eachTerm(0, pointers)
  }

  /** The reduced loops from `depth` inward. */
  #eachTerm(depth: number, outerPointers: readonly Local[]): void {
    const f = this.#f
    const { terms, lastStep, runs } = this.#geometry
    if (depth === terms.length) {
      this.#totals.forEach((total, k) => {
        this.#combine(total, () => this.#pushTerm(outerPointers, k))
      })
      return
    }
    const loop = terms[depth]
    const step = depth === terms.length - 1 ? lastStep : 1
    const inner = this.#copy(outerPointers)
    const body = (): void => {
      this.#eachTerm(depth + 1, inner)
      this.#advance(inner, loop, step)
    }
    const to = { value: loop.size }
    if (depth === runs?.depth) sumRuns(f, this.#sums, { to, length: runs.length, step }, body)
    else f.for(f.local('i32'), { value: 0 }, to, body, step)
  }

  /** Pushes the expression at `steps` steps of a vector's width from the pointers, along the last loop. */
  #pushTerm(pointers: readonly Local[], steps: number): void {
    const { expression, operands } = this.#spec
    const { last, lanes } = this.#geometry
    this.#expression.push(expression, k => {
      const stride = last.strides[k]
      const place = { address: pointers[k], offset: steps * lanes * stride, stride }
      pushElements(this.#f, lanes, operands[k].dtype, place)
    })
  }

  #combine(into: Local, pushElement: () => void): void {
    const f = this.#f
    const operation = fold[this.#spec.fn]
    f.get(into)
    pushElement()
    f.op(this.#geometry.lanes === 4 ? `f32x4.${operation}` : `f32.${operation}`).set(into)
  }

  #advance(pointers: readonly Local[], loop: Loop, steps: number): void {
    pointers.forEach((pointer, k) => {
      this.#f.increment(pointer, loop.strides[k] * steps)
    })
  }

  #copy(pointers: readonly Local[]): Local[] {
    return pointers.map(pointer => {
      const copy = this.#f.local('i32')
      this.#f.get(pointer).set(copy)
      return copy
    })
  }

  /** Combines the totals of one result, in an order that does not depend on the number of threads. */
  #joinTotals(): void {
    const f = this.#f
    const { laneIsKept, lanes, runs } = this.#geometry
    const totals = this.#totals
    const sums = this.#sums
    if (laneIsKept) {
      sums.forEach((sum, v) => {
        sum.push()
        f.set(totals[v])
      })
      return
    }
    if (runs) {
      for (const sum of sums.slice(1)) sums[0].join(sum)
      sums[0].pushTotal()
    } else {
      const [total] = totals
      const operation = fold[this.#spec.fn]
      for (const each of totals.slice(1)) this.#combine(total, () => f.get(each))
      f.get(total)
      if (lanes === 4) {
        // (a0 ∘ a2) ∘ (a1 ∘ a3)
        f.get(total).get(total).shuffle32([2, 3, 2, 3]).op(`f32x4.${operation}`).tee(total).extractLane(0)
        f.get(total).extractLane(1).op(`f32.${operation}`)
      }
    }
    f.set(this.#single)
  }

  #store(out: Local): void {
    const f = this.#f
    const { kept, last, laneIsKept } = this.#geometry
    const finish = this.#finish
    finish.locate(this.#place)
    const here = kept.map(() => 0)
    if (laneIsKept) {
      this.#totals.forEach((total, v) => {
        const place = { address: out, offset: v * 4 * last.out, stride: last.out, scratch: this.#scratch }
        storeElements(f, 4, place, () => finish.push(4, [...here.slice(0, -1), v * 4], () => f.get(total)))
      })
      return
    }
    const single = this.#single
    const place = { address: out, offset: 0, scratch: single }
    storeElements(f, 1, place, () => finish.push(1, here, () => f.get(single)))
  }
}

const emptyLoop = (operands: number): Loop => ({ size: 1, strides: new Array<number>(operands).fill(0), out: 0 })

/** Represents the parts in a list of axes. */
const partAxis = -1

/** The axes of the result: the kept ones, with the parts after axis 0. */
function keptAxes({ axes, shape, parts }: ReduceSpec): number[] {
  const kept = shape.map((_, axis) => axis).filter(axis => !axes.includes(axis))
  return parts === undefined ? kept : [0, partAxis, ...kept.filter(axis => axis > 0)]
}

/** The stored result. */
function resultOf(spec: ReduceSpec): Operand {
  const { shape, block, parts = 1 } = spec
  return { shape: keptAxes(spec).map(axis => (axis === partAxis ? parts : shape[axis])), dtype: 'f32', block }
}

/** The operand whose memory the loops follow: a blocked one, else a volume stored channels last, else a row-major one. */
function leadOf({ shape, operands, block }: ReduceSpec): Operand {
  const channelsLast = operands.some(operand => operand.channelsLast && sameShape(operand.shape, shape))
  return { shape, dtype: 'f32', block: Math.max(block, ...operands.map(operand => operand.block)), channelsLast }
}

/** Loops over the dimensions in memory order, outermost first; two loops for axis 2 when it is cut into parts. */
function loopsOf(spec: ReduceSpec, result: Operand): Loop[] {
  const { shape, operands, parts } = spec
  const axes = keptAxes(spec)
  const dimensions = dimensionsOf(leadOf(spec))
  const strides = operands.map(operand => stridesAlong(operand, dimensions, shape))
  const walk = (dimension: Dimension, own: readonly number[]): Loop => {
    const { axis, size } = dimension
    if (!axes.includes(axis)) return { size, strides: own, out: 0 }
    const kept = { ...dimension, axis: axes.indexOf(axis) }
    return { size, strides: own, kept, out: stridesAlong(result, [kept], result.shape)[0] }
  }
  return dimensions.flatMap((dimension, d) => {
    const own = strides.map(list => list[d])
    if (dimension.axis !== 2 || parts === undefined) return [walk(dimension, own)]
    const size = dimension.size / parts
    const apart = own.map(stride => stride * size)
    return [walk({ axis: partAxis, size: parts, stride: 1 }, apart), walk({ ...dimension, size }, own)]
  })
}

/** The reduced loops, merging neighbors that are contiguous in the memory of every operand. */
function mergeTerms(loops: readonly Loop[]): Loop[] {
  const merged: Loop[] = []
  loops.forEach((loop, d) => {
    if (loop.kept) return
    const before = merged[merged.length - 1]
    const adjacent = d > 0 && !loops[d - 1].kept
    if (before && adjacent && before.strides.every((stride, k) => stride === loop.strides[k] * loop.size)) {
      merged[merged.length - 1] = { ...loop, size: before.size * loop.size }
    } else merged.push(loop)
  })
  return merged
}

/** Where a long sum is cut into runs: the loop, and how many of its iterations make a run. */
interface Runs {
  readonly depth: number
  readonly length: number
}

/** The runs of a sum over loops, the last of which advances by `lastStep`; undefined when it is at most one run. */
function runsOf(terms: readonly Loop[], lastStep: number): Runs | undefined {
  let inside = 1
  for (let depth = terms.length - 1; depth >= 0; depth--) {
    const iterations = Math.ceil(terms[depth].size / (depth === terms.length - 1 ? lastStep : 1))
    if (inside * iterations > runTerms) return { depth, length: Math.max(1, Math.floor(runTerms / inside)) }
    inside *= iterations
  }
  return undefined
}
