// A service worker that gives a page the headers that its server does not.
self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', event => event.waitUntil(self.clients.claim()))
self.addEventListener('fetch', event => {
  event.respondWith(
    fetch(event.request).then(response => {
      // Nothing can be added to what other origins answer without leave.
      if (response.status === 0) return response
      const headers = new Headers(response.headers)
      headers.set('Cross-Origin-Opener-Policy', 'same-origin')
      headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
      const { status, statusText } = response
      return new Response(response.body, { status, statusText, headers })
    }),
  )
})
