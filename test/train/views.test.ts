/** Test-time augmentation: probabilities averaged over views, against the average of single predictions. */
import { afterAll, describe, expect, it } from 'vitest'
import { LabelSafetyError } from '../../src/augment/errors.ts'
import { coverView, fiveCrop, flipViews, tenCrop, type Views } from '../../src/augment/views.ts'
import { createEngine } from '../../src/backends/createEngine.ts'
import { imageDataset } from '../../src/data/arrays.ts'
import { rasterOf } from '../../src/data/rasters.ts'
import { subsetOf } from '../../src/data/split.ts'
import { relu } from '../../src/nn/activations.ts'
import { conv2d } from '../../src/nn/convolution.ts'
import { flatten } from '../../src/nn/flatten.ts'
import { linear } from '../../src/nn/linear.ts'
import { normalize } from '../../src/nn/normalize.ts'
import { sequential } from '../../src/nn/sequential.ts'
import { Evaluator } from '../../src/train/evaluate.ts'

const engine = createEngine({ threads: 1 })
afterAll(() => engine.close())

const dataset = imageDataset({
  images: Uint8Array.from({ length: 300 * 8 * 8 * 3 }, (_, i) => (i * 97 + (i >> 5) * 13) % 256),
  labels: Array.from({ length: 300 }, (_, k) => k % 4),
  shape: [8, 8, 3],
  classes: ['ant', 'bee', 'cat', 'dog'],
})

const model = (size: number) =>
  sequential(
    normalize({ mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] }),
    conv2d(3, 5, 3, { padding: 1 }),
    relu(),
    flatten(),
    linear(5 * size * size, 4),
  ).initialize(6)

describe('evaluation on views', () => {
  it.each<[string, Views, number]>([
    ['flips', flipViews(), 8],
    ['five crops', fiveCrop(6), 6],
    ['ten crops', tenCrop(6), 6],
    ['one scaled view', coverView(6), 6],
  ])('%s: the mean of what is said to each', async (_, views, size) => {
    const evaluator = new Evaluator(engine, model(size), [size, size, 3])
    const seen: number[] = []
    const found = await evaluator.evaluateViews(subsetOf(dataset), views, { onProgress: done => seen.push(done) })
    expect(seen).toEqual([256, 300])
    expect(found.samples).toBe(300)
    let right = 0
    for (const index of [0, 1, 100, 255, 256, 299]) {
      const image = await rasterOf(dataset, index)
      const mean = new Float64Array(4)
      for (let k = 0; k < views.count; k++) {
        const probabilities = await evaluator.predict(views.view(image, k).pixels)
        probabilities.forEach((value, c) => {
          mean[c]! += value / views.count
        })
      }
      const best = mean.indexOf(Math.max(...mean))
      expect(found.predicted[index]).toBe(best)
      expect(found.probability[index]).toBeCloseTo(mean[best]!, 5)
      expect(found.losses[index]).toBeCloseTo(-Math.log(mean[dataset.labels[index]!]!), 4)
    }
    found.predicted.forEach((label, k) => {
      if (label === dataset.labels[k]) right++
    })
    expect(found.accuracy).toBeCloseTo(right / 300, 12)
    expect(found.confusion.flat().reduce((a, b) => a + b)).toBe(300)
  })

  it('of one whole view is the plain evaluation', async () => {
    const evaluator = new Evaluator(engine, model(8), [8, 8, 3])
    const plain = await evaluator.evaluate(subsetOf(dataset))
    const views = await evaluator.evaluateViews(subsetOf(dataset), coverView(8))
    expect(views.predicted).toEqual(plain.predicted)
    expect(views.loss).toBeCloseTo(plain.loss, 5)
  })

  it('refuses views of another shape, and mirror images of symbols unless forced', async () => {
    const evaluator = new Evaluator(engine, model(8), [8, 8, 3])
    await expect(evaluator.evaluateViews(subsetOf(dataset), fiveCrop(6))).rejects.toThrow(
      'fiveCrop: its views are [6, 6, 3], the model takes [8, 8, 3]',
    )
    const letters = subsetOf({ ...dataset, name: 'letters', symbols: true }, 8)
    await expect(evaluator.evaluateViews(letters, flipViews())).rejects.toThrow(LabelSafetyError)
    await expect(evaluator.evaluateViews(letters, flipViews())).rejects.toThrow(/flipViews mirrors pictures/)
    await evaluator.evaluateViews(letters, flipViews(), { allowLabelChanges: true })
    await evaluator.evaluateViews(letters, coverView(8))
    // Larger views are cut to their middle, as in a plain evaluation.
    const small = new Evaluator(engine, model(6), [6, 6, 3])
    const { predicted } = await small.evaluateViews(subsetOf(dataset), coverView(8))
    expect(predicted).toEqual((await small.evaluate(subsetOf(dataset))).predicted)
  })

  it('refuses an image that is not there', async () => {
    await expect(rasterOf(dataset, 300)).rejects.toThrow('images: no image 300 of 300')
  })
})
