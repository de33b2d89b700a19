/** Files and folders that somebody names: one that is not there was asked for by mistake. */
import { existsSync } from 'node:fs'
import { isAddress } from '../formats/download.ts'
import { MissingError } from './errors.ts'

/** @throws MissingError when there is nothing at a path; addresses are for whoever downloads them */
export function mustExist(path: string, what: 'file' | 'folder' = 'file'): void {
  if (!isAddress(path) && !existsSync(path)) throw new MissingError(`${path}: no such ${what}`)
}
