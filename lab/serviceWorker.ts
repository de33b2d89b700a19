/**
 * The Lab's service worker. It gives pages of servers that cannot the two headers of isolation, so that threads may share memory, and keeps
 * what was loaded for times without a network: files with a hash in their name are what they are, all others are asked for first.
 */

import { type Fetching, isolated, keep, scope } from './serviceWorkerParts.ts'

const store = 'fovea-lab-1'

scope.addEventListener('install', event => event.waitUntil(scope.skipWaiting()))
scope.addEventListener('activate', event => event.waitUntil(scope.clients.claim()))
scope.addEventListener('fetch', event => {
  const { request } = event
  if (request.method !== 'GET' || new URL(request.url).origin !== location.origin) return
  // Runs change, and their stream has no end.
  if (request.url.startsWith(new URL('runs/', location.href).href)) return
  event.respondWith(answer(event))
})

async function answer(event: Fetching): Promise<Response> {
  const { request } = event
  const kept = await caches.open(store)
  if (isFinal(request.url)) {
    const found = await kept.match(request)
    if (found) return found
  }
  try {
    const response = isolated(await fetch(request))
    keep(event, kept, response)
    return response
  } catch (error) {
    const found = await kept.match(request, { ignoreSearch: true })
    if (found) return found
    throw error
  }
}

/** Files whose names the build makes from what is in them. */
const isFinal = (url: string): boolean => /\/assets\/[^/]+-[\w-]{8}\.\w+$/.test(new URL(url).pathname)
