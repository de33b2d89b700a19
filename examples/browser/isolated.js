// Import this first: where the server does not isolate the page, a service worker does, after one reload.
if (!crossOriginIsolated && 'serviceWorker' in navigator && !sessionStorage.isolating) {
  await navigator.serviceWorker.register('isolate.js')
  await navigator.serviceWorker.ready
  sessionStorage.isolating = 'tried'
  location.reload()
}
