/**
 * Changes of the learning rate while a run is trained, each noted with its step. The rate of a step is a function of recipe and changes
 * alone, so that a run which repeats them has the same weights.
 */

/** A change of the learning rate. */
export interface RateChange {
  /** Steps taken before it: the next one is the first that it touches. */
  readonly step: number
  /** Times the rate of the schedule, from now on; 1 goes back to the schedule. */
  readonly factor?: number
  /** A rate in place of the schedule's, from now on. */
  readonly rate?: number
}

/** The least and the largest factor, and rate. */
const factorRange = [1e-4, 1e4] as const
const rateRange = [1e-12, 1e3] as const

/** What is wrong with a change; undefined when nothing is. */
export function changeProblem({ step, factor, rate }: Readonly<Record<string, unknown>>): string | undefined {
  if (!Number.isSafeInteger(step) || (step as number) < 0) return `step (=${String(step)}) must be a whole number`
  if ((factor === undefined) === (rate === undefined)) return 'expected a factor or a rate'
  const [name, value, [least, most]] =
    rate === undefined ? (['factor', factor, factorRange] as const) : (['rate', rate, rateRange] as const)
  if (typeof value === 'number' && value >= least && value <= most) return undefined
  return `${name} (=${String(value)}) must be a number from ${least} to ${most}`
}

/** The changes of a run, in order. */
export class Steering {
  readonly #changes: RateChange[] = []

  /** @throws RangeError for a change that is none, or that is before the one before it. */
  constructor(changes: readonly RateChange[] = []) {
    for (const change of changes) this.add(change)
  }

  get changes(): readonly RateChange[] {
    return this.#changes
  }

  /** Adds a change. @throws RangeError as the constructor */
  add(change: RateChange): void {
    const problem = changeProblem({ ...change })
    if (problem !== undefined) throw new RangeError(`steering: ${problem}`)
    const before = this.#changes.at(-1)?.step ?? 0
    if (change.step < before)
      throw new RangeError(`steering: step (=${change.step}) is before that of the last change, ${before}`)
    this.#changes.push(change)
  }

  /** Forgets changes at later steps than this. */
  dropAfter(step: number): void {
    while ((this.#changes.at(-1)?.step ?? 0) > step) this.#changes.pop()
  }

  /** The rate of a step, counted from 0. @param scheduled that of the schedule */
  rateOf(step: number, scheduled: number): number {
    const change = this.#changes.findLast(one => one.step <= step)
    return change?.rate ?? scheduled * (change?.factor ?? 1)
  }
}
