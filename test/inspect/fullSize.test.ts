/**
 * A whole ResNet-18 with random weights on a picture, of 224 × 224 with FOVEA_FULL=1, else of 64 × 64. The reference, which computes by definition in double
 * precision, and WebAssembly, with all its layouts and algorithms, see the same in it.
 */
import { expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import type { Engine } from '../../src/backends/engine.ts'
import { gradCam, Inspector } from '../../src/inspect/index.ts'
import { resnet18 } from '../../src/models/index.ts'
import { ImageClassifier, normalize } from '../../src/nn/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import { full } from '../support/full.ts'
import { departure } from './network.ts'

const side = full ? 224 : 64
/** Places of the last stage. */
const places = (side / 32) ** 2

/** Smooth waves in three colors, with noise: many frequencies, as a photograph has. */
const random = new RandomSequence(1, 'picture')
const picture = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
  const [y, x, c] = [Math.floor(i / (3 * side)), Math.floor(i / 3) % side, i % 3]
  return 128 + 80 * Math.sin(x / (9 + c)) * Math.cos(y / (23 - 4 * c)) + 30 * random.uniform()
})

const networkOn = (engine: Engine): Inspector => {
  const preprocessing = normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })
  return new Inspector(engine, new ImageClassifier(preprocessing, resnet18().initialize(3)), [side, side, 3])
}

test(`both backends see the same in a ResNet-18 at ${side} × ${side}: logits, the last stage, its gradient and Grad-CAM`, async () => {
  const [wasm, reference] = [createEngine(), createEngine({ backend: 'reference' })]
  const question = ['layer4', { gradientsOf: 281 }] as const
  const own = await networkOn(wasm).capture(picture, ...question)
  const { map } = await gradCam(networkOn(wasm), picture, { of: 281, layer: 'layer4' })
  // One pass of the reference, which takes its time: the gradient of the last stage goes back through a pool and one layer.
  const expected = await networkOn(reference).capture(picture, ...question)
  await Promise.all([wasm.close(), reference.close()])

  expect(own.predicted).toEqual(expected.predicted)
  const [values, slopes] = [expected.values, expected.gradients].map(found => found.get('layer4')!.values)
  const cam = Array.from({ length: places }, (_, i) => {
    let sum = 0
    for (let c = 0; c < 512; c++) {
      const mean = slopes!.subarray(places * c, places * (c + 1)).reduce((a, b) => a + b, 0) / places
      sum += mean * values![places * c + i]!
    }
    return Math.max(sum, 0)
  })
  expect(map.shape).toEqual([1, side / 32, side / 32])
  expect(Math.max(...cam)).toBeGreaterThan(0)
  // Eighteen layers of sums of up to 4,608 products in single precision, most by Winograd's algorithm.
  const tolerance = 1e-5
  expect(departure(own.logits.values, expected.logits.values)).toBeLessThan(tolerance)
  expect(departure(own.values.get('layer4')!.values, values!)).toBeLessThan(tolerance)
  expect(departure(own.gradients.get('layer4')!.values, slopes!)).toBeLessThan(tolerance)
  expect(departure(map.values, cam)).toBeLessThan(tolerance)
}, 900_000)
