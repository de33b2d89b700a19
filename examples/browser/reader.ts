/** A model that reads handwritten digits. */
import { createEngine } from 'fovea'
import { prepareGrayDigit } from 'fovea/data'
import { lenet5 } from 'fovea/models'
import { ImageClassifier, normalize } from 'fovea/nn'
import { Evaluator, loadWeights } from 'fovea/train'
import { grayPixels } from './pixels.ts'

/** The model of `fovea train lenet5`: what its images need first, and the network. */
export const createModel = () => new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5())

/** @param weights where the file is, or its bytes */
export async function createReader(weights: URL | Uint8Array) {
  const model = createModel()
  await loadWeights(model, weights)
  const evaluator = new Evaluator(createEngine(), model, [28, 28, 1])

  /** Reads a canvas, a file, a video's frame: dark on light or light on dark, of any size. */
  return async (source: ImageBitmapSource): Promise<string> => {
    const digit = prepareGrayDigit(grayPixels(await createImageBitmap(source)))
    const probabilities = await evaluator.predict(digit)
    const best = Math.max(...probabilities)
    return `${probabilities.indexOf(best)} (${(100 * best).toFixed(1)} %)`
  }
}
