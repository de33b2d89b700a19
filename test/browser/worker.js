/** Runs `train50` in a dedicated worker of a page. */
import { train50 } from './train50.js'

self.onmessage = async ({ data }) => {
  try {
    self.postMessage(await train50(data))
  } catch (error) {
    self.postMessage({ error: String(error?.stack ?? error) })
  }
}
