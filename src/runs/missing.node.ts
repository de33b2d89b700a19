/** Named files and folders: one that does not exist is a mistake of the caller. */
import { existsSync } from 'node:fs'
import { isAddress } from '../formats/download.ts'
import { MissingError } from './errors.ts'

/** @throws MissingError when there is nothing at a path; addresses are left to the download */
export function mustExist(path: string, what: 'file' | 'folder' | 'file or folder' = 'file'): void {
  if (!isAddress(path) && !existsSync(path)) throw new MissingError(`${path}: no such ${what}`)
}
