/**
 * Reductions: sums, maxima and minima along any axes of a value in either layout. Lanes are neighbouring results where
 * the innermost dimension is kept, and terms of one result, combined at the end, where it is folded.
 */
import type { Reduction } from '../../../graph/ops/reduce.ts'
import { bytesPerElement } from '../../../graph/shape.ts'
import { type Dimension, dimensionsOf, type Operand } from '../access.ts'
import type { Local } from '../assembler.ts'
import { pushElements, storeElements } from '../elements.ts'
import { type Kernel, type KernelModule, kernelFunction } from '../kernel.ts'
import type { Lanes } from '../tile.ts'
import { EpilogueEmitter, type EpilogueSpec, epilogueKey } from './epilogue.ts'

const start: Record<Reduction, number> = { sum: 0, max: Number.NEGATIVE_INFINITY, min: Number.POSITIVE_INFINITY }
const fold = { sum: 'add', max: 'max', min: 'min' } as const satisfies Record<Reduction, string>

/** Running totals of a long sum. */
const accumulators = 4

/** A dimension of the input with what it means. */
interface Loop {
  readonly size: number
  readonly stride: number
  /** Byte stride in the result; 0 when folded. */
  readonly out: number
  /** Place among the result's dimensions, for the epilogue; −1 when folded. */
  readonly place: number
}

/**
 * Folds `axes` of x. The result has the kept axes in the order of x, in x's own layout when axis 0 is kept and x is
 * blocked, else row-major. Operand addresses: x, epilogue operands, result.
 */
