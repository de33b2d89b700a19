/** Names of files that commands write: their endings say what is written. */
import { extname } from 'node:path'
import { UsageError } from './terminal/errors.ts'

/** Whether a name has an ending, in capitals or not. @param ending with its dot */
export const hasEnding = (file: string, ending: string): boolean => extname(file).toLowerCase() === ending

/**
 * Checks the name of a file to write; none is well.
 * @param option that names it: `--out`
 * @param endings with their dots, two or more
 * @param what is written, as the beginning of a sentence: `--method filters is written as`
 * @throws UsageError for another ending.
 */
export function checkEnding(
  option: string,
  file: string | undefined,
  endings: readonly string[],
  what = 'the name must end in',
): void {
  if (file === undefined || endings.some(ending => hasEnding(file, ending))) return
  throw new UsageError(`${option} ${file}: ${what} ${endings.slice(0, -1).join(', ')} or ${endings.at(-1)}`)
}
