/** Features of a frozen trunk that are computed once: the run is the same as one that computes them in every step. */
import { afterAll, describe, expect, test } from 'vitest'
import { compose, horizontalFlip } from '../../src/augment/index.ts'
import { raster } from '../../src/augment/raster.ts'
import type { Engine } from '../../src/backends/engine.ts'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { createLoader } from '../../src/data/createLoader.ts'
import type { ImageDataset, StoredImages, Subset } from '../../src/data/dataset.ts'
import { subsetOf } from '../../src/data/split.ts'
import { add } from '../../src/graph/ops/elementwise.ts'
import type { Matrix, Tensor } from '../../src/graph/tensor.ts'
import { cifarResnet } from '../../src/models/cifarResnet.ts'
import { googlenet } from '../../src/models/googlenet.ts'
import {
  batchNorm2d,
  conv2d,
  dropout,
  type ForwardContext,
  flatten,
  ImageClassifier,
  linear,
  Module,
  maxPool2d,
  normalize,
  relu,
  sequential,
} from '../../src/nn/index.ts'
import { adam, ema, sgd, swa } from '../../src/optim/index.ts'
import type { TrainEvent } from '../../src/train/events.ts'
import { FrozenTrunk } from '../../src/train/frozenTrunk.ts'
import { Trainer, type TrainerOptions } from '../../src/train/trainer.ts'
import { expectClose } from '../support/fixtures.ts'
import { expectSameBits } from '../support/programs.ts'

const engines: Engine[] = []
afterAll(() => Promise.all(engines.map(engine => engine.close())))
async function newEngine(): Promise<Engine> {
  const engine = await createWasmEngine({ threads: 1 })
  engines.push(engine)
  return engine
}

/** Three classes of 6×6 color images: noise with a bright row, column or diagonal. */
function images(count: number, seed: number): Subset {
  const labels = Int32Array.from({ length: count }, (_, k) => k % 3)
  const pixels = new Uint8Array(count * 108)
  let state = seed
  for (let i = 0; i < pixels.length; i++) {
    state = (1664525 * state + 1013904223) % 2 ** 32
    const [x, y, k] = [Math.floor(i / 3) % 6, Math.floor(i / 18) % 6, Math.floor(i / 108)]
    pixels[i] = Math.floor((state / 2 ** 32) * 120) + ([y === 2, x === 3, x === y][k % 3] ? 60 : 0)
  }
  const classes = ['row', 'column', 'diagonal']
  const data: ImageDataset = { name: 'lines', images: pixels, labels, shape: [6, 6, 3], classes }
  return subsetOf(data)
}
// Not multiples of the batch size: the last batches of an epoch, and of the looks at all images, are partial.
const train = images(44, 1)
const validation = images(260, 2)

const pixels = () => normalize({ mean: [0.3, 0.3, 0.3], std: [0.2, 0.2, 0.2] })
const classifier = (network: Module): ImageClassifier => new ImageClassifier(pixels(), network).initialize(3)

/** Frozen: conv1, conv2; then a random layer, a norm that is trained and the last layers. */
const network = (): Module =>
  sequential({
    conv1: conv2d(3, 4, 3, { padding: 1 }),
    relu1: relu(),
    conv2: conv2d(4, 6, 3, { padding: 1 }),
    relu2: relu(),
    pool: maxPool2d(2),
    drop: dropout(0.2),
    conv3: conv2d(6, 8, 3, { padding: 1 }),
    bn3: batchNorm2d(8),
    flatten: flatten(),
    fc: linear(72, 3),
  })
const freeze = [{ match: ['conv1', 'conv2'] }]

type Options = Partial<TrainerOptions>
async function trainerOf(model: Module, options: Options = {}): Promise<Trainer> {
  const optimizer = sgd({ lr: 0.05, momentum: 0.9, weightDecay: 1e-3 })
  const common = { train, validation, epochs: 2, batchSize: 8, seed: 5, optimizer, freeze }
  return new Trainer({ model, engine: await newEngine(), ...common, ...options })
}

async function eventsOf(trainer: Trainer, stopAfter = Number.POSITIVE_INFINITY): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of trainer.run()) {
    events.push(event)
    if (event.type === 'step' && event.step >= stopAfter) trainer.stop()
  }
  return events
}

/** What a run says that does not depend on the clock and the kind of run. */
const scoresOf = (events: readonly TrainEvent[]) =>
  events.flatMap(event => ('loss' in event ? [[event.step, event.loss, event.accuracy]] : []))

/** Two runs are equal: in every score, every weight and statistic, and all that a checkpoint holds. */
async function expectSame(cached: Trainer, plain: Trainer): Promise<void> {
  const [a, b] = [await eventsOf(cached), await eventsOf(plain)]
  expect(scoresOf(a)).toEqual(scoresOf(b))
  await expectSameState(cached, plain)
}
async function expectSameState(a: Trainer, b: Trainer): Promise<void> {
  const [actual, expected] = [await a.snapshot(), await b.snapshot()]
  expect([...actual.tensors.keys()]).toEqual([...expected.tensors.keys()])
  expect(actual.progress).toEqual(expected.progress)
  for (const [path, { values }] of expected.tensors) expectSameBits(actual.tensors.get(path)?.values, values, path)
}

