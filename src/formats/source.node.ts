/** Files by their path, read a range at a time. */
import { type FileHandle, open } from 'node:fs/promises'
import type { ByteSource } from './source.ts'
import { WeightsError } from './weightsFile.ts'

/** Most bytes of one read. Node refuses 2 GiB and more; reads of this size are as fast. */
const mostAtOnce = 2 ** 26

/**
 * Opens a file, passes it to a function, and closes it.
 * @throws WeightsError when it is missing, is not a file, or was changed while in use.
 */
export async function withFile<T>(path: string, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const handle = await open(path).catch((error: unknown) => fail(path, error))
  try {
    const before = await stateOf(handle, path)
    const result = await use({
      name: path,
      size: Number(before.size),
      read: (start, end) => readRange(handle, path, start, end),
    })
    const after = await stateOf(handle, path)
    if (after.size !== before.size || after.mtimeNs !== before.mtimeNs)
      throw new WeightsError(path, 'was changed while it was being read: read it again')
    return result
  } finally {
    await handle.close()
  }
}

/** All bytes of a file, even of more than 2 GiB. @throws WeightsError as {@link withFile} */
export const readWhole = (path: string): Promise<Uint8Array> => withFile(path, source => source.read(0, source.size))

async function stateOf(handle: FileHandle, path: string) {
  const state = await handle.stat({ bigint: true })
  if (state.isDirectory()) throw new WeightsError(path, 'is a folder, expected a file')
  return state
}

async function readRange(handle: FileHandle, path: string, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start)
  for (let done = 0; done < bytes.length; ) {
    const length = Math.min(bytes.length - done, mostAtOnce)
    const { bytesRead } = await handle
      .read(bytes, done, length, start + done)
      .catch((error: unknown) => fail(path, error))
    if (bytesRead === 0)
      throw new WeightsError(path, `ends at byte ${start + done}, before ${end}: was it cut while it was being read?`)
    done += bytesRead
  }
  return bytes
}

function fail(path: string, error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException
  throw new WeightsError(path, code === 'ENOENT' ? 'no such file' : `cannot be read: ${message}`, undefined, {
    cause: error,
  })
}
