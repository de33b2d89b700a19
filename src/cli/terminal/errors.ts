/**
 * How the command line fails: one line that begins with `fovea:`, and an exit code that says what kind of failure it was.
 */
import { inspect } from 'node:util'
import { LabelSafetyError } from '../../augment/errors.ts'
import { SplitError } from '../../data/errors.ts'
import { PatternError } from '../../optim/patterns.ts'
import { RecipeError, SourceError } from '../../recipe/errors.ts'
import { MissingError, RunFolderError } from '../../runs/errors.ts'
import { display } from '../../text/display.ts'

/** What the process ends with: the one rule, which `docs/troubleshooting.md` tells to people. */
export const exitCodes = {
  /** Done as asked. */
  done: 0,
  /** The work failed: training diverged, a check was not passed, something could not be read, written or computed. */
  failed: 1,
  /** What was asked for is wrong: an option, a recipe, or a file or folder that they name and that is not there. */
  usage: 2,
  /** Ended by a signal, after a training run was saved: 128 and the number of the signal, as shells have it. */
  SIGHUP: 129,
  SIGINT: 130,
  /** Nobody reads the output any more, or it cannot be written. */
  SIGPIPE: 141,
  SIGTERM: 143,
} as const

/** Signals that ask to stop. */
export type StopSignal = Extract<keyof typeof exitCodes, `SIG${string}`>

/** Whether a process was ended by a signal that it could answer. */
export const isStopped = (code: number | null): boolean => code !== null && code > 128

/** Thrown for what was asked for and cannot be meant: an option, or a file that is not there. */
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

/** What says that something else should have been asked for. */
const usageErrors = [
  UsageError,
  RecipeError,
  MissingError,
  RunFolderError,
  LabelSafetyError,
  PatternError,
  SplitError,
] as const

/** The exit code of an error. */
export const exitCodeOf = (error: unknown): number =>
  !(error instanceof Error) || usageErrors.some(kind => error instanceof kind) ? exitCodes.usage : exitCodes.failed

/**
 * What is shown of an error: `fovea: ` and its message on one line, below it the place in a file where there is one; or with
 * `debug` its stack, and those of its causes.
 * @example describeError(new Error('a.png: no such file'), false) // 'fovea: a.png: no such file'
 */
export function describeError(error: unknown, debug: boolean): string {
  // This package throws errors only.
  if (!(error instanceof Error)) return `fovea: code of the recipe threw ${display(error)}, which is not an Error`
  if (debug) return `fovea: ${inspect(error)}`
  const frame = error instanceof SourceError ? `\n${error.frame}` : ''
  return `fovea: ${oneLine(error.message)}${frame}`
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
