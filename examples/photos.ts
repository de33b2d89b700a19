// node --import tsx examples/photos.ts FOLDER, with a sub-folder of pictures for each class
import { createEngine } from 'fovea'
import { compose, flipViews, horizontalFlip, randomResizedCrop } from 'fovea/augment'
import { channelStatistics, imageFolder, splitDataset, workerLoader } from 'fovea/data'
import {
  batchNorm2d,
  conv2d,
  flatten,
  globalAveragePool2d,
  linear,
  maxPool2d,
  relu,
  sequential,
  standardize,
} from 'fovea/nn'
import { adam } from 'fovea/optim'
import { Trainer } from 'fovea/train'

const photos = await imageFolder(process.argv[2] ?? 'photos', { shape: [64, 64, 3], corrupt: 'skip' })
for (const { reason } of photos.skipped) console.log(`left out: ${reason}`)
const { train, validation } = splitDataset(photos, { validation: 0.25, seed: 0 })

// Fitted on the training split, stored in every checkpoint.
const preprocessing = standardize(await channelStatistics(train))
// biome-ignore format: one line a stage
const model = sequential(
  preprocessing, // bytes → N × 3 × 64 × 64
  conv2d(3, 16, 3, { stride: 2, padding: 1 }), batchNorm2d(16), relu(), maxPool2d(2), // N × 16 × 16 × 16
  conv2d(16, 32, 3, { padding: 1 }), batchNorm2d(32), relu(), maxPool2d(2), // N × 32 × 8 × 8
  conv2d(32, 64, 3, { padding: 1 }), batchNorm2d(64), relu(), globalAveragePool2d(), flatten(), // N × 64
  linear(64, photos.classes.length),
).initialize(0)

const engine = createEngine()
const trainer = new Trainer({
  model,
  engine,
  train,
  validation,
  augment: compose([randomResizedCrop({ size: 64, scale: [0.4, 1] }), horizontalFlip()]),
  loader: workerLoader({ workers: 1 }),
  optimizer: adam({ lr: 2e-3 }),
  epochs: 3,
  batchSize: 16,
})
for await (const event of trainer.run()) {
  if (event.type === 'epoch')
    console.log(`waited for images: ${(100 * (event.waitShare ?? 0)).toFixed(1)} % of the time`)
  if (event.type === 'validation') console.log('validation accuracy', event.accuracy)
}
const flipped = await trainer.evaluator.evaluateViews(validation, flipViews())
console.log('averaged over mirror images', flipped.accuracy)
await engine.close()
