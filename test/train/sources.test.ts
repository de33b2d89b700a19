/** What a trainer makes of model and images that do not fit each other, and of a last batch that cannot be trained on. */
import { afterAll, describe, expect, it } from 'vitest'
import type { Engine } from '../../src/backends/engine.ts'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { createLoader } from '../../src/data/createLoader.ts'
import { type ImageDataset, imageDataset, type StreamSample, streamBatches, subsetOf } from '../../src/data/index.ts'
import { googlenet } from '../../src/models/googlenet.ts'
import {
  batchNorm1d,
  batchNorm2d,
  conv2d,
  flatten,
  globalAveragePool2d,
  linear,
  type Module,
  normalize,
  relu,
  sequential,
} from '../../src/nn/index.ts'
import { sgd, swa } from '../../src/optim/index.ts'
import { Evaluator } from '../../src/train/evaluate.ts'
import type { TrainEvent } from '../../src/train/events.ts'
import { Trainer, type TrainerOptions } from '../../src/train/trainer.ts'
import { expectSameBits } from '../support/programs.ts'

const engines: Engine[] = []
afterAll(() => Promise.all(engines.map(engine => engine.close())))
async function newEngine(): Promise<Engine> {
  const engine = await createWasmEngine({ threads: 1 })
  engines.push(engine)
  return engine
}

/** 4 × 4 gray images of as many classes as there are names. */
const images = (count: number, classes: readonly string[] = ['ant', 'bee', 'cow']): ImageDataset =>
  imageDataset({
    name: 'photos',
    images: Uint8Array.from({ length: 16 * count }, (_, i) => (i * 37 + (i >> 4) * 91) % 256),
    labels: Array.from({ length: count }, (_, k) => k % classes.length),
    shape: [4, 4, 1],
    classes,
  })

const pixels = () => normalize({ mean: [0.5], std: [0.3] })
const plain = (outputs = 3): Module => sequential(pixels(), flatten(), linear(16, outputs)).initialize(1)
/** Batch norm of 1 × 1 maps: one value per channel and image. */
const withNorm = (): Module =>
  sequential({
    pixels: pixels(),
    conv: conv2d(1, 4, 3),
    pool: globalAveragePool2d(),
    norm: batchNorm2d(4),
    relu: relu(),
    flatten: flatten(),
    fc: linear(4, 3),
  }).initialize(1)

async function trainerOf(options: Partial<TrainerOptions> = {}): Promise<Trainer> {
  return new Trainer({
    model: plain(),
    engine: await newEngine(),
    train: subsetOf(images(33)),
    optimizer: sgd({ lr: 0.1, momentum: 0.9 }),
    epochs: 2,
    batchSize: 8,
    ...options,
  })
}

async function eventsOf(trainer: Trainer): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of trainer.run()) events.push(event)
  return events
}

const weightsOf = async (trainer: Trainer) =>
  [...(await trainer.snapshot()).tensors].map(([path, { values }]) => [path, [...values]])

describe('outputs that are not the classes are refused before the first step', () => {
  it.each([2, 7, 20])('%d for 3', async outputs => {
    await expect(trainerOf({ model: plain(outputs) })).rejects.toThrow(
      `model: has ${outputs} outputs, but photos has 3 classes (ant, bee, cow): give its last layer 3 outputs, or put a new one ` +
        'in its place: replaceHead(model, 3)',
    )
  })

  it('of a stream, too', async () => {
    const { classes } = images(3)
    const train = streamBatches({ open: () => [], samples: 9, shape: [4, 4, 1], classes, batchSize: 3 })
    await expect(trainerOf({ model: plain(4), train })).rejects.toThrow('has 4 outputs, but stream has 3 classes')
  })

  it('of an auxiliary classifier, too', async () => {
    const model = googlenet({ classes: 3, auxiliary: true })
    const [name] = model.trainingOnly
    const other = googlenet({ classes: 5, auxiliary: true })
    Object.assign(model, { [name!]: Reflect.get(other, name!) })
    const shape = [224, 224, 3] as const
    const train = { ...images(6), images: new Uint8Array(6 * 224 * 224 * 3), shape }
    const channels = normalize({ mean: [0, 0, 0], std: [1, 1, 1] })
    await expect(
      trainerOf({ model: sequential(channels, model).initialize(0), train: subsetOf(train), batchSize: 2 }),
    ).rejects.toThrow('has 5 outputs, but photos has 3 classes')
  })

  it('and when a model is scored', async () => {
    const evaluator = new Evaluator(await newEngine(), plain(4), [4, 4, 1])
    const data = subsetOf(images(6))
    await expect(evaluator.evaluate(data)).rejects.toThrow('has 4 outputs, but photos has 3 classes')
    await expect(evaluator.probabilities(data)).rejects.toThrow('has 4 outputs, but photos has 3 classes')
  })

  it('with the first few names of many classes', async () => {
    const train = subsetOf(images(20, [...'abcdefghij']))
    await expect(trainerOf({ train })).rejects.toThrow('has 3 outputs, but photos has 10 classes (a, b, c, d, …)')
  })
})

