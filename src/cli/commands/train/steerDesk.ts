/**
 * What steers a training between two steps: commands from the Lab's page, and the noted changes of a run that is resumed. Each is an event
 * in the log of the run.
 */
import type { SteerEvent, TrainEvent } from '../../../train/events.ts'
import type { RateChange, Steering } from '../../../train/steering.ts'
import type { SteerCommand } from '../lab/steer.ts'

/** What a desk is told of its run. */
export interface DeskOptions {
  readonly steering: Steering
  /** Stores the changes of the rate, before a new one takes effect. */
  readonly store: (changes: readonly RateChange[]) => Promise<unknown>
  /** Saves and ends the run after the step. */
  readonly stop: () => void
  /** Changes that the log has already. */
  readonly logged: number
}

/** The desk. */
export class SteerDesk {
  readonly #options: DeskOptions
  /** Changes that are to be repeated, in order. */
  readonly #noted: RateChange[]
  #inbox: SteerCommand[] = []
  #wake: (() => void) | undefined
  #isPaused = false
  #isStopped = false
  #isEnded = false

  constructor(options: DeskOptions) {
    this.#options = options
    this.#noted = options.steering.changes.slice(options.logged)
  }

  /** Whether commands are no longer taken. */
  get isOver(): boolean {
    return this.#isStopped || this.#isEnded
  }

  /** Takes a command, which is followed after the step under way. */
  take(command: SteerCommand): void {
    this.#inbox.push(command)
    this.#wake?.()
  }

  /** Ends a pause: the run is stopped otherwise. */
  stop(): void {
    this.#isStopped = true
    this.#wake?.()
  }

  /** The events of a run, with those of its steering between steps. */
  async *steered(events: AsyncIterable<TrainEvent>): AsyncGenerator<TrainEvent> {
    try {
      for await (const event of events) {
        yield event
        if (event.type === 'start') yield* this.#between(event.step, 1 + Math.floor(event.step / event.stepsPerEpoch))
        else if (event.type === 'step') yield* this.#between(event.step, event.epoch)
      }
    } finally {
      this.#isEnded = true
    }
  }

  async *#between(step: number, epoch: number): AsyncGenerator<SteerEvent> {
    while (this.#noted[0] && this.#noted[0].step <= step) {
      const noted = this.#noted.shift()!
      yield { type: 'steer', action: 'rate', step, epoch, ...rateOnly(noted) }
    }
    // One step was asked for.
    for (;;) {
      const command = this.#inbox.shift()
      if (this.#isStopped) return
      if (command) {
        const isStep = yield* this.#follow(command, step, epoch)
        if (isStep) return
      } else if (this.#isPaused) await new Promise<void>(resolve => (this.#wake = resolve))
      else return
    }
  }

  /** @returns whether a single step is to be taken now */
  async *#follow(command: SteerCommand, step: number, epoch: number): AsyncGenerator<SteerEvent, boolean> {
    const { steering, store, stop } = this.#options
    const { action } = command
    if (action === 'rate') {
      const change = { step, ...rateOnly(command) }
      // What was noted for later steps was of another history.
      this.#noted.length = 0
      steering.dropAfter(step)
      await store([...steering.changes, change])
      steering.add(change)
      yield { type: 'steer', action, epoch, ...change }
      return false
    }
    // What changes nothing is no event.
    if ((action === 'pause' && this.#isPaused) || (action === 'goOn' && !this.#isPaused)) return false
    if (action === 'pause' || action === 'step') this.#isPaused = true
    if (action === 'goOn') this.#isPaused = false
    if (action === 'stop') this.#isStopped = true
    yield { type: 'steer', action, step, epoch }
    if (action === 'stop') stop()
    return action === 'step'
  }
}

const rateOnly = ({ factor, rate }: Omit<RateChange, 'step'>): Omit<RateChange, 'step'> => ({
  ...(factor !== undefined && { factor }),
  ...(rate !== undefined && { rate }),
})
