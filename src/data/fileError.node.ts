/** Says in words why a file could not be written: the system's messages have codes, and often no path. */
import { existsSync, writeSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Thrown when something cannot be written. Names the path and why. */
export class FileError extends Error {
  override readonly name = 'FileError'
  /** The system's code, such as `ENOSPC`. */
  readonly code: string | undefined

  constructor(message: string, code: string | undefined, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'a file has that name',
  EFBIG: 'the file would be larger than is allowed here',
  EISDIR: 'it is a folder',
  EIO: 'the disk failed',
  EMFILE: 'too many files are open',
  ENOENT: 'no such folder',
  ENOSPC: 'no space is left on the disk',
  ENOTDIR: 'a part of the path is a file',
  EPERM: 'permission is denied',
  EROFS: 'the file system is read-only',
}

/**
 * The error for a path that could not be written.
 * @example notWritten('runs/a/recipe.json', error).message // 'runs/a/recipe.json: cannot be written: no space is left on the disk'
 */
export function notWritten(path: string, error: unknown): FileError {
  if (error instanceof FileError) return error
  const { code, message } = error as NodeJS.ErrnoException
  return new FileError(`${path}: cannot be written: ${reasons[code ?? ''] ?? message}`, code, { cause: error })
}

/** Runs code that writes to a path. @throws FileError naming it */
export async function writing<T>(path: string, write: () => T | Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    throw notWritten(path, error)
  }
}

/** Runs synchronous code that writes to a path. @throws FileError naming it */
export function writingSync<T>(path: string, write: () => T): T {
  try {
    return write()
  } catch (error) {
    throw notWritten(path, error)
  }
}

/**
 * Writes all bytes to an open file: a disk that fills up takes part of them, and reports the error at the next call.
 */
export function writeAllSync(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}

/** Makes a folder and its parent folders, unless it exists. @throws FileError naming it */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    throw notWritten(path, await ownReason(path, error as NodeJS.ErrnoException))
  }
}

/**
 * On a read-only file system Node reports nested folders as missing: making the outermost one gives the real reason.
 */
async function ownReason(path: string, error: NodeJS.ErrnoException): Promise<Error> {
  if (error.code !== 'ENOENT') return error
  let first = resolve(path)
  while (!existsSync(dirname(first))) first = dirname(first)
  return mkdir(first).then(
    () => error,
    (reason: Error) => reason,
  )
}
