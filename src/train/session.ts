/**
 * A training run and its records: its log, a checkpoint after every epoch, and the best of them. Also the ways in which
 * a run ends early: it is stopped, its score no longer improves, or its loss becomes NaN or infinite.
 */
import type { Checkpoint, Progress } from './checkpoint.ts'
import { EarlyStopping, type EarlyStoppingOptions } from './earlyStopping.ts'
import type { CheckpointEvent, EpochEvent, TrainEvent, ValidationEvent } from './events.ts'
import type { Trainer } from './trainer.ts'

/** Storage for a run, such as a `RunFolder`. */
export interface RunStore {
  /** Appends an event to the log. */
  log(event: TrainEvent): void
  /** Stores a checkpoint, which becomes the latest, and logs it. @returns the event that was logged */
  save(checkpoint: Checkpoint, options: { readonly best: boolean }): Promise<CheckpointEvent>
  /** The latest checkpoint, for finding where values became NaN or infinite. */
  load(which: 'latest'): Promise<Checkpoint>
}

/** The best epoch of a run by its validation score; part of a checkpoint's progress. */
export interface BestEpoch {
  readonly epoch: number
  readonly step: number
  readonly accuracy: number
  /** Absent in runs of old versions. */
  readonly loss?: number
}

/** The best epoch recorded in a checkpoint. */
export const bestEpoch = ({ best }: Progress): BestEpoch | undefined => best as BestEpoch | undefined

/** Input of {@link runSession}. */
export interface SessionOptions {
  readonly trainer: Trainer
  /** The events of `trainer.run()`, including the first; by default it is called here. */
  readonly events?: AsyncIterable<TrainEvent>
  readonly store: RunStore
  /** Stored with every checkpoint, JSON. */
  readonly recipe: unknown
  /** Epochs of the run, as in the trainer. */
  readonly epochs: number
  /** Whether every epoch ends with a validation event. */
  readonly hasValidation: boolean
  /** The validation score that decides the best epoch; by default that of early stopping, else `'accuracy'`. */
  readonly metric?: 'accuracy' | 'loss' | undefined
  readonly earlyStopping?: EarlyStoppingOptions | undefined
  /** Whether to repeat the steps since the last checkpoint to find the layer where numbers broke. Default: true. */
  readonly locateBreaks?: boolean
  /**
   * Called with every event, in this order, after it was logged; also with checkpoints and the notice of early
   * stopping.
   */
  readonly listeners?: readonly ((event: TrainEvent) => void)[]
  /** Progress of the checkpoint from which the run is resumed. */
  readonly progress?: Progress | undefined
  /** Pauses the run after this epoch. */
  readonly stopAfter?: number | undefined
}

/** Where a run stands after {@link runSession}. */
export interface SessionOutcome {
  /** False when the run was stopped; its state is then saved. */
  readonly finished: boolean
  /** True when it was paused by `stopAfter`. */
  readonly paused?: boolean
  readonly step: number
  readonly epoch: number
}

/** Thrown when a loss or a weight became NaN or infinite. The store contains none of these values. */
export class DivergedError extends Error {
  override readonly name = 'DivergedError'
  /** Step at which it was seen, counted from 1. */
  readonly step: number
  /** What broke: `the loss became NaN`. */
  readonly what: string
  /** Where numbers broke first, such as `the output of conv2`, when that was searched for and found. */
  readonly place: string | undefined
  /** The last checkpoint that this session saved, as its event names it. */
  readonly checkpoint: string | undefined

  constructor(step: number, what: string, place?: string, checkpoint?: string) {
    super(`training diverged: at step ${step} ${what}${place === undefined ? '' : ` (the first to break: ${place})`}`)
    this.step = step
    this.what = what
    this.place = place
    this.checkpoint = checkpoint
  }
}

/**
 * Trains to the end, or until `trainer.stop()`, which saves the state after the last step. A checkpoint is saved after
 * every epoch, and is the best one when no earlier epoch had a better validation score.
 * @throws DivergedError naming the step at which the loss or a weight became NaN or infinite, and the first layer in
 * which numbers broke; nothing is saved then.
 *
 * @example
 * const folder = await RunFolder.create('runs', 'mine', recipe)
 * const listeners = [(event: TrainEvent) => console.log(event.type)]
 * await runSession({ trainer, store: folder, recipe, epochs: 10, hasValidation: true, listeners })
 */
export function runSession(options: SessionOptions): Promise<SessionOutcome> {
  return new Session(options).run()
}

class Session {
  readonly #options: SessionOptions
  readonly #stopping: EarlyStopping | undefined
  readonly #metric: 'accuracy' | 'loss'
  #best: BestEpoch | undefined
  #saved: string | undefined

