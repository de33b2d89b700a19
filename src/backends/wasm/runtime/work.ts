/**
 * About how long a program takes, and whether several threads are worth their synchronization. Estimates depend only on
 * shapes; nothing is timed, so the same program runs in the same way everywhere. (Results do not depend on the number
 * of threads.)
 */
import { byteSizeOf } from '../../../graph/shape.ts'
import type { Plan } from '../../../plan/plan.ts'
import { type Group, stepInputs } from '../../../plan/step.ts'
import { looksPerNanosecond, mostLooks } from './control.ts'

/** Multiply-adds per nanosecond and thread, in kernels with plain vectors; see `wasm/kernels/channels/cost.ts`. */
const multiplyAdds = 21

/** Bytes per nanosecond that one thread reads and writes in the cache. */
const bytes = 16

/**
 * Cost of several threads, in nanoseconds (two threads on two cores, Node 20 and Chromium): waking sleeping workers,
 * which a program that runs only now and then has to do, and synchronizing at the end of a group. A thread that takes
 * part only wakes the others and begins; a page must wait until they have started and until it hears that they are
 * done.
 */
const wakeUp = { takingPart: 50_000, waiting: 200_000 }
const meeting = 2_000

/** Share of a program's time that a thread may spin in vain; after that, it sleeps at once when it has to wait. */
const spinningShare = 0.1

/** The threads of an engine. */
export interface Team {
  readonly threads: number
  /** Whether the calling thread is one of them. */
  readonly takesPart: boolean
}

/** Nanoseconds of a run on one thread, without its preparation. */
export const estimatedTime = ({ groups }: Plan): number => groups.reduce((sum, group) => sum + timeOf(group), 0)

/** Nanoseconds of a group on one thread. */
export function timeOf({ steps }: Group): number {
  return steps.reduce((sum, step) => {
    const moved = [...stepInputs(step), ...step.outputs]
    const bytesMoved = moved.reduce((total, tensor) => total + byteSizeOf(tensor), 0)
    return sum + step.multiplyAdds / multiplyAdds + bytesMoved / bytes
  }, 0)
}

/** Whether several threads, which must be woken first, run a program faster than one. */
export function isWorthSharing(plan: Plan, { threads, takesPart }: Team): boolean {
  const saved = estimatedTime(plan) * (1 - 1 / threads)
  return saved > (takesPart ? wakeUp.takingPart : wakeUp.waiting) + plan.groups.length * meeting
}

/** Most polls that count as patience: a second or so, well within a signed 32-bit number. */
const mostPatience = 2 ** 30

/** Polls that a thread may spend in vain during one run: at least those of one full wait. */
export function patienceFor(plan: Plan): number {
  const patience = Math.round(estimatedTime(plan) * spinningShare * looksPerNanosecond)
  return Math.min(mostPatience, Math.max(mostLooks, patience))
}
