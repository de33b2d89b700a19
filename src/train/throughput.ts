/** Images per second over about the last second. */
const windowSeconds = 1

/** Counts images and measures their rate. Pauses (validation, stops) do not count. */
export class Throughput {
  #started = performance.now()
  #images = 0
  #rate = 0

  /** Adds the images of a step; returns the current rate in images per second. */
  add(images: number): number {
    this.#images += images
    const seconds = (performance.now() - this.#started) / 1000
    if (this.#rate === 0 || seconds > windowSeconds / 4) {
      const measured = this.#images / Math.max(seconds, 1e-6)
      this.#rate =
        this.#rate === 0 ? measured : this.#rate + (measured - this.#rate) * Math.min(1, seconds / windowSeconds)
      if (seconds > windowSeconds / 4) this.pause()
    }
    return this.#rate
  }

  /** Restarts the clock: the time until the next `add` counts from now. */
  pause(): void {
    this.#started = performance.now()
    this.#images = 0
  }
}