describe('classes', () => {
  it('must be two at least', async () => {
    await expect(trainerOf({ train: subsetOf(images(9, ['ant'])), model: plain(1) })).rejects.toThrow(
      'photos: has one class only (ant), so there is nothing to tell apart; training needs at least 2',
    )
  })

  it.each([
    ['in another order', ['ant', 'cow', 'bee'], 'class 1 is cow, in the training images (photos) it is bee'],
    ['fewer', ['ant', 'cow'], 'class 1 is cow, in the training images (photos) it is bee'],
    ['fewer, the first of them', ['ant', 'bee'], 'class 2 is missing, in the training images (photos) it is cow'],
    ['more', ['ant', 'bee', 'cow', 'dog'], 'class 3 is dog, in the training images (photos) it is missing'],
  ])('of validation images must be the same: %s', async (_, classes, message) => {
    const validation = subsetOf({ ...images(12, classes), name: 'val' })
    await expect(trainerOf({ validation })).rejects.toThrow(
      `val: ${message}; open both with the same list: imageFolder(path, { classes: train.classes })`,
    )
  })
})

describe('a last batch of one that batch norm cannot be trained on', () => {
  const message =
    'the last batch of each epoch (1 of 33 images) is left out: batch norm (norm) needs more than one value per channel to train on'

  it('is left out, and said once', async () => {
    const trainer = await trainerOf({ model: withNorm() })
    const events = await eventsOf(trainer)
    expect(events[0]).toMatchObject({ type: 'start', stepsPerEpoch: 4, trainSamples: 32 })
    expect(events.filter(event => event.type === 'notice')).toEqual([
      { type: 'notice', kind: 'dropLast', step: 0, epoch: 1, message },
    ])
    expect(events.filter(event => event.type === 'epoch').map(({ step, samples }) => [step, samples])).toEqual([
      [4, 32],
      [8, 32],
    ])
    // The same as having asked for it.
    const asked = await trainerOf({ model: withNorm(), dropLast: true })
    expect((await eventsOf(asked)).filter(event => event.type === 'notice')).toEqual([])
    expect(await weightsOf(asked)).toEqual(await weightsOf(trainer))
  })

  it('of a source of batches, too: a stream, a loader with the images ahead', async () => {
    const data = images(33)
    function* samples(): Generator<StreamSample> {
      for (let k = 0; k < 33; k++) yield { image: data.images.subarray(16 * k, 16 * k + 16), label: k % 3 }
    }
    const stream = streamBatches({
      ...{ open: samples, samples: 33, shape: [4, 4, 1], batchSize: 8 },
      classes: data.classes,
    })
    for (const train of [stream, createLoader(subsetOf(data), { batchSize: 8, seed: 0 })]) {
      const events = await eventsOf(await trainerOf({ model: withNorm(), train }))
      expect(events.filter(event => event.type === 'notice')).toMatchObject([{ kind: 'dropLast', message }])
      expect(events.at(-1)).toMatchObject({ type: 'done', step: 8 })
    }
  })

  it('with accumulation, an average of weights with statistics of its own, and features that are kept', async () => {
    const accumulated = await eventsOf(await trainerOf({ model: withNorm(), accumulate: 3 }))
    expect(accumulated[0]).toMatchObject({ stepsPerEpoch: 2, trainSamples: 32 })
    const averaged = await eventsOf(
      await trainerOf({ model: withNorm(), average: swa({ start: 0.5, statisticsBatches: 9 }) }),
    )
    expect(averaged.at(-1)).toMatchObject({ type: 'done', step: 8 })
    const head = sequential({
      pixels: pixels(),
      conv: conv2d(1, 4, 3),
      flatten: flatten(),
      norm: batchNorm1d(16),
      fc: linear(16, 3),
    }).initialize(2)
    for (const dropLast of [true, false]) {
      const kept = await trainerOf({ model: head, freeze: [{ match: 'conv' }], cacheFeatures: true, dropLast })
      const events = await eventsOf(kept)
      expect(events[0]).toMatchObject({ stepsPerEpoch: 4, trainSamples: 32 })
      expect(events.filter(event => event.type === 'notice').map(({ kind }) => kind)).toEqual(
        dropLast ? ['features'] : ['dropLast', 'features'],
      )
    }
  })

  it('goes on after an interruption with the same bits, and says nothing a second time', async () => {
    const whole = await trainerOf({ model: withNorm() })
    await eventsOf(whole)
    const first = await trainerOf({ model: withNorm() })
    for await (const event of first.run()) if (event.type === 'step' && event.step === 3) first.stop()
    const second = await trainerOf({ model: withNorm() })
    await second.restore(await first.snapshot())
    const events = await eventsOf(second)
    expect(events.filter(event => event.type === 'notice')).toEqual([])
    for (const [path, { values }] of (await second.snapshot()).tensors) {
      expectSameBits(values, (await whole.snapshot()).tensors.get(path)!.values, path)
    }
  })

  it('stays where nothing is in its way, and where two images are left', async () => {
    const norms = sequential(pixels(), conv2d(1, 4, 3), batchNorm2d(4), flatten(), linear(16, 3)).initialize(1)
    for (const options of [{}, { model: norms }, { model: withNorm(), train: subsetOf(images(34)) }]) {
      const events = await eventsOf(await trainerOf(options))
      expect(events[0]).toMatchObject({ stepsPerEpoch: 5 })
      expect(events.filter(event => event.type === 'notice')).toEqual([])
    }
  })

  it('is an error where it is all there is', async () => {
    await expect(trainerOf({ model: withNorm(), train: subsetOf(images(33), 1) })).rejects.toThrow(
      'photos: the only batch has 1 of 8 images: batch norm (norm) needs more than one value per channel to train on',
    )
    const alone = await trainerOf({ model: withNorm(), batchSize: 1 })
    await expect(alone.run().next()).rejects.toThrow(
      'norm: expected more than one value per channel when training, got [1, 4, 1, 1]: train on larger batches',
    )
  })
})

describe('dropLast', () => {
  it('leaves out what does not fill a batch, of images and of a source of batches', async () => {
    const train = subsetOf(images(38))
    for (const source of [train, createLoader(train, { batchSize: 8, seed: 0 })]) {
      const [start] = await eventsOf(await trainerOf({ train: source, dropLast: true }))
      expect(start).toMatchObject({ stepsPerEpoch: 4, trainSamples: 32 })
    }
    const [start] = await eventsOf(await trainerOf({ train: subsetOf(images(32)), dropLast: true }))
    expect(start).toMatchObject({ stepsPerEpoch: 4, trainSamples: 32 })
  })

  it('is refused where it leaves nothing', async () => {
    const train = subsetOf(images(7))
    await expect(trainerOf({ train, dropLast: true })).rejects.toThrow('photos: dropLast leaves no batch: 7 images')
    const source = createLoader(train, { batchSize: 8, seed: 0 })
    await expect(trainerOf({ train: source, dropLast: true })).rejects.toThrow(
      'photos: the only batch has 7 of 8 images',
    )
  })
})
