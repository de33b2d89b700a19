/**
 * Threads share memory only on isolated pages. Where the server does not say so itself, a service worker of ours does; it also
 * keeps the Lab for times without a network. One reload at most: what did not help once does not help twice.
 */

const key = 'fovea-lab-isolating'

/** @returns false when the page is about to be loaded again */
export async function isolate(): Promise<boolean> {
  if (!('serviceWorker' in navigator) || !isSecureContext) return true
  const registered = navigator.serviceWorker.register('serviceWorker.js')
  if (crossOriginIsolated) {
    registered.catch(() => undefined)
    forget()
    return true
  }
  try {
    if (sessionStorage.getItem(key) !== null) return true
    sessionStorage.setItem(key, 'tried')
    const registration = await registered
    // Where workers are forbidden without a word, none is ever ready.
    if (!(registration?.installing || registration?.waiting || registration?.active)) return true
    await navigator.serviceWorker.ready
  } catch {
    // Forbidden storage or workers: one thread then, and the top bar says so.
    return true
  }
  location.reload()
  return false
}

function forget(): void {
  try {
    sessionStorage.removeItem(key)
  } catch {
    // Nothing was kept then.
  }
}
