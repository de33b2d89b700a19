/** Fovea with its own file of a classifier, which has the preprocessing in it. */
import { createEngine } from 'fovea'
import { loadClassifier } from 'fovea/classifier'
import { measure, side, threads } from './page.ts'

measure(async () => {
  const engine = createEngine({ threads })
  const classify = await loadClassifier('/models/network.fovea', { engine })
  return {
    threads: engine.description.threads,
    async ask(pixels) {
      const logits = new Float32Array(classify.classes.length)
      const classes = await classify({ pixels, width: side, height: side, channels: 3 })
      for (const { index, probability } of classes) logits[index] = Math.log(probability)
      return logits
    },
  }
})
