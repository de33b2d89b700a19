/**
 * The queue of an engine. Runs, reads, writes and the loading of programs share one memory and the same threads, so each
 * takes its turn: first come, first served, one at a time.
 */

/** Work that is done one piece after another, in the order of the calls. */
export class Turns {
  /** Turns that have not ended, the one under way included. */
  #open = 0
  /** Settles, and never rejects, when the last of them has ended. */
  #last: Promise<unknown> = Promise.resolve()

  /** True when a turn requested now begins immediately. */
  get isFree(): boolean {
    return this.#open === 0
  }

  /**
   * Does some work when everything requested before has ended: within this call if that is already so.
   * @param work an async function, which must not wait for another turn of the same queue
   * @returns what the work gives; when it fails, the turns after it still come.
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
