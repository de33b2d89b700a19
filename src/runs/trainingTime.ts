/**
 * How long a run has trained, from its event log; this covers all its processes, each of which knows only its own time.
 */
import type { LoggedEvent, ScalarEvent } from './eventLine.ts'

/**
 * Counts the seconds spent in the steps of a run, event by event: the time between each step and the event before it, and the time for
 * computing the features of a frozen trunk. Validation, checkpoints and pauses between processes do not count.
 */
export class TrainingClock {
  #milliseconds: number
  #last: number

  /** @param state of another clock, which this one goes on with */
  constructor({ seconds, last }: ClockState = { seconds: 0, last: Number.NaN }) {
    this.#milliseconds = 1000 * seconds
    this.#last = last ?? Number.NaN
  }

  get seconds(): number {
    return this.#milliseconds / 1000
  }

  get state(): ClockState {
    return { seconds: this.seconds, last: this.#last }
  }

  take(event: LoggedEvent | ScalarEvent): void {
    const now = Date.parse(event.time)
    const { type } = event
    // Of scalars nobody knows what was done between them.
    const counts = type === 'step' || type === 'scalar' || (type === 'notice' && event.kind === 'features')
    // A clock that was set back counts as no time.
    if (counts && now > this.#last) this.#milliseconds += now - this.#last
    this.#last = now
  }
}

/** Where a clock stands. */
export interface ClockState {
  readonly seconds: number
  /** Time of the last event in milliseconds since 1970; not a number, or null in JSON, before the first. */
  readonly last: number | null
}

/** Seconds spent in the steps of a run, as a {@link TrainingClock} counts them. */
export function trainingSeconds(events: readonly LoggedEvent[]): number {
  const clock = new TrainingClock()
  for (const event of events) clock.take(event)
  return clock.seconds
}