/** A model whose given layers compute as at test time also while training: what `cacheFeatures` does to the trunk's. */
class Evaluated extends ImageClassifier {
  readonly layers: () => ReadonlySet<Module>
  constructor(network: Module, frozen: (path: string) => boolean) {
    super(pixels(), network)
    this.layers = () => new Set([...network.modules()].filter(([path]) => frozen(path)).map(([, module]) => module))
  }
  override forward(x: Tensor, context: ForwardContext): Tensor {
    return super.forward(x, { ...context, frozen: this.layers() })
  }
}

describe('a run on kept features is the run without', () => {
  // To the bit with this network, whose cut is before a dropout; of others see below.
  const cases: [name: string, options: () => Options][] = [
    ['momentum, batches that accumulate', () => ({ accumulate: 2 })],
    ['Adam, alarms', () => ({ optimizer: adam({ lr: 0.01 }), alarms: true })],
    [
      'groups that freeze',
      () => ({
        freeze: [],
        optimizer: sgd({
          lr: 0.05,
          groups: [
            { match: 'conv?', frozen: true },
            { match: 'conv3', frozen: false },
          ],
        }),
      }),
    ],
    ['EMA', () => ({ average: ema({ decay: 0.9 }) })],
    ['SWA, with statistics estimated anew', () => ({ average: swa({ start: 0.4 }) })],
    ['a head that thaws', () => ({ freeze: [{ match: ['conv1', 'conv2'] }, { match: 'conv3', until: 2 }] })],
    ['a trunk that would thaw after the end', () => ({ freeze: [{ match: ['conv1', 'conv2'], until: 3 }] })],
  ]
  test.each(cases)('%s', async (_, options) => {
    const cached = await trainerOf(classifier(network()), { ...options(), cacheFeatures: true })
    await expectSame(cached, await trainerOf(classifier(network()), options()))
    // The whole model predicts, not only its head.
    const [test] = [images(20, 9)]
    const { predicted } = await cached.evaluator.evaluate(test)
    expect(predicted).toHaveLength(20)
  })

  // Kernels are chosen, and operations joined, for a program as a whole: those next to a cut round differently in some units of
  // the last place, here after blocks with shortcuts.
  test('but for rounding, where the trunk has batch norm that computes as at test time', {
    timeout: 300_000,
  }, async () => {
    const options = {
      freeze: [{ match: ['conv1', 'bn1', 'layer1', 'layer2'] }],
      train: images(20, 1),
      validation: images(10, 2),
      epochs: 1,
    }
    const cached = classifier(cifarResnet(8, { classes: 3 }))
    const before = new Map([...cached.variables()].map(([path, { value }]) => [path, value.slice()]))
    const trainer = await trainerOf(cached, { ...options, cacheFeatures: true })
    const model = new Evaluated(cifarResnet(8, { classes: 3 }), path => /^(bn1|layer1|layer2)/.test(path)).initialize(3)
    const plain = await trainerOf(model, options)
    const [actual, expected] = [scoresOf(await eventsOf(trainer)), scoresOf(await eventsOf(plain))]
    expectClose(actual.flat(), expected.flat(), { relative: 2e-6 }, 'scores')
    const { tensors } = await trainer.snapshot()
    for (const [path, { values }] of (await plain.snapshot()).tensors) {
      expectClose(tensors.get(path)!.values, values, { relative: 2e-6, absolute: 2e-6 }, path)
    }
    for (const [path, { value }] of cached.variables()) {
      if (/^(conv1|bn1|layer1|layer2)/.test(path)) expectSameBits(value, before.get(path)!, path)
      else expect(value, path).not.toEqual(before.get(path))
    }
  })

  test('where two values cross the cut, and an auxiliary classifier', async () => {
    /** A block whose shortcut goes around the layer that is trained. */
    class Block extends Module {
      readonly inner = conv2d(4, 4, 3, { padding: 1 })
      readonly outer = conv2d(4, 4, 3, { padding: 1 })
      readonly side = linear(144, 3)
      override forward(x: Tensor, context: ForwardContext): Tensor {
        const y = this.inner.forward(x, context)
        const sum = add(add(this.outer.forward(y, context), y), x)
        context.auxiliary?.push({
          logits: this.side.forward(flatten().forward(x, context), context) as Matrix,
          weight: 0.3,
        })
        return sum
      }
    }
    const make = () =>
      classifier(
        sequential({
          conv1: conv2d(3, 4, 3, { padding: 1 }),
          block: new Block(),
          flatten: flatten(),
          fc: linear(144, 3),
        }),
      )
    const options = { freeze: [{ match: ['conv1', 'block.inner'] }] }
    await expectSame(await trainerOf(make(), { ...options, cacheFeatures: true }), await trainerOf(make(), options))
  })

  test('in pieces: stopped within an epoch and resumed with a new process, also while features are computed', async () => {
    const options = { cacheFeatures: true, average: ema({ decay: 0.9 }) }
    const whole = await trainerOf(classifier(network()), options)
    const expected = scoresOf(await eventsOf(whole))
    expect(expected).toHaveLength(12 + 2 + 2)
    const first = await trainerOf(classifier(network()), options)
    const scores = scoresOf(await eventsOf(first, 8))
    // A resumed run begins with other weights than it has then: features are those of the checkpoint's.
    const other = () => new ImageClassifier(pixels(), network()).initialize(77)
    const second = await trainerOf(other(), options)
    await second.restore(await first.snapshot())
    second.stop()
    expect((await eventsOf(second)).map(({ type }) => type)).toEqual(['start'])
    const third = await trainerOf(other(), options)
    await third.restore(await second.snapshot())
    scores.push(...scoresOf(await eventsOf(third)))
    expect(scores).toEqual(expected)
    await expectSameState(third, whole)
  })
})

