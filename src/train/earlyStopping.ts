/** Early stopping (Prechelt 1998): a run ends when its validation score has not improved for a while. */
import { isRecord } from '../rules/record.ts'

/** Conditions under which a run ends before its last epoch. */
export interface EarlyStoppingOptions {
  /** The validation score that must improve; `'accuracy'` by default. */
  readonly metric?: 'accuracy' | 'loss' | undefined
  /** Epochs without improvement after which it is over. */
  readonly patience: number
  /** Margin by which a score must beat the best to count, 0 by default. */
  readonly minDelta?: number | undefined
}

/**
 * Watches the scores of a run. Its state is JSON, so that a resumed run stops where it would have.
 *
 * @example
 * const stopping = new EarlyStopping({ patience: 5 })
 * let best = trainer.snapshot()
 * for await (const event of trainer.run()) {
 *   if (event.type !== 'validation') continue
 *   if (stopping.observe(event)) best = trainer.snapshot()
 *   if (stopping.isOver) trainer.finish()
 * }
 * await trainer.restore(best)
 */
export class EarlyStopping {
  readonly #options: Required<{ [K in keyof EarlyStoppingOptions]: NonNullable<EarlyStoppingOptions[K]> }>
  #best: number | undefined
  #waited = 0

  /** @param state an earlier value of `state`, to resume from */
  constructor({ metric = 'accuracy', patience, minDelta = 0 }: EarlyStoppingOptions, state?: unknown) {
    this.#options = { metric, patience, minDelta }
    if (!isRecord(state)) return
    if (typeof state.best === 'number') this.#best = state.best
    if (typeof state.waited === 'number') this.#waited = state.waited
  }

  /** Takes the score of an epoch. @returns whether it beats all earlier scores by more than `minDelta` */
  observe(score: { readonly loss: number; readonly accuracy: number }): boolean {
    const { metric, minDelta } = this.#options
    const value = score[metric]
    const gain = this.#best === undefined ? Infinity : metric === 'loss' ? this.#best - value : value - this.#best
    const isBetter = gain > minDelta
    if (isBetter) this.#best = value
    this.#waited = isBetter ? 0 : this.#waited + 1
    return isBetter
  }

  /** True when patience has run out. */
  get isOver(): boolean {
    return this.#waited >= this.#options.patience
  }

  /** Why the run is over. */
  get reason(): string {
    const { metric } = this.#options
    return `validation ${metric} has not improved for ${this.#waited} epoch${this.#waited === 1 ? '' : 's'}`
  }

  /** The state from which the constructor resumes. */
  get state(): { readonly best?: number; readonly waited: number } {
    return { ...(this.#best === undefined ? {} : { best: this.#best }), waited: this.#waited }
  }
}
