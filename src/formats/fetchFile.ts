/**
 * Files from the web, with download progress. The browser can keep them for use without another download, or offline.
 */
import { type ArrivalOptions, arrivingSource, type Body, blobOf, type DownloadProgress, reasonOf } from './arriving.ts'
import { addressOf, checkedAnswer } from './download.ts'
import type { GlobalBlob, GlobalUrl } from './globals.ts'
import { type ByteSource, sourceOf } from './source.ts'
import { WeightsError } from './weightsFile.ts'

export type { DownloadProgress } from './arriving.ts'

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
export async function fetchFile(address: string | GlobalUrl, options: FetchFileOptions = {}): Promise<GlobalBlob> {
  const url = address instanceof URL ? address : addressOf(address)
  const { kept, answer, arrival } = await request(url, options)
  return kept ?? blobOf(answer, url.href, arrival)
}

/**
 * {@link fetchFile} for whoever reads the file at once, while it arrives.
 * @param name what to call the file in messages
 * @internal
 */
export async function fetchSource(url: GlobalUrl, options: FetchFileOptions, name: string): Promise<ByteSource> {
  const { kept, answer, arrival } = await request(url, options)
  return kept ? sourceOf(kept, name) : arrivingSource(answer, name, arrival)
}

/** What a file is read from: the kept one, or the answer of its server. */
type Requested =
  | { readonly kept: Blob; readonly answer?: never; readonly arrival?: never }
  | { readonly kept?: never; readonly answer: Response; readonly arrival: ArrivalOptions }

async function request(url: URL, { cache: isKept = false, onProgress }: FetchFileOptions): Promise<Requested> {
  const cache = isKept ? await openCache() : undefined
  const known = await cache?.match(url)
  const kept = async (): Promise<Requested> => {
    const blob = await known!.blob()
    onProgress?.({ loaded: blob.size, total: blob.size })
    return { kept: blob }
  }
  let answer: Response
  try {
    answer = await fetch(url, cache ? { cache: 'no-cache', headers: known ? unlessChanged(url, known) : {} } : {})
  } catch (error) {
    if (known) return kept()
    throw new WeightsError(url.href, `cannot be fetched: ${reasonOf(error as Error)}`, undefined, { cause: error })
  }
  if (known && (answer.status === 304 || answer.status >= 500)) return kept()
  const keepBody = cache && ((body: Body) => keep(cache, url, answer, body))
  return { answer: checkedAnswer(answer, url.href), arrival: { onProgress, keep: keepBody } }
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

/**
 * Keeps a file if there is room. If there is none, an older copy of this address is deleted too: the server no longer
 * has it.
 */
async function keep(cache: Cache, url: URL, { headers }: Response, body: Body): Promise<void> {
  const told = ['etag', 'last-modified', 'content-type'].flatMap(name => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value] as [string, string]]
  })
  try {
    await cache.put(url, new Response(body, { headers: told }))
  } catch {
    await cache.delete(url)
  }
}
