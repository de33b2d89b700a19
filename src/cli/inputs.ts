/** Files and folders that a command line or a recipe names: one that is not there was asked for by mistake. */
import { existsSync } from 'node:fs'
import { isAddress } from '../formats/download.ts'
import { RunFolder, RunFolderError } from '../runs/runFolder.node.ts'
import { UsageError } from './errors.ts'

/** @throws UsageError when there is nothing at a path; addresses are for whoever downloads them */
export function mustExist(path: string, what: 'file' | 'folder' = 'file'): void {
  if (!isAddress(path) && !existsSync(path)) throw new UsageError(`${path}: no such ${what}`)
}

/** Opens a run to read it. @throws UsageError saying what is missing when the path is no run folder */
export async function openRunFolder(path: string): Promise<RunFolder> {
  try {
    return await RunFolder.open(path)
  } catch (error) {
    throw error instanceof RunFolderError ? new UsageError(error.message, { cause: error }) : error
  }
}
