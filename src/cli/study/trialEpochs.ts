/** Follows the log of a trial's run: reports the result of each epoch, once the epoch is saved. */
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEventLine } from '../../runs/eventLine.ts'
import { LogTail } from '../../runs/live/logTail.node.ts'
import type { TrialEpoch } from './studyProgress.ts'

/** The epochs of one trial. */
export class TrialEpochs {
  readonly #run: string
  readonly #onEpoch: (score: TrialEpoch) => void
  #tail: LogTail | undefined
  #score: TrialEpoch | undefined
  #last: number

  /**
   * @param run folder of the run
   * @param last the last epoch that is known
   */
  constructor(run: string, last: number, onEpoch: (score: TrialEpoch) => void) {
    this.#run = run
    this.#last = last
    this.#onEpoch = onEpoch
  }

  /** Reports what is new. */
  async look(): Promise<void> {
    this.#tail ??= new LogTail(join(await realpath(this.#run), 'events.jsonl'))
    // A run that is resumed cuts its log: it is read again.
    if ((await this.#tail.read(lines => this.#take(lines))) === 'cut') this.#tail = undefined
  }

  #take(lines: readonly string[]): void {
    for (const line of lines) {
      const event = parseEventLine(line)
      if (event?.type === 'epoch' || event?.type === 'validation') this.#score = event
      if (event?.type !== 'checkpoint' || !this.#score) continue
      const { epoch, accuracy, loss } = this.#score
      this.#score = undefined
      if (epoch <= this.#last) continue
      this.#last = epoch
      this.#onEpoch({ epoch, accuracy, loss })
    }
  }
}
