/**
 * How the command line fails: one line that begins with `fovea:`, and an exit code that says what kind of failure it
 * was.
 */
import { inspect } from 'node:util'
import { LabelSafetyError } from '../../augment/errors.ts'
import { SplitError } from '../../data/errors.ts'
import { PatternError } from '../../optim/patterns.ts'
import { RecipeError, SourceError } from '../../recipe/errors.ts'
import { MissingError, RunFolderError } from '../../runs/errors.ts'
import { display } from '../../text/display.ts'

/** Exit codes of the process: the only definition, explained to people in `docs/troubleshooting.md`. */
export const exitCodes = {
  /** The work is done. */
  done: 0,
  /** The work failed: training diverged, a check failed, something could not be read, written or computed. */
  failed: 1,
  /** The request is wrong: an option, a recipe, or a file or folder that they name and that does not exist. */
  usage: 2,
  /** Ended by a signal, after a training run was saved: 128 plus the signal's number, as in shells. */
  SIGHUP: 129,
  SIGINT: 130,
  /** Nobody reads the output anymore, or it cannot be written. */
  SIGPIPE: 141,
  SIGTERM: 143,
} as const

/** Signals that ask to stop. */
export type StopSignal = Extract<keyof typeof exitCodes, `SIG${string}`>

/** Whether a process was ended by a signal that it could handle. */
export const isStopped = (code: number | null): boolean => code !== null && code > 128

/** Thrown for a mistake in the request: an invalid option, or a file that does not exist. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Thrown when a command cannot do its work; the message says everything about it. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** Thrown to leave a command after a signal. */
export class InterruptError extends Error {
  override readonly name = 'InterruptError'
}

/** Errors that mean a mistake in the request. */
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

let speaker = ''

/** Puts a name before the errors of this process, which is one of several. @param name `rank 2 on node7`; empty for none */
export function speakAs(name: string): void {
  speaker = name === '' ? '' : `${name}: `
}

/**
 * An error as shown to people: `fovea: ` and its message on one line, with the place in a file below it if there is
 * one; with `debug`, its stack and those of its causes.
 * @example describeError(new Error('a.png: no such file'), false) // 'fovea: a.png: no such file'
 */
export function describeError(error: unknown, debug: boolean): string {
  // This package throws only errors.
  if (!(error instanceof Error))
    return `fovea: ${speaker}code of the recipe threw ${display(error)}, which is not an Error`
  if (debug) return `fovea: ${speaker}${inspect(error)}`
  const frame = error instanceof SourceError ? `\n${error.frame}` : ''
  return `fovea: ${speaker}${oneLine(error.message)}${frame}`
}

/** A message on one line: lines are joined by semicolons, except after punctuation or before a parenthesis. */
export function oneLine(message: string): string {
  const lines = message
    .replace(/\p{Cc}+/gu, controls => (controls.includes('\n') ? '\n' : ''))
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
  if (lines.length === 0) return ''
  return lines.reduce((text, line) => `${text}${/[:;,]$/.test(text) || line.startsWith('(') ? '' : ';'} ${line}`)
}
