/**
 * Training progress in the terminal: a consumer of the event stream. On a terminal there is one bar for each epoch,
 * drawn by cli-progress; in a file, a pipe or on CI there are plain lines, about ten for each epoch.
 */
import cliProgress from 'cli-progress'
import { formatBytes, formatCount, formatDuration, formatPercent, formatSignificant } from '../../text/format.ts'
import {
  type DoneEvent,
  type EpochEvent,
  type NoticeEvent,
  type StartEvent,
  type SteerEvent,
  type StepEvent,
  steerWords,
  type TrainEvent,
  type ValidationEvent,
} from '../../train/events.ts'
import { plain } from './output.ts'

/** A bar that is redrawn in place, or successive lines. */
export type ProgressStyle = 'bar' | 'lines'

/** Options of `TrainProgress`. */
export interface ProgressOptions {
  /** Stream to write to. Default standard output. */
  readonly stream?: NodeJS.WriteStream
  /** Default: the `progressStyle` of the stream. */
  readonly style?: ProgressStyle
  /** Clock in milliseconds. Default `performance.now`. */
  readonly now?: () => number
}

/**
 * Bars need a terminal that can move its cursor: not a file or pipe, not a dumb terminal, not a CI log (`CI` set to
 * anything but the empty string, `0` or `false`). `NO_COLOR` has no effect: a bar has no color.
 */
export function progressStyle(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): ProgressStyle {
  const isCi = !['', '0', 'false'].includes(environment.CI ?? '')
  return stream.isTTY === true && !isCi && environment.TERM !== 'dumb' ? 'bar' : 'lines'
}

/**
 * Shows a run in progress: loss and accuracy as means over the last 50 steps, throughput, and the time left for the
 * whole run, including validation. At the end of an epoch, the means of the epoch replace them.
 *
 * Call `close` when the run ends in any way, even by an error: a bar that is still open keeps the process alive.
 *
 * @example
 * const progress = new TrainProgress()
 * try {
 *   for await (const event of fit(model, data, options)) progress.event(event)
 * } finally {
 *   progress.close()
 * }
 */
export class TrainProgress {
  readonly #stream: NodeJS.WriteStream
  readonly #style: ProgressStyle
  readonly #now: () => number
  #start: StartEvent | undefined
  #bar: cliProgress.SingleBar | undefined
  #recent: StepEvent[] = []
  #epoch = 0
  /** Tenths of the epoch that already have their line. */
  #tenths = 0
  /** The first step seen and its time, from which speed is measured. */
  #origin: { readonly step: number; readonly time: number } | undefined

  constructor(options: ProgressOptions = {}) {
    this.#stream = options.stream ?? process.stdout
    this.#style = options.style ?? progressStyle(this.#stream, process.env)
    this.#now = options.now ?? (() => performance.now())
  }

  /**
   * Takes the next event of the run.
   *
   * @throws Error when the first event is not `start`.
   */
  event(event: TrainEvent): void {
    switch (event.type) {
      case 'start':
        this.#start = event
        this.#write(describe(event))
        break
      case 'step':
        this.#step(event)
        break
      case 'epoch':
        this.#endEpoch(event)
        break
      case 'validation':
        this.#validation(event)
        break
      case 'checkpoint':
        break
      case 'notice':
        this.#notice(event)
        break
      case 'steer':
        this.#say(`step ${event.step}: ${steerWords(event)}`, event)
        break
      case 'done':
        this.close()
        this.#write(describeEnd(event, this.#begun().step))
        break
      default:
        event satisfies never
    }
  }

  /** Leaves the bar in place and releases the terminal. Safe to call at any time and more than once. */
  close(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }

  #step(event: StepEvent): void {
    const start = this.#begun()
    const value = event.step - (event.epoch - 1) * start.stepsPerEpoch
    this.#origin ??= { step: event.step, time: this.#now() }
    if (event.epoch !== this.#epoch) this.#beginEpoch(event, value - 1)
    this.#recent.push(event)
    if (this.#recent.length > 50) this.#recent.shift()

    if (this.#bar) {
      this.#bar.update(value, { text: this.#status(event) })
      return
    }
    const tenths = Math.floor((10 * value) / start.stepsPerEpoch)
    // The line of the epoch itself is the last tenth.
    if (tenths > this.#tenths && tenths < 10) {
      this.#write(`${this.#name(event.epoch)}  ${percent(value, start.stepsPerEpoch)} · ${this.#status(event)}`)
    }
    this.#tenths = tenths
  }

  #beginEpoch({ epoch }: StepEvent, done: number): void {
    this.close()
    const { stepsPerEpoch } = this.#begun()
    this.#epoch = epoch
    this.#recent = []
    this.#tenths = Math.floor((10 * done) / stepsPerEpoch)
    this.#openBar(epoch, done)
  }

