/**
 * Ctrl-C and similar signals: the first asks a command to stop where it can be resumed, the second ends the process at
 * once.
 */
import { exitCodes, type StopSignal } from './errors.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const satisfies readonly StopSignal[]

/**
 * A terminal signals both npx and the command, and npx forwards its signal: one that follows so soon is the same
 * Ctrl-C.
 */
const sameMilliseconds = 500

/** Listens for signals until `dispose`. */
export class Interrupt {
  readonly #stop: () => void
  #signal: StopSignal | undefined
  #since = 0

  /** @param stop called at the first signal */
  constructor(stop: () => void) {
    this.#stop = stop
    for (const signal of signals) process.on(signal, this.#handle)
    process.on('disconnect', this.#hangUp)
  }

  /** True after a signal. */
  get requested(): boolean {
    return this.#signal !== undefined
  }

  /** The exit code of a command that was stopped. */
  get exitCode(): number {
    return exitCodes[this.#signal ?? 'SIGINT']
  }

  /** Stops listening for signals. */
  dispose(): void {
    for (const signal of signals) process.off(signal, this.#handle)
    process.off('disconnect', this.#hangUp)
  }

  readonly #handle = (signal: NodeJS.Signals): void => {
    const now = performance.now()
    if (this.#signal === undefined) {
      this.#signal = signal as StopSignal
      this.#since = now
      this.#stop()
    } else if (signal !== 'SIGPIPE' && now - this.#since > sameMilliseconds) {
      process.exit(exitCodes[signal as StopSignal])
    }
  }

  /** For a trial of a study, which wants it no more (`trialLink.ts`): if it saves already, that goes on. */
  readonly #hangUp = (): void => {
    if (!this.requested) this.#handle('SIGHUP')
  }
}