  constructor(options: SessionOptions) {
    const { earlyStopping, metric, progress } = options
    this.#options = options
    this.#stopping = earlyStopping && new EarlyStopping(earlyStopping, progress?.earlyStopping)
    this.#metric = metric ?? earlyStopping?.metric ?? 'accuracy'
    this.#best = progress && bestEpoch(progress)
  }

  async run(): Promise<SessionOutcome> {
    const { trainer, events = trainer.run(), hasValidation, stopAfter, epochs } = this.#options
    let outcome: SessionOutcome = { finished: false, step: 0, epoch: 1 }
    if (this.#stopping?.isOver) trainer.finish()
    for await (const event of events) {
      this.#notify(event)
      await this.#check(event)
      if (event.type === 'start') {
        // A run may be stopped before its first step, while features are computed.
        const { step } = event
        const done = Math.floor(step / event.stepsPerEpoch)
        // Resumed past the epoch after which it is to stop.
        if (stopAfter !== undefined && done >= stopAfter && done < epochs) {
          return { finished: false, paused: true, step, epoch: done }
        }
        outcome = { finished: false, step, epoch: done + 1 }
      } else if (event.type === 'step') outcome = { finished: false, step: event.step, epoch: event.epoch }
      else if (event.type === 'validation' || (event.type === 'epoch' && !hasValidation)) {
        await this.#endEpoch(event)
        const { step, epoch } = event
        if (stopAfter !== undefined && epoch >= stopAfter && epoch < epochs && !this.#stopping?.isOver) {
          return { finished: false, paused: true, step, epoch }
        }
      } else if (event.type === 'done') outcome = { finished: true, step: event.step, epoch: outcome.epoch }
    }
    if (!outcome.finished) await this.#save(false)
    return outcome
  }

  #notify(event: TrainEvent): void {
    this.#options.store.log(event)
    this.#tell(event)
  }

  #tell(event: TrainEvent): void {
    for (const listener of this.#options.listeners ?? []) listener(event)
  }

  /** A loss must be a number. */
  async #check(event: TrainEvent): Promise<void> {
    if (!('loss' in event) || Number.isFinite(event.loss)) return
    const which = event.type === 'validation' ? 'validation ' : ''
    throw await this.#diverged(`the ${which}loss became ${event.loss}`, event.step)
  }

  /** The state after an epoch is the state before the next one: the sums of the epoch are in the log. */
  async #endEpoch(event: EpochEvent | ValidationEvent): Promise<void> {
    const { step, epoch } = event
    const isBest = event.type === 'validation' && this.#isBest(event)
    if (isBest) this.#best = { epoch, step, accuracy: event.accuracy, loss: event.loss }
    if (event.type === 'validation') this.#stopping?.observe(event)
    await this.#save(isBest)
    if (!this.#stopping?.isOver || epoch >= this.#options.epochs) return
    this.#options.trainer.finish()
    const end = `the run ends after epoch ${epoch} with the weights of epoch ${this.#best?.epoch}`
    const message = `${this.#stopping.reason}: ${end}`
    this.#notify({ type: 'notice', kind: 'earlyStopping', step, epoch, message })
  }

  #isBest(event: ValidationEvent): boolean {
    const before = this.#best?.[this.#metric]
    if (before === undefined) return true
    return this.#metric === 'loss' ? event.loss < before : event.accuracy > before
  }

  async #save(isBest: boolean): Promise<void> {
    const { trainer, store, recipe } = this.#options
    const { tensors, progress } = await trainer.snapshot()
    for (const [path, { values }] of tensors) {
      if (values.every(Number.isFinite)) continue
      const what = `${path} has values that are NaN or infinite`
      // Of a loss that is no number the log has the step; of this it would have nothing.
      const { step, epoch } = progress
      this.#notify({ type: 'notice', kind: 'diverged', step, epoch, message: what })
      throw await this.#diverged(what, step)
    }
    const best = this.#best && { best: this.#best }
    const earlyStopping = this.#stopping && { earlyStopping: this.#stopping.state }
    const event = await store.save(
      { tensors, progress: { ...progress, ...best, ...earlyStopping }, recipe },
      { best: isBest },
    )
    this.#saved = event.file
    this.#tell(event)
  }

  async #diverged(what: string, step: number): Promise<DivergedError> {
    const { trainer, store, locateBreaks = true } = this.#options
    const from = this.#saved === undefined ? undefined : await store.load('latest')
    const place = locateBreaks ? await trainer.locateBreak(step, from).catch(() => undefined) : undefined
    return new DivergedError(step, what, place, this.#saved)
  }
}