  #openBar(epoch: number, done: number): void {
    if (this.#style === 'lines') return
    const { stepsPerEpoch } = this.#begun()
    this.#bar = new cliProgress.SingleBar({
      stream: this.#stream,
      format: (options, params, payload: { text?: string }) => {
        const bar = cliProgress.Format.BarFormat(params.progress, options)
        const text = payload.text === undefined ? '' : ` · ${plain(payload.text)}`
        return `${this.#name(epoch)} ▕${bar}▏ ${percent(params.value, params.total)}${text}`
      },
      barsize: Math.max(6, Math.min(24, (this.#stream.columns ?? 80) - 78)),
      barCompleteChar: '█',
      barIncompleteChar: ' ',
      // By default the library disables line wrapping and handles SIGINT itself: neither is undone when a run is
      // killed.
      linewrap: true,
      gracefulExit: false,
    })
    this.#bar.start(stepsPerEpoch, done)
  }

  #endEpoch(event: EpochEvent): void {
    const text = `${score(event)} · ${formatDuration(event.seconds)}`
    if (this.#bar) {
      this.#bar.update(this.#begun().stepsPerEpoch, { text })
      this.close()
    } else {
      this.#write(`${this.#name(event.epoch)} 100 % · ${text}`)
    }
  }

  #validation(event: ValidationEvent): void {
    const name = this.#name(event.epoch)
    this.#write(`${this.#style === 'bar' ? ' '.repeat(name.length) : name} validation · ${score(event)}`)
  }

  /** Writes a line above the bar, which is redrawn below it. */
  #notice(event: NoticeEvent): void {
    const { kind, message } = event
    this.#say(`${kind === 'earlyStopping' || kind === 'features' ? '' : 'warning: '}${message}`, event)
  }

  /** A line that stays, above the bar. */
  #say(line: string, { epoch, step }: NoticeEvent | SteerEvent): void {
    const open = this.#bar !== undefined
    this.close()
    this.#write(line)
    const { stepsPerEpoch, epochs } = this.#begun()
    const done = step - (epoch - 1) * stepsPerEpoch
    if (open && done < stepsPerEpoch && epoch <= epochs) this.#openBar(epoch, done)
  }

  /** Means over the recent steps, speed, time left. */
  #status(event: StepEvent): string {
    const recent = this.#recent
    const mean = (of: (step: StepEvent) => number) => recent.reduce((sum, step) => sum + of(step), 0) / recent.length
    const parts = [
      `loss ${formatSignificant(mean(s => s.loss))}`,
      `acc ${formatPercent(
        mean(s => s.accuracy),
        1,
      )}`,
    ]
    if (event.imagesPerSecond > 0) parts.push(`${formatCount(event.imagesPerSecond)} img/s`)
    const { epochs, stepsPerEpoch } = this.#begun()
    const { step, time } = this.#origin!
    if (event.step - step >= 5) {
      const secondsPerStep = (this.#now() - time) / 1000 / (event.step - step)
      parts.push(`${clock(secondsPerStep * (epochs * stepsPerEpoch - event.step))} left`)
    }
    return parts.join(' · ')
  }

  /** `epoch  2/10`: always of the same width. */
  #name(epoch: number): string {
    const { epochs } = this.#begun()
    return `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`
  }

  #begun(): StartEvent {
    if (!this.#start) throw new Error("progress: the first event must be 'start'")
    return this.#start
  }

  #write(line: string): void {
    this.#stream.write(`${plain(line)}\n`)
  }
}

function describe(event: StartEvent): string {
  const { trainSamples, validationSamples, parameters, engine, arenaBytes, step, ranks } = event
  const samples = `${formatCount(trainSamples)} images to train on, ${formatCount(validationSamples)} to validate`
  const lines = [
    `${samples} · ${formatCount(parameters)} parameters`,
    `${engine.backend}, ${engine.detail} · ${formatBytes(arenaBytes)} for a training step`,
  ]
  if (ranks && ranks.count > 1) {
    const hosts = [...new Set(ranks.hosts)].join(', ')
    lines.push(
      `${ranks.count} processes on ${hosts} · ${ranks.parts} parts of a batch · ${ranks.exchange}, ${ranks.by}`,
    )
  }
  if (step > 0) lines.push(`resuming after step ${formatCount(step)}`)
  return lines.join('\n')
}

/** `from`: steps done by an earlier process; their time is not in the event. */
function describeEnd({ step, seconds }: DoneEvent, from: number): string {
  const time = formatDuration(seconds)
  if (from === 0) return `trained ${formatCount(step)} steps in ${time}`
  return `trained ${formatCount(step - from)} more steps in ${time}, ${formatCount(step)} in all`
}

function score({ loss, accuracy }: { readonly loss: number; readonly accuracy: number }): string {
  return `loss ${formatSignificant(loss)} · acc ${formatPercent(accuracy)}`
}

/** Whole percent, rounded down so that 100 means done, always of the same width. */
function percent(value: number, total: number): string {
  return `${String(Math.floor((100 * value) / total)).padStart(3)} %`
}

/** `4` → `'0:04'`, `3723` → `'1:02:03'`. */
function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const two = (n: number) => String(n).padStart(2, '0')
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`
}
