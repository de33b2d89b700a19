/** The fields in which the recipes of some runs differ, asked for whenever the runs are other ones. */
import { signal } from '@preact/signals'
import type { Difference } from '../../../../src/runs/differences.ts'
import type { RunsSource } from './source.ts'

/** The comparison. */
export class ComparedRecipes {
  readonly found = signal<readonly Difference[]>([])
  readonly #source: RunsSource
  #asked = ''

  constructor(source: RunsSource) {
    this.#source = source
  }

  /** Asks, unless these were asked for last. @param keys of runs, in the order of the values */
  ask(keys: readonly number[]): void {
    const asked = keys.join(',')
    if (asked === this.#asked) return
    this.#asked = asked
    if (keys.length < 2) {
      this.found.value = []
      return
    }
    this.#source.differences(keys).then(
      found => {
        if (asked === this.#asked) this.found.value = found
      },
      () => {
        if (asked === this.#asked) this.#asked = ''
      },
    )
  }
}
