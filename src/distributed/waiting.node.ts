/**
 * How a process waits for others: first by asking again and again, then with naps in which others have the core. One that
 * computes meanwhile asks whenever the event loop turns.
 */
import { yieldToEvents } from '../async/yieldToEvents.ts'

/** Milliseconds of asking without naps, when every process has a core of its own; and when not. */
const alertMilliseconds = { roomy: 20, crowded: 0.02 }
/** Length of a nap. */
const napMilliseconds = 0.05
/** Longest time without a turn of the event loop, in which signals are heard. */
const holdMilliseconds = 5
/** Questions in a turn while the process computes: MPI moves data only when it is asked, some of it each time. */
const questionsInPassing = 16

const pillow = new Int32Array(new SharedArrayBuffer(4))

/** Who waits. */
export interface Waiter {
  /** True when there are more processes than cores: who waits must not take the core from who computes. */
  readonly crowded: boolean
  /** Whether the process computes at the moment; that time does not count. */
  readonly computes: () => boolean
}

/**
 * Waits until something is done.
 * @param isDone asked all the time
 * @param most milliseconds to wait
 * @returns false when that time is over
 */
export async function waitUntil(isDone: () => boolean, { crowded, computes }: Waiter, most: number): Promise<boolean> {
  let started = performance.now()
  const alert = crowded ? alertMilliseconds.crowded : alertMilliseconds.roomy
  let turned = started
  while (!isDone()) {
    if (computes()) {
      for (let asked = 1; asked < questionsInPassing; asked++) if (isDone()) return true
      await yieldToEvents()
      started = turned = performance.now()
      continue
    }
    const now = performance.now()
    if (now - started > most) return false
    if (now - turned > holdMilliseconds) {
      await yieldToEvents()
      turned = performance.now()
    } else if (now - started > alert) Atomics.wait(pillow, 0, 0, napMilliseconds)
  }
  return true
}
