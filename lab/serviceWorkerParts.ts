/** What the service workers of the Lab and of the site have in common. */

/** The parts of a service worker's scope that are used; the DOM's types know none. */
interface Scope {
  skipWaiting(): Promise<void>
  readonly clients: { claim(): Promise<void> }
  addEventListener(
    type: 'install' | 'activate',
    listener: (event: { waitUntil(work: Promise<unknown>): void }) => void,
  ): void
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void
}

/** A request of a page. */
export interface Fetching {
  readonly request: Request
  respondWith(response: Promise<Response>): void
  waitUntil(work: Promise<unknown>): void
}

/** The service worker that this is. */
export const scope = globalThis as unknown as Scope

/** A response with the two headers of isolation, so that threads may share memory, and more. */
export function isolated(response: Response, more: Readonly<Record<string, string>> = {}): Response {
  const headers = new Headers(response.headers)
  headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
  for (const [name, value] of Object.entries(more)) headers.set(name, value)
  const { status, statusText, body } = response
  return new Response(body, { status, statusText, headers })
}

/** Keeps a copy of a response while it is on its way to the page: a store that is slow, or full, holds nothing up. */
export function keep(event: Fetching, kept: Cache, response: Response): void {
  if (response.ok) event.waitUntil(kept.put(event.request, response.clone()).catch(() => undefined))
}
