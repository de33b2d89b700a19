/**
 * Files from the web, with download progress. The browser can keep them for use without another download, or offline.
 */
import { addressOf, checkedAnswer, reasonOf } from './download.ts'
import type { GlobalBlob, GlobalUrl } from './globals.ts'
import { WeightsError } from './weightsFile.ts'

/** Progress of a download. */
export interface DownloadProgress {
  /** Bytes received. */
  readonly loaded: number
  /** Bytes of the file; undefined where the server does not say, or sends it compressed. */
  readonly total: number | undefined
}

/** Options of {@link fetchFile}. */
export interface FetchFileOptions {
  /**
   * Keeps the file in the browser's cache storage, and asks the server only whether it has changed. False by default.
   * Where there is no such storage (in Node, or on a page without https), or no room in it, the file is downloaded each
   * time.
   */
  readonly cache?: boolean
  /** Called at the beginning, after each piece that arrives, and at the end. */
  readonly onProgress?: (progress: DownloadProgress) => void
}

/** The cache of this package. */
const cacheName = 'fovea'

/**
 * Downloads a file.
 * @param address its address; on a page it may be relative
 * @returns its contents; when the server cannot be reached or fails, the kept contents if there are any
 * @throws WeightsError naming the address, when it is not kept and the server cannot be reached, answers with an error
 *   or a web page, or stops
 * @example const weights = await fetchFile('/resnet18.safetensors', { cache: true, onProgress: ({ loaded }) => show(loaded) })
 */
export async function fetchFile(
  address: string | GlobalUrl,
  { cache: isKept = false, onProgress = () => undefined }: FetchFileOptions = {},
): Promise<GlobalBlob> {
  const url = address instanceof URL ? address : addressOf(address)
  const cache = isKept ? await openCache() : undefined
  const known = await cache?.match(url)
  const kept = async (): Promise<Blob> => {
    const blob = await known!.blob()
    onProgress({ loaded: blob.size, total: blob.size })
    return blob
  }
  let answer: Response
  try {
    answer = await fetch(url, cache ? { cache: 'no-cache', headers: known ? unlessChanged(url, known) : {} } : {})
  } catch (error) {
    if (known) return kept()
    throw new WeightsError(url.href, `cannot be fetched: ${reasonOf(error as Error)}`, undefined, { cause: error })
  }
  if (known && (answer.status === 304 || answer.status >= 500)) return kept()
  const blob = await bodyOf(checkedAnswer(answer, url.href), url.href, onProgress)
  if (cache) await keep(cache, url, answer, blob)
  return blob
}

/** Undefined where there is no cache, or it may not be used. */
async function openCache(): Promise<Cache | undefined> {
  try {
    return await globalThis.caches?.open(cacheName)
  } catch {
    return undefined
  }
}

/** Asks for a file only if it has changed. To another origin these headers would need its permission. */
function unlessChanged(url: URL, known: Response): Record<string, string> {
  const [tag, date] = [known.headers.get('etag'), known.headers.get('last-modified')]
  if (url.origin !== globalThis.location?.origin) return {}
  return { ...(tag && { 'If-None-Match': tag }), ...(date && { 'If-Modified-Since': date }) }
}

async function bodyOf(answer: Response, name: string, onProgress: (progress: DownloadProgress) => void): Promise<Blob> {
  const length = answer.headers.get('content-length')
  const isPacked = answer.headers.get('content-encoding') !== null
  const total = length === null || isPacked ? undefined : Number(length)
  const pieces: Uint8Array<ArrayBuffer>[] = []
  let loaded = 0
  onProgress({ loaded, total })
  try {
    const reader = answer.body?.getReader()
    for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read()) {
      pieces.push(piece.value)
      loaded += piece.value.length
      onProgress({ loaded, total })
    }
  } catch (error) {
    throw new WeightsError(name, `the download broke off: ${reasonOf(error as Error)}`, undefined, { cause: error })
  }
  if (total !== undefined && loaded !== total)
    throw new WeightsError(name, `the download broke off after ${loaded} of ${total} bytes`)
  return new Blob(pieces)
}

/**
 * Keeps a file if there is room. If there is none, an older copy of this address is deleted too: the server no longer
 * has it.
 */
async function keep(cache: Cache, url: URL, { headers }: Response, blob: Blob): Promise<void> {
  const told = ['etag', 'last-modified', 'content-type'].flatMap(name => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value] as [string, string]]
  })
  try {
    await cache.put(url, new Response(blob, { headers: told }))
  } catch {
    await cache.delete(url)
  }
}
