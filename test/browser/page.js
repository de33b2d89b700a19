/**
 * What the test calls on its page: `train(options)`, with a record of how long the page's own event loop was held up meanwhile,
 * and `ask(options)`; here or in a dedicated worker.
 */
import { askWhileBusy } from './busy.js'
import { train50 } from './train50.js'

const bytesOf = async url => new Uint8Array(await (await fetch(url)).arrayBuffer())

/** Where everything is. */
async function data() {
  const [images, labels] = await Promise.all([bytesOf('/data/images'), bytesOf('/data/labels')])
  return { doors: new URL('/package/', location.href).href, images, labels }
}

/** Counts timer ticks and frames of the page until the returned function is called. */
function pulse() {
  const counts = { ticks: 0, frames: 0 }
  const started = performance.now()
  const timer = setInterval(() => {
    counts.ticks++
  }, 1)
  let frame = requestAnimationFrame(function count() {
    counts.frames++
    frame = requestAnimationFrame(count)
  })
  return () => {
    clearInterval(timer)
    cancelAnimationFrame(frame)
    return { ...counts, milliseconds: performance.now() - started }
  }
}

/** Trains on the page itself. */
async function trainHere(options) {
  let stop
  const result = await train50({
    ...options,
    onFirstStep: () => {
      stop = pulse()
    },
  })
  return { ...result, pulse: stop() }
}

/** Trains, or asks, in a dedicated worker of the page. @param what name of a function of the worker's */
function inWorkerOfPage(what, options) {
  const worker = new Worker('worker.js', { type: 'module' })
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => ('error' in data ? reject(new Error(data.error)) : resolve(data))
    worker.onerror = event => reject(new Error(event.message))
    worker.postMessage({ what, options })
  }).finally(() => worker.terminate())
}

globalThis.train = async ({ inWorker, ...options }) => {
  const all = { ...options, ...(await data()) }
  const result = await (inWorker ? inWorkerOfPage('train50', all) : trainHere(all))
  return { ...result, isolated: crossOriginIsolated }
}

globalThis.ask = async ({ inWorker, ...options }) => {
  const all = { ...options, ...(await data()) }
  return inWorker ? inWorkerOfPage('askWhileBusy', all) : askWhileBusy(all)
}
