/** Computes in a worker of a page and tells the result. */
import { compute } from './compute.js'

self.postMessage(await compute())
