/** Reads handwritten digits. */
import { createEngine } from 'fovea'
import { Evaluator, loadWeights } from 'fovea/train'
import { createModel } from './model.ts'
import { inputOf } from './pixels.ts'

const engine = createEngine()
const shape = [28, 28, 1] as const

/** @param weights where the file is, or its bytes */
export async function createReader(weights: string | Uint8Array) {
  const model = createModel()
  await loadWeights(model, weights)
  const evaluator = new Evaluator(engine, model, shape)

  /** Reads a canvas, a file, a video's frame: dark on light or light on dark, of any size. */
  return async (source: ImageBitmapSource): Promise<string> => {
    const probabilities = await evaluator.predict(await inputOf(source, shape))
    const best = Math.max(...probabilities)
    return `${probabilities.indexOf(best)} (${(100 * best).toFixed(1)} %)`
  }
}
