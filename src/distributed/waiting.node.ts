/** How a process waits for others: first by asking again and again, then with naps in which others have the core. */
import { yieldToEvents } from '../async/yieldToEvents.ts'

/** Milliseconds of asking without naps, when every process has a core of its own; and when not. */
const alertMilliseconds = { roomy: 20, crowded: 0.02 }
/** Length of a nap. */
const napMilliseconds = 0.05
/** Longest time without a turn of the event loop, in which signals are heard. */
const holdMilliseconds = 5

const pillow = new Int32Array(new SharedArrayBuffer(4))

/**
 * Waits until something is done.
 * @param isDone asked all the time
 * @param crowded true when there are more processes than cores: who waits must not take the core from who computes
 * @param most milliseconds to wait
 * @returns false when that time is over
 */
export async function waitUntil(isDone: () => boolean, crowded: boolean, most: number): Promise<boolean> {
  const started = performance.now()
  const alert = crowded ? alertMilliseconds.crowded : alertMilliseconds.roomy
  let turned = started
  while (!isDone()) {
    const now = performance.now()
    if (now - started > most) return false
    if (now - turned > holdMilliseconds) {
      await yieldToEvents()
      turned = performance.now()
    } else if (now - started > alert) Atomics.wait(pillow, 0, 0, napMilliseconds)
  }
  return true
}
