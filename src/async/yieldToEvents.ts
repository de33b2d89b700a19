/**
 * Lets the event loop turn between two pieces of work, so that timers, signals, screens and other callers stay
 * responsive while a loop computes.
 */

/** Resolves after one turn of the event loop. */
export function yieldToEvents(): Promise<void> {
  return new Promise(resolve => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve)
      return
    }
    // A message is delivered immediately, whereas browsers delay timers by four milliseconds.
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}

/** Longest time in milliseconds for which work holds the event loop: a screen shows 60 frames per second. */
const longestHold = 8

/** The pending turn of the event loop, and the time of its request. */
let next: Promise<void> | undefined
let since = 0

/**
 * Await this after each piece of work in a long series. It returns at once as long as the event loop turns by itself.
 * If the loop has not turned for {@link longestHold}, because immediately settled promises follow each other, it
 * resolves after the next turn.
 */
export async function yieldInTime(): Promise<void> {
  if (next) {
    if (performance.now() - since >= longestHold) await next
    return
  }
  since = performance.now()
  next = yieldToEvents().then(() => {
    next = undefined
  })
}
