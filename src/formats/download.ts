/** Files from the web. */
import { arrivingSource, reasonOf } from './arriving.ts'
import type { ByteSource } from './source.ts'
import { WeightsError } from './weightsFile.ts'

/**
 * Whether contents are a server's response. Bytes are not compared with its class, because Node loads 0.1 s of modules
 * when that is named first.
 */
export const isResponse = (contents: object): contents is Response =>
  !ArrayBuffer.isView(contents) && !(contents instanceof ArrayBuffer) && contents instanceof Response

/** True for the address of a file, as opposed to a path: `https://…`, `file:///…`. */
export const isAddress = (text: string): boolean => /^(https?|file|data|blob):/i.test(text)

/**
 * The absolute address of a text on a page: relative to the page, as in a link.
 * @throws WeightsError for a relative address outside a page
 */
export function addressOf(text: string): URL {
  const page = globalThis.document?.baseURI ?? globalThis.location?.href
  try {
    return new URL(text, page)
  } catch (error) {
    throw new WeightsError(text, 'is not an address, and there is no page to which it could be relative', undefined, {
      cause: error,
    })
  }
}

/**
 * Downloads a file.
 * @param from its address, or a server's response to a `fetch` of the caller
 * @param name what to call it in messages; its address by default
 * @throws WeightsError naming the address, when the server cannot be reached, or answers with an error or a web page;
 *   here or when the source is read, when the server stops.
 */
export async function download(from: URL | Response, name?: string): Promise<ByteSource> {
  const file = name ?? (from instanceof URL ? from.href : from.url || 'response')
  const fail = (rule: string, cause?: unknown): never => {
    throw new WeightsError(file, rule, undefined, { cause })
  }
  const response =
    from instanceof Response
      ? from
      : await fetch(from).catch((error: Error) => fail(`cannot be fetched: ${reasonOf(error)}`, error))
  checkedAnswer(response, file)
  if (response.bodyUsed) fail('the body of the response has been read already')
  return arrivingSource(response, file)
}

/** An answer that is a file. @throws WeightsError for an error or a web page */
export function checkedAnswer(response: Response, file: string): Response {
  if (!response.ok)
    throw new WeightsError(file, `the server answered ${response.status} ${response.statusText}`.trimEnd())
  if (!/^text\/html\b/i.test(response.headers.get('content-type') ?? '')) return response
  const rule =
    'the server answered with a web page (text/html), not with a file: is this the address of the file itself?'
  throw new WeightsError(file, rule)
}
