/**
 * Asynchronous successive halving, ASHA (Li et al. 2020, arXiv:1810.05934): many trials begin with few epochs; of the
 * trials that have reached a rung, the best 1/η continue to the next one. No trial waits for a whole rung to fill.
 */

/** State of a trial. */
export interface TrialState {
  /** Scores at the rungs it has reached, in order; larger is better. */
  readonly scores: readonly number[]
  /** True while a process works on the trial, and after it has failed. */
  readonly busy: boolean
}

/** The next job: take a trial to a rung. */
export interface RungJob {
  readonly trial: number
  readonly rung: number
}

/**
 * Epochs of the rungs: the first is `least`, each one η times the one before, the last `epochs`.
 * @example rungEpochs(1, 9, 3) // [1, 3, 9]
 */
export function rungEpochs(least: number, epochs: number, factor: number): number[] {
  const rungs: number[] = []
  for (let at = least; at < epochs; at *= factor) rungs.push(Math.round(at))
  return [...new Set([...rungs, epochs])]
}

/** Options of {@link nextJob}. */
export interface HalvingOptions {
  /** Number of rungs. */
  readonly rungs: number
  /** η: one in this many trials continues to the next rung. */
  readonly factor: number
  /** Number of trials in all. */
  readonly most: number
}

/**
 * The next job, from the highest rung down: a trial among the best 1/η of its rung that has not continued, or else a
 * new trial; undefined when there is nothing to do (yet).
 *
 * @example
 * const rungs = rungEpochs(1, 9, 3)
 * const job = nextJob(trials, { rungs: rungs.length, factor: 3, most: 20 })
 * if (job) trials[job.trial].scores.push(await trainTo(rungs[job.rung], trials[job.trial]))
 */
export function nextJob(trials: readonly TrialState[], { rungs, factor, most }: HalvingOptions): RungJob | undefined {
  for (let rung = rungs - 2; rung >= 0; rung--) {
    const here = trials
      .map(({ scores, busy }, trial) => ({ trial, busy, score: scores[rung], next: scores.length === rung + 1 }))
      .filter(({ score }) => score !== undefined)
      .sort((a, b) => (b.score as number) - (a.score as number) || a.trial - b.trial)
    const promoted = here.slice(0, Math.floor(here.length / factor))
    const job = promoted.find(({ busy, next }) => next && !busy)
    if (job) return { trial: job.trial, rung: rung + 1 }
  }
  const fresh = trials.findIndex(({ scores, busy }) => scores.length === 0 && !busy)
  if (fresh >= 0) return { trial: fresh, rung: 0 }
  return trials.length < most ? { trial: trials.length, rung: 0 } : undefined
}
