/** Lets the event loop run between two steps: timers, signals and screens stay alive while a loop computes. */

/** Resolves after one turn of the event loop. */
export function breathe(): Promise<void> {
  return new Promise(resolve => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve)
      return
    }
    // A message takes its turn at once; browsers hold timers back for four milliseconds.
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}
