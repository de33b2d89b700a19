/** Training on augmented images: the same bits for every way of running it, soft labels, and refused transforms. */
import { describe, expect, it } from 'vitest'
import { compose } from '../../src/augment/compose.ts'
import { randomCrop } from '../../src/augment/crop.ts'
import { LabelSafetyError } from '../../src/augment/errors.ts'
import { horizontalFlip } from '../../src/augment/flip.ts'
import { mixup } from '../../src/augment/mix.ts'
import { createEngine } from '../../src/backends/createEngine.ts'
import { imageDataset, streamBatches, subsetOf } from '../../src/data/index.ts'
import { flatten } from '../../src/nn/flatten.ts'
import { linear } from '../../src/nn/linear.ts'
import { crossEntropy } from '../../src/nn/losses.ts'
import type { Module } from '../../src/nn/module.ts'
import { normalize } from '../../src/nn/normalize.ts'
import { sequential } from '../../src/nn/sequential.ts'
import { sgd } from '../../src/optim/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import type { TrainEvent } from '../../src/train/events.ts'
import { Trainer, type TrainerOptions } from '../../src/train/trainer.ts'

/** 8 × 8 images of two classes: bright at the top or at the bottom, with noise. */
const count = 64
const random = new RandomSequence(5, 'images')
const dataset = imageDataset({
  images: Array.from({ length: count }, (_, k) =>
    Array.from({ length: 64 }, (_, i) => random.integer(120) + (k % 2 === Number(i < 32) ? 130 : 0)),
  ),
  labels: Array.from({ length: count }, (_, k) => k % 2),
  shape: [8, 8, 1],
  classes: ['top', 'bottom'],
})
const augment = compose([randomCrop({ size: 8, padding: 1 }), horizontalFlip()])

const network = (pixels = 64): Module =>
  sequential(normalize({ mean: [0.5], std: [0.25] }), flatten(), linear(pixels, 2)).initialize(1)

async function train(options: Partial<TrainerOptions> = {}): Promise<{ model: Module; events: TrainEvent[] }> {
  const model = options.model ?? network()
  const engine = createEngine({ threads: 1 })
  const events: TrainEvent[] = []
  try {
    const optimizer = sgd({ lr: 0.01 })
    const trainer = new Trainer({
      model,
      train: subsetOf(dataset),
      engine,
      optimizer,
      epochs: 3,
      batchSize: 10,
      seed: 3,
      augment,
      ...options,
    })
    for await (const event of trainer.run()) events.push(event)
  } finally {
    await engine.close()
  }
  return { model, events }
}

const weights = (model: Module): number[] => [...model.parameters().values()].flatMap(({ value }) => [...value])

describe('training on augmented images', () => {
  it('learns, gives the same weights again, and others than without augmentation or with another seed', async () => {
    const { model, events } = await train()
    const last = events.findLast(event => event.type === 'epoch')
    expect(last?.accuracy).toBeGreaterThan(0.9)
    expect(last?.waitShare).toBeGreaterThan(0)
    expect(last?.waitShare).toBeLessThan(1)
    expect(weights((await train()).model)).toEqual(weights(model))
    expect(weights((await train({ seed: 4 })).model)).not.toEqual(weights(model))
    expect(weights((await train({ augment: compose([]) })).model)).not.toEqual(weights(model))
  })

  it('goes on after an interruption in the middle of an epoch to the same weights', async () => {
    const whole = weights((await train()).model)
    const engine = createEngine({ threads: 1 })
    const options = { train: subsetOf(dataset), engine, epochs: 3, batchSize: 10, seed: 3, augment }
    const first = new Trainer({ ...options, model: network(), optimizer: sgd({ lr: 0.01 }) })
    for await (const event of first.run()) if (event.type === 'step' && event.step === 9) first.stop()
    const model = network()
    const second = new Trainer({ ...options, model, optimizer: sgd({ lr: 0.01 }) })
    await second.restore(await first.snapshot())
    for await (const _ of second.run());
    await engine.close()
    expect(weights(model)).toEqual(whole)
  })

  it('trains on smaller crops, and evaluates the middle of larger images', async () => {
    const model = network(36)
    const { events } = await train({
      model,
      augment: compose([randomCrop({ size: 6 })]),
      validation: subsetOf(dataset),
    })
    expect(events.findLast(event => event.type === 'validation')?.accuracy).toBeGreaterThan(0.9)
  })

  it('refuses mirror images of symbols', async () => {
    const symbols = { ...dataset, name: 'runes', symbols: true }
    const refused = train({ train: subsetOf(symbols) })
    await expect(refused).rejects.toThrow(LabelSafetyError)
    await expect(refused).rejects.toThrow(
      /horizontalFlip mirrors pictures, but the classes of runes are written symbols/,
    )
    const forced = compose([horizontalFlip()], { allowLabelChanges: true })
    await train({ train: subsetOf(symbols), augment: forced, epochs: 1 })
  })
})

describe('soft labels', () => {
  it('are what the loss sees: the first loss is the mixed cross-entropy', async () => {
    const mixed = compose([mixup({ alpha: 1 })])
    const { events } = await train({ augment: mixed, epochs: 1, batchSize: 64 })
    const step = events.find(event => event.type === 'step')
    // The same batch by hand: with linear logits and the initial weights.
    const { BatchLoader } = await import('../../src/data/loader.ts')
    const loader = new BatchLoader(subsetOf(dataset), { batchSize: 64, seed: 3, augment: mixed })
    loader.startEpoch(1)
    const images = new Uint8Array(64 * 64)
    const labels = new Float32Array(64 * 2)
    loader.fill(0, images, labels)
    const [weight, bias] = [...network().parameters().values()].map(({ value }) => value)
    let loss = 0
    let right = 0
    for (let n = 0; n < 64; n++) {
      const logits = [0, 1].map(c => {
        let sum = bias![c]!
        for (let i = 0; i < 64; i++) sum += weight![c * 64 + i]! * ((images[n * 64 + i]! / 255 - 0.5) / 0.25)
        return sum
      })
      const total = Math.log(Math.exp(logits[0]!) + Math.exp(logits[1]!))
      loss -= (labels[2 * n]! * (logits[0]! - total) + labels[2 * n + 1]! * (logits[1]! - total)) / 64
      if (logits[1]! > logits[0]! === labels[2 * n + 1]! > labels[2 * n]!) right++
    }
    expect(new Set(labels).size).toBeGreaterThan(2)
    expect(step?.loss).toBeCloseTo(loss, 5)
    expect(step?.accuracy).toBeCloseTo(right / 64, 6)
  })

  it('learn as well', async () => {
    const { events } = await train({ augment: compose([mixup()]), validation: subsetOf(dataset), loss: crossEntropy() })
    expect(events.findLast(event => event.type === 'validation')?.accuracy).toBeGreaterThan(0.9)
  })
})

describe('a stream', () => {
  it('trains like the same images in memory in the same order', async () => {
    const open = async function* () {
      for (let k = 0; k < count; k++) {
        yield { image: dataset.images.subarray(k * 64, (k + 1) * 64), label: dataset.labels[k]! }
      }
    }
    const { shape, classes } = dataset
    const stream = streamBatches({ open, samples: count, shape, classes, batchSize: 10, seed: 3, augment })
    const { model } = await train({ train: stream, epochs: 2 })
    const { createLoader } = await import('../../src/data/createLoader.ts')
    const { model: expected } = await train({
      epochs: 2,
      loader: (subset, options) => createLoader(subset, { ...options, shuffle: false }),
    })
    expect(weights(model)).toEqual(weights(expected))
  })
})
