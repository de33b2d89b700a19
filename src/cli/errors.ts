/**
 * How the command line fails: one line that begins with `fovea:`, and an exit code that says what kind of failure it was.
 */

/** What the process ends with. */
export const exitCodes = {
  done: 0,
  /** Something could not be read, written or computed. */
  failed: 1,
  /** The command line itself is wrong: an unknown option, a value out of its range. */
  usage: 2,
  /** Stopped by a signal; a training run has been saved. */
  interrupted: 130,
} as const

/** Thrown for a command line that cannot be meant. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Thrown when a command cannot do what it was asked for, with all that is to be said about it. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** Thrown to leave a command after a signal. */
export class InterruptError extends Error {
  override readonly name = 'InterruptError'
}

/** The exit code of an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage
  return error instanceof InterruptError ? exitCodes.interrupted : exitCodes.failed
}

/**
 * What is shown of an error: `fovea: ` and its message on one line, or with `debug` its stack.
 * @example describeError(new Error('a.png: no such file'), false) // 'fovea: a.png: no such file'
 */
export function describeError(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return `fovea: ${String(error)}`
  return `fovea: ${debug && error.stack ? error.stack : oneLine(error.message)}`
}

/** The lines of a message as one: joined by semicolons, unless the one before ends in a mark or the next is in brackets. */
export function oneLine(message: string): string {
  const lines = message
    .replace(/\p{Cc}+/gu, controls => (controls.includes('\n') ? '\n' : ''))
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
  if (lines.length === 0) return ''
  return lines.reduce((text, line) => `${text}${/[:;,]$/.test(text) || line.startsWith('(') ? '' : ';'} ${line}`)
}
