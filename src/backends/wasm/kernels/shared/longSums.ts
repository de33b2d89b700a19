/**
 * Long sums that stay precise: runs of a few terms are added up in single precision, and the runs in double precision.
 * A sum of any length then loses only as much precision as a run does, at the cost of a few instructions per run.
 */

import type { FunctionBuilder, Local } from '../../emit/assembler.ts'
import { type Lanes, typeOf } from '../../emit/lanes.ts'

/**
 * Terms of a run. Adding n numbers of either sign has a relative error of about 3e-8 √n: here 1e-7, as two roundings.
 */
export const runTerms = 16

/** A sum of elements, or a lane-by-lane sum of vectors. */
export class LongSum {
  /** Total of the current run, f32 or f32x4: terms are added here. */
  readonly run: Local
  readonly #f: FunctionBuilder
  readonly #lanes: Lanes
  /** Total of the earlier runs: f64, or two vectors of two f64 for the lower and the upper lanes. */
  readonly #before: readonly Local[]

  constructor(f: FunctionBuilder, lanes: Lanes) {
    this.#f = f
    this.#lanes = lanes
    this.run = f.local(typeOf(lanes))
    this.#before = lanes === 1 ? f.localArray('f64', 1) : f.localArray('v128', 2)
  }

  /** Begins the sum. */
  clear(): void {
    const f = this.#f
    const lanes = this.#lanes
    for (const part of this.#before) {
      if (lanes === 1) f.f32(0).op('f64.promote_f32').set(part)
      else f.f32x4(0).set(part)
    }
  }

  beginRun(): void {
    const f = this.#f
    const lanes = this.#lanes
    const { run } = this
    if (lanes === 1) f.f32(0).set(run)
    else f.f32x4(0).set(run)
  }

  endRun(): void {
    const f = this.#f
    const lanes = this.#lanes
    const before = this.#before
    const { run } = this
    before.forEach((part, half) => {
      f.get(part).get(run)
      if (half === 1) f.get(run).shuffle32([2, 3, 2, 3])
      if (lanes === 1) f.op('f64.promote_f32', 'f64.add')
      else f.op('f64x2.promote_low_f32x4', 'f64x2.add')
      f.set(part)
    })
  }

  /** Adds another sum. */
  join(other: LongSum): void {
    this.#before.forEach((part, half) => {
      this.#f
        .get(part)
        .get(other.#before[half])
        .op(this.#lanes === 1 ? 'f64.add' : 'f64x2.add')
        .set(part)
    })
  }

  /** Pushes the sum, rounded: f32, or f32x4. */
  push(): FunctionBuilder {
    const f = this.#f
    const lanes = this.#lanes
    const before = this.#before
    f.get(before[0])
    if (lanes === 1) return f.op('f32.demote_f64')
    return f.op('f32x4.demote_f64x2_zero').get(before[1]).op('f32x4.demote_f64x2_zero').shuffle32([0, 1, 4, 5])
  }

  /** Pushes the sum of all lanes, rounded: f32. */
  pushTotal(): FunctionBuilder {
    const f = this.#f
    const lanes = this.#lanes
    const before = this.#before
    if (lanes === 1) return this.push()
    const [low, high] = before
    f.get(low).get(high).op('f64x2.add').tee(low)
    return f.get(low).get(low).shuffle32([2, 3, 2, 3]).op('f64x2.add', 'f32x4.demote_f64x2_zero').extractLane(0)
  }
}

/** The terms of a sum, and how many of them make a run. */
export interface SumRange {
  readonly to: Local | { readonly value: number }
  readonly length: number
  /** 1 by default. */
  readonly step?: number
}

/**
 * Runs `body`, which adds a term to each sum, for 0, `step`, 2 `step`, … below `to`, and ends the runs of the sums
 * after every `length` terms.
 */
export function sumRuns(
  f: FunctionBuilder,
  sums: readonly LongSum[],
  { to, length, step = 1 }: SumRange,
  body: () => void,
): void {
  const [first, end, counter] = f.localArray('i32', 3)
  const pushEnd = (): FunctionBuilder => (typeof to === 'number' ? f.get(to) : f.i32(to.value))
  const addRun = (): void => {
    for (const sum of sums) sum.beginRun()
    f.get(first)
      .offset(length * step)
      .set(end)
    pushEnd().get(end)
    pushEnd().get(end).op('i32.lt_s', 'select').set(end)
    f.for(counter, first, end, body, step)
    for (const sum of sums) sum.endRun()
  }
  f.for(first, { value: 0 }, to, addRun, length * step)
}
