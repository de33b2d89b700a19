/**
 * Writes files so that a reader always finds the old contents or the new, never a part, even after a crash: the bytes
 * go to a temporary file in the same folder and are forced to the disk, and the file is renamed over the old one.
 */
import { randomBytes } from 'node:crypto'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { notWritten } from '../data/fileError.node.ts'

/**
 * Replaces a file's contents, given whole or in consecutive parts, atomically and durably.
 * @throws FileError naming the file, which is then unchanged
 */
export async function writeAtomic(path: string, contents: string | Uint8Array | readonly Uint8Array[]): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}${suffix}`)
  try {
    const file = await open(temporary, 'wx')
    try {
      for (const part of [contents].flat()) await file.writeFile(part)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw notWritten(path, error)
  }
  await syncFolder(dirname(path))
}

/** Removes the files that interrupted calls of {@link writeAtomic} left in a folder. */
export async function removeTemporaries(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('.') && name.endsWith(suffix)) await rm(join(folder, name), { force: true })
  }
}

const suffix = '.tmp'

/** Makes a rename durable. Where folders cannot be opened (Windows), the rename is as durable as it gets. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!['EPERM', 'EACCES', 'EISDIR', 'EINVAL', 'ENOTSUP'].includes(code ?? '')) throw error
  }
}
