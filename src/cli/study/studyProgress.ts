/**
 * Progress of a study: which trials are under way and how far they are. A terminal shows one line that is redrawn in
 * place, below the finished trials; a file, a pipe or CI gets a line when a trial begins and one for each of its
 * epochs.
 */
import { formatPercent, formatSignificant } from '../../text/format.ts'
import type { Score } from '../../train/events.ts'
import { plain } from '../terminal/output.ts'
import { type ProgressStyle, progressStyle } from '../terminal/progress.ts'

/** Result of an epoch of a trial. */
export interface TrialEpoch extends Pick<Score, 'accuracy' | 'loss'> {
  readonly epoch: number
}

/** Options of {@link StudyProgress}. */
export interface StudyProgressOptions {
  readonly quiet?: boolean | undefined
  readonly json?: boolean | undefined
  /** Default standard output. */
  readonly stream?: NodeJS.WriteStream
  /** Default: the `progressStyle` of the stream. */
  readonly style?: ProgressStyle
}

/** Shows the trials of a study in progress; shows nothing with `quiet` or JSON output. */
export class StudyProgress {
  readonly #stream: NodeJS.WriteStream
  readonly #style: ProgressStyle | 'none'
  /** Trials under way, and how far they are. */
  readonly #under = new Map<string, string>()
  #isDrawn = false

  constructor({ quiet, json, stream = process.stdout, style }: StudyProgressOptions = {}) {
    this.#stream = stream
    this.#style = quiet || json ? 'none' : (style ?? progressStyle(stream, process.env))
  }

  /** @param what the values that distinguish the trial */
  begin(name: string, what: string | undefined, isNew: boolean): void {
    const begins = isNew ? 'begins' : 'goes on'
    const parts = [name, what, begins].filter(part => part)
    this.#under.set(name, parts.join(' '))
    if (this.#style === 'lines') this.#write(parts.join('  '))
    this.#draw()
  }

  /** An epoch of a trial is done and saved. */
  epoch(name: string, { epoch, accuracy, loss }: TrialEpoch, epochs: number): void {
    this.#under.set(name, `${name} epoch ${epoch}/${epochs} ${formatPercent(accuracy, 1)}`)
    if (this.#style === 'lines') {
      const score = `accuracy ${formatPercent(accuracy)}, loss ${formatSignificant(loss)}`
      this.#write(`${name}  epoch ${epoch} of ${epochs}: ${score}`)
    }
    this.#draw()
  }

  /** A trial is no longer under way. */
  end(name: string): void {
    this.#under.delete(name)
    this.#draw()
  }

  /** A line that stays. */
  say(line: string): void {
    if (this.#style === 'none') return
    this.#clear()
    this.#write(line)
    this.#draw()
  }

  /** Erases the line of the trials under way. */
  close(): void {
    this.#under.clear()
    this.#clear()
  }

  #draw(): void {
    if (this.#style !== 'bar') return
    this.#clear()
    if (this.#under.size === 0) return
    const text = [...this.#under.values()].join('  ·  ')
    // A line that wraps could not be erased. Some terminals do not know their width, and report 0.
    this.#stream.write(plain(text.slice(0, (this.#stream.columns || 80) - 1)))
    this.#isDrawn = true
  }

  #clear(): void {
    if (this.#isDrawn) this.#stream.write('\r\u001b[K')
    this.#isDrawn = false
  }

  #write(line: string): void {
    this.#stream.write(`${plain(line)}\n`)
  }
}
