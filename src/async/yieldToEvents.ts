/** Lets the event loop turn between two pieces of work: timers, signals, screens and other callers stay alive while a loop computes. */

/** Resolves after one turn of the event loop. */
export function yieldToEvents(): Promise<void> {
  return new Promise(resolve => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve)
      return
    }
    // A message takes its turn immediately; browsers hold timers back for four milliseconds.
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}

/** Longest time in milliseconds for which work holds the event loop: a screen shows 60 frames a second. */
const longestHold = 8

/** The next turn of the event loop that is waited for, and since when. */
let next: Promise<void> | undefined
let since = 0

/**
 * To be awaited after each piece of work of an endless series. Nothing happens as long as the event loop turns by itself; when it has
 * not for {@link longestHold}, because promises that are settled at once follow each other, this resolves after its next turn.
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
