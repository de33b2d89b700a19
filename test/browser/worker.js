/** Runs `train50` or `askWhileBusy` in a dedicated worker of a page. */
import { askWhileBusy } from './busy.js'
import { train50 } from './train50.js'

const functions = { askWhileBusy, train50 }

self.onmessage = async ({ data: { what, options } }) => {
  try {
    self.postMessage(await functions[what](options))
  } catch (error) {
    self.postMessage({ error: String(error?.stack ?? error) })
  }
}
