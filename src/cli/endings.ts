/** Names of files that commands write: their endings say what is written, and their folders must be there. */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, extname } from 'node:path'
import { notWritten, writingSync } from '../data/fileError.node.ts'
import { UsageError } from './terminal/errors.ts'

/** Whether a name has an ending, in capitals or not. @param ending with its dot */
export const hasEnding = (file: string, ending: string): boolean => extname(file).toLowerCase() === ending

/**
 * Checks the name of a file to write, and that it can be written, before work whose result would be lost otherwise; no
 * name is well.
 * @param option that names it: `--out`
 * @param endings with their dots, two or more
 * @param what is written, as the beginning of a sentence: `--method filters is written as`
 * @throws UsageError for another ending; FileError for a folder that is not there or cannot be written.
 */
export function checkEnding(
  option: string,
  file: string | undefined,
  endings: readonly string[],
  what = 'the name must end in',
): void {
  if (file === undefined) return
  if (!endings.some(ending => hasEnding(file, ending))) {
    throw new UsageError(`${option} ${file}: ${what} ${endings.slice(0, -1).join(', ')} or ${endings.at(-1)}`)
  }
  // With a dot, it is an error that the folder is a file.
  writingSync(file, () => accessSync(`${dirname(file)}/.`, constants.W_OK))
  if (existsSync(file) && statSync(file).isDirectory()) throw notWritten(file, { code: 'EISDIR' })
}