export function reduceKernel(
  fn: Reduction,
  axes: readonly number[],
  x: Operand,
  output: Operand,
  epilogue: EpilogueSpec,
): Kernel {
  const folded = new Set(axes)
  const dimensions = dimensionsOf(x)
  // Kept axes keep their order, so the kept dimensions of x are the dimensions of the result (sizes of 1 aside).
  const outShape = x.shape.filter((_, axis) => !folded.has(axis))
  const outDimensions = dimensionsOf({ shape: outShape, dtype: 'f32', block: folded.has(0) ? 0 : x.block })
  const inStrides = denseStrides(dimensions, bytesPerElement[x.dtype])
  const outStrides = denseStrides(outDimensions, 4)
  let next = 0
  const loops: Loop[] = dimensions.map(({ axis, size }, d) => {
    if (folded.has(axis)) return { size, stride: inStrides[d], out: 0, place: -1 }
    const place = next++
    return { size, stride: inStrides[d], out: outStrides[place], place }
  })
  const kept = loops.filter(loop => loop.place >= 0)
  const terms = mergeTerms(loops)
  const last = laneLoop(loops)
  const lanes: Lanes = last.size % 4 === 0 && last.stride === bytesPerElement[x.dtype] ? 4 : 1
  const laneIsKept = lanes === 4 && last.place >= 0
  const outer = kept[0]
  // The kept lane dimension advances four at a time; the outermost kept dimension is what threads share out.
  const splitLanes = laneIsKept && kept.length === 1
  const units = outer ? (splitLanes ? outer.size / 4 : outer.size) : 1
  return {
    key: `reduce ${fn} ${JSON.stringify([axes, x, output.shape])} ${epilogueKey(epilogue)}`,
    units,
    tables: [],
    operands: 2 + epilogue.operands.length,
    emit(target: KernelModule) {
      const operands = 2 + epilogue.operands.length
      const { f, from, to, address } = kernelFunction(target, operands)
      const finish = new EpilogueEmitter(f, target.math, epilogue, outDimensions, outShape, address.slice(1, -1))
      const type = lanes === 4 ? 'v128' : 'f32'
      // Several running totals hide the latency of the addition; their number depends on the shape only.
      const ways = lanes === 4 && !laneIsKept && last.size % (4 * accumulators) === 0 ? accumulators : 1
      const totals = f.localArray(type, ways)
      const [total] = totals
      const single = f.local('f32')
      const scratch = f.local('v128')
      const place = kept.map(() => f.local('i32'))
      const width = lanes

      const combine = (into: Local, pushElement: () => void): void => {
        f.get(into)
        pushElement()
        f.op(lanes === 4 ? `f32x4.${fold[fn]}` : `f32.${fold[fn]}`).set(into)
      }
      const foldTerms = (pointer: Local): void => {
        for (const each of totals) {
          if (lanes === 4) f.f32x4(start[fn])
          else f.f32(start[fn])
          f.set(each)
        }
        const level = (depth: number, outerPointer: Local): void => {
          if (depth === terms.length) {
            totals.forEach((into, k) => {
              combine(into, () => pushElements(f, lanes, x.dtype, outerPointer, k * 4 * last.stride, last.stride))
            })
            return
          }
          const loop = terms[depth]
          const inner = f.local('i32')
          const counter = f.local('i32')
          const step = lanes === 4 && !laneIsKept && depth === terms.length - 1 ? 4 * ways : 1
          f.get(outerPointer).set(inner)
          f.for(
            counter,
            { value: 0 },
            { value: loop.size },
            () => {
              level(depth + 1, inner)
              f.increment(inner, loop.stride * step)
            },
            step,
          )
        }
        level(0, pointer)
        for (const each of totals.slice(1)) combine(total, () => f.get(each))
      }
      const store = (out: Local): void => {
        const coordinates: (Local | { value: number })[] = [...place]
        finish.locate(coordinates)
        if (laneIsKept) {
          storeElements(f, 4, out, 0, 4, scratch, () =>
            finish.push(
              4,
              kept.map(() => 0),
              () => f.get(total),
            ),
          )
          return
        }
        if (lanes === 4) {
          // (a0 ∘ a2) ∘ (a1 ∘ a3): the same order for any number of threads.
          f.get(total).get(total).get(total).shuffle32([2, 3, 2, 3]).op(`f32x4.${fold[fn]}`).tee(total).extractLane(0)
          f.get(total).extractLane(1).op(`f32.${fold[fn]}`).set(single)
        } else f.get(total).set(single)
        storeElements(f, 1, out, 0, 4, single, () =>
          finish.push(
            1,
            kept.map(() => 0),
            () => f.get(single),
          ),
        )
      }
      const level = (depth: number, pointer: Local, out: Local): void => {
        if (depth === kept.length) {
          foldTerms(pointer)
          store(out)
          return
        }
        const loop = kept[depth]
        const step = laneIsKept && depth === kept.length - 1 ? width : 1
        const innerPointer = f.local('i32')
        const innerOut = f.local('i32')
        const counter = place[depth]
        const bounds = depth === 0 ? begin(step) : { first: { value: 0 }, end: { value: loop.size } }
        f.get(pointer).set(innerPointer).get(out).set(innerOut)
        if (depth === 0) {
          const first = bounds.first as Local
          f.get(pointer).get(first).i32(loop.stride).op('i32.mul', 'i32.add').set(innerPointer)
          f.get(out).get(first).i32(loop.out).op('i32.mul', 'i32.add').set(innerOut)
        }
        f.for(
          counter,
          bounds.first,
          bounds.end,
          () => {
            level(depth + 1, innerPointer, innerOut)
            f.increment(innerPointer, loop.stride * step)
            f.increment(innerOut, loop.out * step)
          },
          step,
        )
      }
      /** The range of the outermost kept dimension this call covers, in elements. */
      const begin = (step: number): { first: Local; end: Local } => {
        if (step === 1) return { first: from, end: to }
        const first = f.local('i32')
        const end = f.local('i32')
        f.get(from).i32(step).op('i32.mul').set(first).get(to).i32(step).op('i32.mul').set(end)
        return { first, end }
      }
      const everything = (): void => level(0, address[0], address[operands - 1])
      // Without a kept dimension there is one unit: whoever gets it does it all.
      if (kept.length > 0) everything()
      else f.get(from).get(to).op('i32.lt_s').if(everything)
      return f
    },
  }
}

/** The loop along which lanes could run: the innermost one, terms merged. */
function laneLoop(loops: readonly Loop[]): Loop {
  const last = loops[loops.length - 1]
  if (!last) return { size: 1, stride: 0, out: 0, place: -1 }
  return last.place >= 0 ? last : mergeTerms(loops).at(-1)!
}

/** The folded loops, with neighbours that are one run in memory merged into one. */
function mergeTerms(loops: readonly Loop[]): Loop[] {
  const merged: Loop[] = []
  loops.forEach((loop, d) => {
    if (loop.place >= 0) return
    const before = merged[merged.length - 1]
    const adjacent = d > 0 && loops[d - 1].place < 0
    if (before && adjacent) merged[merged.length - 1] = { ...loop, size: before.size * loop.size }
    else merged.push(loop)
  })
  return merged
}

function denseStrides(dimensions: readonly Dimension[], bytes: number): number[] {
  const strides = new Array<number>(dimensions.length)
  let stride = bytes
  for (let d = dimensions.length - 1; d >= 0; d--) {
    strides[d] = stride
    stride *= dimensions[d].size
  }
  return strides
}
