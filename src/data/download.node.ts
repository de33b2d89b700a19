/**
 * Downloads into the user's cache: resumed where they broke off, verified by hash, and moved into place when complete.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { DatasetError } from './errors.ts'
import { FileError, makeFolder, notWritten } from './fileError.node.ts'

/** Receives the progress of a download; `total` is absent when the server does not send it. */
export type DownloadProgress = (received: number, total: number | undefined) => void

/** A file to download, and its checksum. */
export interface DownloadOptions {
  readonly url: string
  /** Path of the file. */
  readonly path: string
  /** Hash of the whole file, hexadecimal. */
  readonly hash: { readonly algorithm: 'md5' | 'sha256' | 'sha512'; readonly hex: string }
  readonly onProgress?: DownloadProgress
}

/** Folder for downloads: `FOVEA_CACHE`, or else `fovea` in the system's cache folder. */
export function cacheFolder(): string {
  const { FOVEA_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  if (FOVEA_CACHE) return FOVEA_CACHE
  return join(XDG_CACHE_HOME || (process.platform === 'win32' && LOCALAPPDATA) || join(homedir(), '.cache'), 'fovea')
}

/**
 * Downloads a file unless it exists. The bytes of an interrupted attempt stay beside it as `.part`, and are resumed
 * from.
 * @throws DatasetError when the server cannot be reached, refuses, or sends a file with another hash; FileError when
 * the cache cannot be written.
 */
export async function download({ url, path, hash, onProgress }: DownloadOptions): Promise<void> {
  if (await sizeOf(path)) return
  await inCache(dirname(path), makeFolder)
  const part = `${path}.part`
  await receive(url, part, onProgress)
  const found = await hashOf(part, hash.algorithm)
  if (found !== hash.hex) {
    await rm(part, { force: true })
    throw new DatasetError(
      `${url}: the ${hash.algorithm} of the download is ${found}, expected ${hash.hex}; the download was deleted`,
    )
  }
  await rename(part, path)
}

/** Writes to a path in the cache. @throws FileError that also suggests `FOVEA_CACHE` */
export async function inCache<T>(path: string, write: (path: string) => Promise<T>): Promise<T> {
  try {
    return await write(path)
  } catch (error) {
    const { message, code } = notWritten(path, error)
    throw new FileError(`${message} (FOVEA_CACHE may name another folder for downloads)`, code, { cause: error })
  }
}

/** The hash of a file, hexadecimal. */
export async function hashOf(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm)
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

async function receive(url: string, part: string, onProgress?: DownloadProgress): Promise<void> {
  const have = await sizeOf(part)
  const response = await request(url, have)
  // 416: nothing is left to send. The hash decides whether that is right.
  if (response.status === 416) return
  if (!response.ok || !response.body)
    throw new DatasetError(`${url}: the server answered ${response.status} ${response.statusText}`)
  const continued = response.status === 206
  const length = Number(response.headers.get('content-length') ?? Number.NaN)
  const start = continued ? have : 0
  const total = Number.isNaN(length) ? undefined : start + length
  let received = start
  // A stream that breaks off discards unread pieces, so each is read as it arrives, not after the previous one is
  // written.
  const pieces = response.body.getReader()
  let next = pieces.read()
  const file = await inCache(part, () => open(part, continued ? 'a' : 'w'))
  let written: Promise<void> = Promise.resolve()
  try {
    for (let piece = await next; !piece.done; piece = await next) {
      const { value } = piece
      next = pieces.read()
      received += value.length
      onProgress?.(received, total)
      const before = written
      written = before.then(() => inCache(part, () => file.writeFile(value)))
      // A disk slower than the network holds the download back, one piece at a time.
      await before
    }
  } catch (error) {
    if (error instanceof FileError) throw error
    throw new DatasetError(`${url}: broke off after ${received} bytes (${reason(error)}); run again to resume`)
  } finally {
    next.catch(() => undefined)
    await written.finally(() => file.close())
  }
  if (total !== undefined && received < total) {
    throw new DatasetError(`${url}: broke off after ${received} of ${total} bytes; run again to resume`)
  }
}

async function request(url: string, have: number): Promise<Response> {
  try {
    return await fetch(url, have > 0 ? { headers: { range: `bytes=${have}-` } } : {})
  } catch (error) {
    throw new DatasetError(`${url}: cannot be reached (${reason(error)}); are you offline?`)
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}

function reason(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } }
  return cause?.code ?? cause?.message ?? message
}
