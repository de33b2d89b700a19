/**
 * How often something is done beside the training: it may take a share of the time, kept by what it has cost so far, and is never
 * put off for longer than a while. The first times are free, so that the beginning, where most changes, is seen well.
 */

/** Options of {@link Pace}. */
export interface PaceOptions {
  /** Of the time. */
  readonly share: number
  /** Milliseconds that may be spent before the share counts, at the beginning and after a rest. */
  readonly advance: number
  /** Milliseconds between two times, at least and at most. */
  readonly shortest?: number
  readonly longest: number
}

/** What was spent, and what may be. All times are milliseconds of one clock. */
export class Pace {
  readonly #options: PaceOptions
  /** What may be spent; below zero it has to be waited for. */
  #credit: number
  #countedAt = 0
  #spentAt = Number.NEGATIVE_INFINITY

  constructor(options: PaceOptions) {
    this.#options = options
    this.#credit = options.advance
  }

  /** Whether it is time. */
  allows(now: number): boolean {
    const { share, advance, shortest = 0, longest } = this.#options
    this.#credit = Math.min(advance, this.#credit + share * (now - this.#countedAt))
    this.#countedAt = now
    const since = now - this.#spentAt
    return since >= longest || (since >= shortest && this.#credit >= 0)
  }

  /** It was done, or has cost more than was known. */
  spend(milliseconds: number, now: number): void {
    this.#credit -= milliseconds
    this.#spentAt = now
  }
}
