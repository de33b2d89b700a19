/**
 * The page's frames. While one is drawn, a training on the same cores rests: taken together, a step and a frame each take two to
 * three times as long, for threads that wait for each other are put off as well.
 */
import { yieldToEvents } from '../../../src/async/yieldToEvents.ts'

/** 1 while the page draws; there is none where the page has no shared memory, and so one thread that trains. */
export const drawing = globalThis.crossOriginIsolated ? new Int32Array(new SharedArrayBuffer(4)) : undefined

/**
 * Holds the training back until the page has done what it does now, and painted it if this is a frame.
 * @param drawn called then, with what it took, in milliseconds
 */
export function holdTraining(drawn?: (took: number) => void): void {
  const began = performance.now()
  if (drawing) Atomics.store(drawing, 0, 1)
  // The next turn comes when the frame is painted.
  void yieldToEvents().then(() => {
    if (drawing) {
      Atomics.store(drawing, 0, 0)
      Atomics.notify(drawing, 0)
    }
    drawn?.(performance.now() - began)
  })
}

/** Draws with the next frame. @param drawn called when it is laid out and painted, with what that took, in milliseconds */
export function nextFrame(draw: () => void, drawn?: (took: number) => void): void {
  requestAnimationFrame(() => {
    holdTraining(drawn)
    draw()
  })
}
