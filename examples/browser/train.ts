/** Training from the page's side: starts the worker and listens to it. */
import type { Files, Message } from './trainWorker.ts'

/** @returns the trained weights, as a safetensors file */
export function trainInWorker(files: Files, onStep: (step: number, loss: number) => void): Promise<Uint8Array> {
  const worker = new Worker(new URL('./trainWorker.ts', import.meta.url), { type: 'module' })
  worker.postMessage(files)
  return new Promise<Uint8Array>((resolve, reject) => {
    worker.onerror = event => reject(new Error(event.message))
    worker.onmessage = ({ data }: MessageEvent<Message>) => {
      if ('weights' in data) resolve(data.weights)
      else onStep(data.step, data.loss)
    }
  }).finally(() => worker.terminate())
}
