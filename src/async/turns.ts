/**
 * The queue of an engine. Runs, reads, writes and the loading of programs share one memory and the same threads, so
 * they take turns: first come, first served, one at a time.
 */

/** Runs pieces of work one after another, in the order of the calls. */
export class Turns {
  /** Turns that have not ended, including the current one. */
  #open = 0
  /** Settles when the last turn has ended; never rejects. */
  #last: Promise<unknown> = Promise.resolve()

  /** True when a turn requested now begins immediately. */
  get isFree(): boolean {
    return this.#open === 0
  }

  /**
   * Runs work as soon as all earlier turns have ended; if they already have, it starts within this call.
   * @param work an async function, which must not wait for another turn of the same queue
   * @returns the result of the work; if it fails, later turns still run.
   */
  take<T>(work: () => Promise<T>): Promise<T> {
    const { isFree } = this
    this.#open++
    const turn = isFree ? work() : this.#last.then(work)
    const end = (): void => {
      this.#open--
    }
    this.#last = turn.then(end, end)
    return turn
  }
}
