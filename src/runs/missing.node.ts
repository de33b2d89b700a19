/** Files and folders named by the caller: a missing one is the caller's mistake. */
import { existsSync } from 'node:fs'
import { isAddress } from '../formats/download.ts'
import { MissingError } from './errors.ts'

/** @throws MissingError when there is nothing at a path; addresses are checked by the download */
export function mustExist(path: string, what: 'file' | 'folder' | 'file or folder' = 'file'): void {
  if (!isAddress(path) && !existsSync(path)) throw new MissingError(`${path}: no such ${what}`)
}
