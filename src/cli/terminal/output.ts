/** The output of commands: lines for people on standard output, JSON for machines, warnings on standard error. */
import { exitCodes } from './errors.ts'

let isLost = false
let isMute = false

/** Writes nothing any more but errors: for a process whose output another one has, too. */
export function mute(): void {
  isMute = true
}

/**
 * Watches for an output that nobody reads anymore (`| head -1`), or that cannot be written. Work that can be resumed is
 * saved first, as after Ctrl-C; a command that only prints ends at once, and silently when its reader stops reading.
 */
export function watchOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (isLost) return
      isLost = true
      const isClosed = error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED'
      const isSaving = process.emit('SIGPIPE', 'SIGPIPE')
      if (isSaving || !isClosed) {
        const what = isClosed ? 'the output was closed' : `the output cannot be written: ${error.message}`
        process.stderr.write(`fovea: ${what}${isSaving ? ': stopping' : ''}\n`)
      }
      if (!isSaving) process.exit(exitCodes.SIGPIPE)
    })
  }
}

/**
 * Writes lines; non-breaking spaces become ordinary ones, so that grep finds them. When nobody reads the output
 * anymore, the lines go to standard error.
 */
export function print(...lines: readonly string[]): void {
  if (isMute) return
  output().write(lines.map(line => `${plain(line)}\n`).join(''))
}

/** Writes a value as JSON, indented. */
export function printJson(value: unknown): void {
  if (isMute) return
  output().write(`${JSON.stringify(value, undefined, 2)}\n`)
}

const output = (): NodeJS.WriteStream => (isLost ? process.stderr : process.stdout)

/** Writes a warning. */
export function warn(message: string): void {
  if (isMute) return
  process.stderr.write(`fovea: warning: ${plain(message)}\n`)
}

/** Writes information that is not a result, on standard error. */
export function note(message: string): void {
  if (isMute) return
  process.stderr.write(`fovea: ${plain(message)}\n`)
}

/** A text with ordinary spaces instead of non-breaking ones. */
export const plain = (text: string): string => text.replaceAll('\u00a0', ' ')
