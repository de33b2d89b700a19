/** Files and folders named by the caller: a missing one is the caller's mistake. */
import { existsSync, statSync } from 'node:fs'
import { isAddress } from '../formats/download.ts'
import { MissingError } from './errors.ts'

/** @throws MissingError when there is nothing at a path; addresses are checked by the download */
export function mustExist(path: string, what: 'file' | 'folder' | 'file or folder' = 'file'): void {
  if (!isAddress(path) && !existsSync(path)) throw new MissingError(`${path}: no such ${what}`)
}

/** Whether there is a file, not a folder, at a path. */
export const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
