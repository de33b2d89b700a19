// npx tsx examples/sources.ts: images from arrays, and the same task as a stream that is never held in memory.
import { createEngine } from 'fovea'
import { type BatchSource, createLoader, imageDataset, type StreamSample, streamBatches, subsetOf } from 'fovea/data'
import { conv2d, flatten, ImageClassifier, linear, maxPool2d, normalize, relu, sequential } from 'fovea/nn'
import { adam } from 'fovea/optim'
import { Trainer } from 'fovea/train'

/** A bright bar on a dark 12 × 12 image, lying (class 0) or upright (class 1). */
function bar(k: number): { image: Uint8Array; label: number } {
  const image = Uint8Array.from({ length: 144 }, (_, i) => (i * 37 + k * 101) % 60)
  const [label, place, length] = [k % 2, k % 11, 4 + (k % 7)]
  for (let i = 0; i < length; i++) image[label === 0 ? place * 12 + i : i * 12 + place] = 230
  return { image, label }
}

// In memory: one array an image, or all pixels in one; counts, labels and values are checked.
const bars = Array.from({ length: 400 }, (_, k) => bar(k))
const images = imageDataset({
  images: bars.map(({ image }) => image),
  labels: bars.map(({ label }) => label),
  shape: [12, 12, 1],
  classes: ['lying', 'upright'],
})

// Or anything that can be iterated, from a database or a socket for example: images come one by one, in every epoch anew.
async function* rows(): AsyncGenerator<StreamSample> {
  for (let k = 0; ; k++) yield bar(k)
}
const stream = streamBatches({
  open: rows,
  samples: 400,
  shape: [12, 12, 1],
  classes: images.classes,
  batchSize: 20,
  shuffleWindow: 100,
})

const sources: [name: string, train: BatchSource][] = [
  ['arrays', createLoader(subsetOf(images), { batchSize: 20, seed: 0 })],
  ['stream', stream],
]
for (const [name, train] of sources) {
  const engine = createEngine()
  // biome-ignore format: one line a stage
  const network = sequential(
    conv2d(1, 4, 3), relu(), maxPool2d(2), flatten(), // N × 100
    linear(100, 2),
  )
  const model = new ImageClassifier(normalize({ mean: [0.2], std: [0.25] }), network).initialize(0)
  const trainer = new Trainer({ model, engine, train, optimizer: adam({ lr: 0.01 }), epochs: 4 })
  for await (const event of trainer.run()) {
    if (event.type === 'epoch' && event.epoch === 4)
      console.log(`${name}: ${(100 * event.accuracy).toFixed(1)} % right`)
  }
  await engine.close()
}
