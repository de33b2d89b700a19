/**
 * The site's service worker. It keeps the guide, the tutorials and what their cells need for times without a network, all of it from the
 * first visit on; pages of the API reference when they have been visited. The Lab has one of its own, whose scope lies in this one's and
 * goes before it. Like that one it gives pages the headers of isolation, so that cells may compute on several threads.
 */

import { type Fetching, isolated, keep, scope } from '../lab/serviceWorkerParts.ts'

/** Files to keep, relative to this one, each with a number made from what is in it. The build writes them here. */
declare const __FILES__: readonly (readonly [path: string, version: string])[]

const store = 'fovea-site-1'
const addressOf = (path: string): string => new URL(path, location.href).href
const versions = new Map(__FILES__.map(([path, version]) => [addressOf(path), version]))

/** The header in which a kept file has its number. */
const versionHeader = 'X-Fovea-Version'
/** That header, for a file that is kept. */
const numberOf = (address: string): Record<string, string> => {
  const version = versions.get(address)
  return version === undefined ? {} : { [versionHeader]: version }
}

scope.addEventListener('install', event => event.waitUntil(keepAll().then(() => scope.skipWaiting())))
scope.addEventListener('activate', event => event.waitUntil(scope.clients.claim()))
scope.addEventListener('fetch', event => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  // The Lab keeps its own files.
  const isLabs = pathname.startsWith(new URL('lab/', location.href).pathname) && !versions.has(request.url)
  if (request.method !== 'GET' || origin !== location.origin || isLabs) return
  event.respondWith(answer(event))
})

/** Asks for the files that are not kept as they are now, and forgets what the site no longer has. */
async function keepAll(): Promise<void> {
  const kept = await caches.open(store)
  for (const { url } of await kept.keys()) if (isFinal(url) && !versions.has(url)) await kept.delete(url)
  const missing: string[] = []
  for (const [address, version] of versions) {
    const found = await kept.match(address)
    if (found?.headers.get(versionHeader) !== version) missing.push(address)
  }
  // A few at a time: whoever reads meanwhile comes first.
  const next = async (): Promise<void> => {
    for (let address = missing.pop(); address !== undefined; address = missing.pop()) {
      const response = await fetch(address, { cache: 'no-cache' })
      if (!response.ok) throw new Error(`${address}: ${response.status}`)
      await kept.put(address, isolated(response, numberOf(address)))
    }
  }
  await Promise.all([next(), next(), next()])
}

async function answer(event: Fetching): Promise<Response> {
  const { request } = event
  const kept = await caches.open(store)
  if (isFinal(request.url)) {
    const found = await kept.match(request, { ignoreVary: true })
    if (found) return found
  }
  try {
    const response = isolated(await fetch(request), numberOf(request.url))
    keep(event, kept, response)
    return response
  } catch (error) {
    const found =
      (await kept.match(request, { ignoreSearch: true, ignoreVary: true })) ?? (await kept.match(indexOf(request)))
    if (found) return found
    throw error
  }
}

/** Folders are their index pages. */
const indexOf = ({ url }: Request): string => addressOf(new URL(url).pathname.replace(/\/$/, '/index.html'))

/** Files whose names the build makes from what is in them. */
const isFinal = (url: string): boolean =>
  /\/(?:assets|live)\/(?:.*[.-])[\w-]{8}(?:\.lean)?\.\w+$/.test(new URL(url).pathname)
