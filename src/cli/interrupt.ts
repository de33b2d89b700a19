/**
 * Ctrl-C and its like: the first asks a command to stop where it can go on later, the second ends the process at once.
 */
import { exitCodes } from './errors.ts'

/** SIGPIPE: whoever reads the output is gone. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const

/** A terminal signals npx and the command, and npx hands its signal on: what comes so soon is the same Ctrl-C. */
const sameMilliseconds = 500

/** Listens for signals until `dispose`. */
export class Interrupt {
  readonly #stop: () => void
  #since: number | undefined

  /** @param stop called at the first signal */
  constructor(stop: () => void) {
    this.#stop = stop
    for (const signal of signals) process.on(signal, this.#handle)
    // A study's trial: its parent is gone, however it went, perhaps before this process could listen.
    process.on('disconnect', this.#handle)
    if (process.connected === false) setImmediate(this.#handle)
    process.channel?.unref()
  }

  /** True after a signal. */
  get requested(): boolean {
    return this.#since !== undefined
  }

  /** Gives the signals back. */
  dispose(): void {
    for (const signal of signals) process.off(signal, this.#handle)
    process.off('disconnect', this.#handle)
  }

  readonly #handle = (): void => {
    const now = performance.now()
    if (this.#since === undefined) {
      this.#since = now
      this.#stop()
    } else if (now - this.#since > sameMilliseconds) process.exit(exitCodes.interrupted)
  }
}
