/**
 * Lines of training: the first one, and a fork that leaves it at a moment where something was changed in its past. A line is its
 * losses, step by step, and what was changed on the way.
 */
import type { Intervention } from './recipe.ts'

/** A line of training. */
export interface Line {
  readonly interventions: readonly Intervention[]
  /** Loss of each step's batch, before the step. */
  readonly losses: number[]
}

/** The line that is looked at, and the other one where there are two. */
export class Lines {
  #base: Line = { interventions: [], losses: [] }
  #fork: (Line & { readonly from: number }) | undefined
  #onFork = false

  get base(): Line {
    return this.#base
  }

  /** The fork, with the step at which it leaves the first line. */
  get fork(): (Line & { readonly from: number }) | undefined {
    return this.#fork
  }

  get current(): Line {
    return this.#onFork && this.#fork ? this.#fork : this.#base
  }

  get isOnFork(): boolean {
    return this.#onFork
  }

  /** Steps that the current line has been trained for. */
  get head(): number {
    return this.current.losses.length
  }

  /** Begins with what a link says was changed. */
  begin(interventions: readonly Intervention[]): void {
    this.#base = { interventions, losses: [] }
    this.#fork = undefined
    this.#onFork = false
  }

  /** Takes the losses of the steps that follow `from`. Steps that were taken again have the same. */
  record(from: number, losses: ArrayLike<number>): void {
    const own = this.current.losses
    for (let k = 0; k < losses.length; k++) own[from + k] = losses[k]!
  }

  /**
   * Something was changed after `at` steps. In the past of a line that begins a fork; a fork of a fork takes its place, and
   * the first line stays.
   */
  change(at: number, interventions: readonly Intervention[]): void {
    const { losses } = this.current
    if (at >= losses.length) {
      if (this.#onFork && this.#fork) this.#fork = { ...this.#fork, interventions }
      else this.#base = { ...this.#base, interventions }
      return
    }
    const from = this.#onFork && this.#fork ? Math.min(at, this.#fork.from) : at
    this.#fork = { from, interventions, losses: losses.slice(0, at) }
    this.#onFork = true
  }

  /** Looks at the first line again. */
  leaveFork(): void {
    this.#onFork = false
  }

  /** Looks at the fork again, if there is one. */
  enterFork(): void {
    this.#onFork = this.#fork !== undefined
  }
}
