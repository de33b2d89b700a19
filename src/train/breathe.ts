/** Lets the event loop run now and then: timers, signals and screens stay alive while a loop computes. */

/** Longest time between two breaths, in milliseconds. */
const interval = 25

let last = 0

/** Resolves at once most of the time, and after one turn of the event loop every 25 ms. */
export async function breathe(): Promise<void> {
  const now = performance.now()
  if (now - last < interval) return
  await new Promise<void>(resolve => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else setTimeout(resolve, 0)
  })
  last = performance.now()
}
