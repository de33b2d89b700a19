/** What the log of a run says of it, event by event, but for its single steps: scores, notices, and how far it is. */
import { type NoticeEvent, steerWords } from '../../train/events.ts'
import type { LoggedEvent, ScalarEvent } from '../eventLine.ts'
import { type ClockState, TrainingClock } from '../trainingTime.ts'

/** A score after an epoch, on images that were held out. */
export interface StoryScore {
  readonly step: number
  readonly epoch: number
  readonly loss: number
  readonly accuracy: number
  readonly seconds: number
}

/** A notice, or what broke the run. */
export interface StoryNotice {
  readonly kind: NoticeEvent['kind'] | 'broken' | 'damaged' | 'steer'
  readonly step: number
  readonly seconds: number
  readonly message: string
}

/** What is known after some events. */
export interface Story {
  /** Epochs in total, and steps in each; 0 before the run has begun. */
  readonly epochs: number
  readonly stepsPerEpoch: number
  /** Steps that were taken, and the epoch of the last one. */
  readonly step: number
  readonly epoch: number
  /** ISO 8601 in UTC; empty before the first event. */
  readonly began: string
  readonly clock: ClockState
  readonly scores: readonly StoryScore[]
  readonly notices: readonly StoryNotice[]
  readonly isDone: boolean
  /** Whether somebody has paused it, and the learning rate of its last step. */
  readonly isPaused: boolean
  readonly rate: number
}

const beginning: Story = {
  epochs: 0,
  stepsPerEpoch: 0,
  step: 0,
  epoch: 0,
  began: '',
  clock: { seconds: 0, last: Number.NaN },
  scores: [],
  notices: [],
  isDone: false,
  isPaused: false,
  rate: 0,
}

const scoreOf: Partial<Record<ScalarEvent['role'], 'loss' | 'accuracy'>> = {
  validationLoss: 'loss',
  validationAccuracy: 'accuracy',
}

/** The story so far. */
export class RunStory {
  #story: Omit<Story, 'clock'>
  readonly #clock: TrainingClock
  readonly #scores: StoryScore[]
  readonly #notices: StoryNotice[]

  /** @param story to go on with */
  constructor(story: Story = beginning) {
    this.#clock = new TrainingClock(story.clock)
    this.#scores = [...story.scores]
    this.#notices = [...story.notices]
    this.#story = story
  }

  /** All of it; the arrays are those that grow. */
  get story(): Story {
    return { ...this.#story, clock: this.#clock.state, scores: this.#scores, notices: this.#notices }
  }

  /** Seconds of training until the last event. */
  get seconds(): number {
    return this.#clock.seconds
  }

  take(event: LoggedEvent | ScalarEvent): void {
    this.#clock.take(event)
    const story = this.#story
    if (story.began === '') this.#story = { ...story, began: event.time }
    const change = this.#changeBy(event)
    if (change) this.#story = { ...this.#story, ...change }
  }

  #changeBy(event: LoggedEvent | ScalarEvent): Partial<Story> | undefined {
    const { seconds } = this
    const { step } = event
    switch (event.type) {
      case 'scalar':
        this.#takeScalar(event)
        return { step: Math.max(this.#story.step, step) }
      case 'start':
        return { epochs: event.epochs, stepsPerEpoch: event.stepsPerEpoch, isDone: false, isPaused: false }
      case 'step':
        this.#check('the loss', event)
        return { step, epoch: event.epoch, rate: event.learningRate }
      case 'validation': {
        const { epoch, loss, accuracy } = event
        this.#scores.push({ step, epoch, loss, accuracy, seconds })
        this.#check('the validation loss', event)
        return undefined
      }
      case 'notice':
        if (event.kind === 'diverged') this.#break(event.message, step)
        else this.#notices.push({ kind: event.kind, step, seconds, message: event.message })
        return undefined
      case 'steer': {
        if (event.action !== 'step') this.#notices.push({ kind: 'steer', step, seconds, message: steerWords(event) })
        if (event.action === 'rate') return undefined
        return { isPaused: event.action === 'pause' || event.action === 'step' }
      }
      case 'done':
        return { isDone: true }
      default:
        return undefined
    }
  }

  /** The loss and the accuracy of a score come apart; what is not known yet, or never, is no number. */
  #takeScalar({ role, step, value }: ScalarEvent): void {
    const quantity = scoreOf[role]
    if (!quantity) return
    const k = this.#scores.findLastIndex(score => score.step === step)
    if (k >= 0) this.#scores[k] = { ...this.#scores[k]!, [quantity]: value }
    else {
      const none = { epoch: 0, loss: Number.NaN, accuracy: Number.NaN }
      this.#scores.push({ ...none, step, seconds: this.seconds, [quantity]: value })
    }
  }

  /** A run ends where a loss is no finite number. */
  #check(name: string, { loss, step }: { readonly loss: number; readonly step: number }): void {
    if (Number.isFinite(loss)) return
    this.#break(`${name} became ${Number.isNaN(loss) ? 'NaN' : 'infinite'}`, step)
  }

  #break(what: string, step: number): void {
    const message = `${what}, and the run ended there`
    this.#notices.push({ kind: 'broken', step, seconds: this.seconds, message })
  }
}
