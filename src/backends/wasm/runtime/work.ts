/**
 * How long a program takes, about, and whether several threads are worth their meeting. Estimates know shapes only and
 * nothing is timed: the same program is run in the same way everywhere. (Results do not depend on the number of threads.)
 */
import { byteSizeOf } from '../../../graph/shape.ts'
import type { Plan } from '../../../plan/plan.ts'
import { stepInputs } from '../../../plan/step.ts'
import { looksPerNanosecond, mostLooks } from './control.ts'

/** Multiply-adds a nanosecond of one thread, of kernels with plain vectors; see `wasm/kernels/channels/cost.ts`. */
const multiplyAdds = 21

/** Bytes a nanosecond of one thread that reads and writes what is in the cache. */
const bytes = 16

/**
 * What several threads cost, in nanoseconds (two threads on two cores, Node 20 and Chromium): to wake workers that sleep, which a
 * program that is run now and then finds so, and to meet at the end of a group. A thread that takes part only wakes the others and
 * begins; a page must wait until they have come and until it is told that they are done.
 */
const wakeUp = { takingPart: 50_000, waiting: 200_000 }
const meeting = 2_000

/** Share of a program's time that a thread may spin in vain, before it sleeps at once where it has to wait. */
const spinningShare = 0.1

/** The threads of an engine. */
export interface Team {
  readonly threads: number
  /** Whether the thread that calls is one of them. */
  readonly takesPart: boolean
}

/** Nanoseconds of a run on one thread, without its preparation. */
export function estimatedTime(plan: Plan): number {
  const steps = plan.groups.flatMap(group => group.steps)
  return steps.reduce((sum, step) => {
    const moved = [...stepInputs(step), ...step.outputs]
    const bytesMoved = moved.reduce((total, tensor) => total + byteSizeOf(tensor), 0)
    return sum + step.multiplyAdds / multiplyAdds + bytesMoved / bytes
  }, 0)
}

/** Whether several threads run a program sooner than one, woken from their sleep. */
export function isWorthSharing(plan: Plan, { threads, takesPart }: Team): boolean {
  const saved = estimatedTime(plan) * (1 - 1 / threads)
  return saved > (takesPart ? wakeUp.takingPart : wakeUp.waiting) + plan.groups.length * meeting
}

/** Looks that a thread may take in vain during one run: those of one full wait at least. */
export function patienceFor(plan: Plan): number {
  return Math.round(Math.max(mostLooks, estimatedTime(plan) * spinningShare * looksPerNanosecond))
}