test('every image is read once, and what was kept is said', async () => {
  const { dataset } = train
  const reads = new Int32Array(44)
  const stored: StoredImages = {
    ...{ name: 'stored', labels: dataset.labels, shape: dataset.shape, classes: dataset.classes, unreadable: 'refuse' },
    read: async index => {
      reads[index]!++
      return raster(dataset.images.subarray(index * 108, (index + 1) * 108), [6, 6, 3])
    },
  }
  const told: string[] = []
  const onProgress = (done: number, of: number) => void told.push(`${done}/${of}`)
  const trainer = await trainerOf(classifier(network()), {
    train: subsetOf(stored),
    validation: images(30, 2),
    cacheFeatures: { onProgress },
  })
  const events = await eventsOf(trainer)
  expect([...reads]).toEqual(Array(44).fill(1))
  expect(told).toEqual(['44/74', '74/74'])
  expect(events[1]).toMatchObject({
    type: 'notice',
    kind: 'features',
    message: expect.stringMatching(/^features of 74 images: 54 numbers each, 0\.1 MB, computed in [\d.]+ s$/),
  })
  const plain = await trainerOf(classifier(network()), { validation: images(30, 2) })
  expect(scoresOf(events)).toEqual(scoresOf(await eventsOf(plain)))
})

test("GoogLeNet, which is no chain, is cut before its last layers, its norms' statistics left as they are", () => {
  const model = new ImageClassifier(
    normalize({ mean: [0, 0, 0], std: [1, 1, 1] }),
    googlenet({ classes: 5, auxiliary: false }),
  )
  const trained = new Map([...model.parameters()].filter(([path]) => path.startsWith('fc.')))
  const trunk = new FrozenTrunk(model, [64, 64, 3], trained)
  // 1024 means over places, then dropout.
  expect([trunk.features(true), trunk.features(false)]).toEqual([1024, 1024])
})

describe('cacheFeatures is refused', () => {
  const nothing = (at: string) =>
    `cacheFeatures: there is nothing to cache: no frozen layer comes before the first that is trained, draws random numbers or looks at the whole batch (${at})`
  const small = (...layers: Module[]) => sequential(...layers, flatten(), linear(144, 3))
  const conv = () => conv2d(3, 4, 3, { padding: 1 })
  const cases: [name: string, network: () => Module, options: Options, message: string][] = [
    [
      'with augmentation',
      network,
      { augment: compose([horizontalFlip()]) },
      'cacheFeatures: features are computed once, but augment changes the images in every epoch',
    ],
    [
      'with batches of its own',
      network,
      { train: createLoader(train, { batchSize: 8, seed: 1 }) },
      'cacheFeatures: needs a subset of images; a source of batches may give others in every epoch',
    ],
    ['with nothing frozen', network, { freeze: [] }, nothing('conv1')],
    [
      'with a first layer that thaws',
      network,
      { freeze: [{ match: 'conv1', until: 2 }, { match: 'conv2' }] },
      nothing('conv1'),
    ],
    ['with dropout before all layers', () => small(dropout(0.1), conv()), { freeze: [{ match: '1' }] }, nothing('0')],
    [
      'with a norm of the batch before all layers',
      () => small(batchNorm2d(3, { trackRunningStats: false, affine: false }), conv()),
      { freeze: [{ match: '1' }] },
      nothing('0'),
    ],
    [
      'with more than fits',
      network,
      { cacheFeatures: { maxBytes: 50_000 } },
      'cacheFeatures: the features of 304 images, 54 numbers each, would take 0.1 MB, more than cacheFeatures.maxBytes (0.1 MB): freeze more of the network, or leave cacheFeatures out',
    ],
    ['with no limit', network, { cacheFeatures: { maxBytes: 0 } }, 'cacheFeatures.maxBytes (=0) must be positive'],
  ]
  test.each(cases)('%s', async (_, make, options, message) => {
    await expect(trainerOf(classifier(make()), { cacheFeatures: true, ...options })).rejects.toThrow(message)
  })
})
