/**
 * Training in parts by several ranks of this process: the same weights, bit for bit, for any number of ranks, whatever
 * takes part in a step; and the gradient is that of the undivided batch.
 */
import { describe, expect, it } from 'vitest'
import { compose } from '../../src/augment/compose.ts'
import { randomCrop } from '../../src/augment/crop.ts'
import { mixup } from '../../src/augment/mix.ts'
import type { Engine } from '../../src/backends/engine.ts'
import { createReferenceEngine } from '../../src/backends/reference/engine.ts'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { imageDataset, subsetOf } from '../../src/data/index.ts'
import { type InPartsOptions, inParts } from '../../src/distributed/inParts.ts'
import {
  batchNorm1d,
  batchNorm2d,
  conv2d,
  dropout,
  flatten,
  linear,
  type Module,
  maxPool2d,
  normalize,
  relu,
  sequential,
} from '../../src/nn/index.ts'
import { adam, chain, clipByGlobalNorm, ema, onPlateau, penalty, sgd, swa } from '../../src/optim/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import type { TrainEvent } from '../../src/train/events.ts'
import { Trainer, type TrainerOptions } from '../../src/train/trainer.ts'
import { loopback } from './loopback.ts'

const random = new RandomSequence(5, 'images')
const imagesOf = (count: number) =>
  imageDataset({
    images: Array.from({ length: count }, (_, k) =>
      Array.from({ length: 64 }, (_, i) => random.integer(120) + (k % 2 === Number(i < 32) ? 130 : 0)),
    ),
    labels: Array.from({ length: count }, (_, k) => k % 2),
    shape: [8, 8, 1],
    classes: ['top', 'bottom'],
  })
// Batches of 16 in 8 parts: the last batch of an epoch has 9 images, so that its last part has one and three have none.
const train = subsetOf(imagesOf(41))
const validation = subsetOf(imagesOf(30))

const network = ({ norm = false, drop = false } = {}): Module =>
  sequential(
    normalize({ mean: [0.5], std: [0.25] }),
    conv2d(1, 4, 3, { padding: 1 }),
    ...(norm ? [batchNorm2d(4)] : []),
    relu(),
    maxPool2d(2),
    flatten(),
    ...(drop ? [dropout(0.3)] : []),
    linear(64, 2),
  ).initialize(1)

/** What a rank ends with. */
interface Outcome {
  readonly tensors: ReadonlyMap<string, string>
  readonly events: readonly TrainEvent[]
  readonly snapshot: Awaited<ReturnType<Trainer['snapshot']>>
}

interface Run {
  /** Options of a rank's trainer; made for each, since optimizers and models belong to one trainer. */
  readonly options: () => Partial<TrainerOptions>
  readonly parts?: Omit<InPartsOptions, 'communicator'>
  readonly engine?: () => Engine
  readonly from?: Outcome['snapshot']
  /** Called by every rank after every event. */
  readonly watch?: (rank: number, event: TrainEvent, trainer: Trainer) => void
}

/** Trains on some ranks at once. */
async function trainOn(ranks: number, { options, parts = {}, engine, from, watch }: Run): Promise<Outcome[]> {
  return Promise.all(
    loopback(ranks).map(async communicator => {
      const own = engine?.() ?? createWasmEngine({ threads: 1 })
      try {
        const trainer = new Trainer({
          model: network(),
          train,
          validation,
          engine: own,
          optimizer: sgd({ lr: 0.05, momentum: 0.9 }),
          epochs: 2,
          batchSize: 16,
          seed: 3,
          ...options(),
          distribution: inParts({ ...parts, communicator }),
        })
        if (from) await trainer.restore(from)
        const events: TrainEvent[] = []
        for await (const event of trainer.run()) {
          events.push(event)
          watch?.(communicator.rank, event, trainer)
        }
        const snapshot = await trainer.snapshot()
        return { tensors: bitsOf(snapshot.tensors), events, snapshot }
      } finally {
        await own.close()
      }
    }),
  )
}

const bitsOf = (tensors: Outcome['snapshot']['tensors']): Map<string, string> =>
  new Map([...tensors].map(([path, { values }]) => [path, Buffer.from(values.slice().buffer).toString('hex')]))

/** Scores as events tell them, without times. */
const scoresOf = (events: readonly TrainEvent[]) =>
  events.flatMap(event =>
    event.type === 'step' || event.type === 'epoch' || event.type === 'validation'
      ? [{ type: event.type, step: event.step, loss: event.loss, accuracy: event.accuracy }]
      : [],
  )

const cases: Readonly<Record<string, Omit<Run, 'from'>>> = {
  'plain SGD, with a last batch that is not full': { options: () => ({}) },
  'accumulation, clipping, a penalty, Adam and averages': {
    options: () => ({
      batchSize: 8,
      accumulate: 2,
      optimizer: chain(clipByGlobalNorm(0.1), adam({ lr: 0.01 })),
      average: ema({ decay: 0.8 }),
      penalty: penalty({ l2: 1e-3 }),
    }),
  },
  'batch norm, dropout, augmentation and mixed labels': {
    options: () => ({
      model: network({ norm: true, drop: true }),
      augment: compose([randomCrop({ size: 8, padding: 1 }), mixup({ alpha: 0.4 })]),
    }),
  },
  'batch norm with averages that are fitted again, and a schedule with feedback': {
    options: () => ({
      model: network({ norm: true }),
      average: swa({ start: 0.5, statisticsBatches: 3 }),
      schedule: onPlateau({ patience: 0 }),
      alarms: true,
    }),
  },
  'gradual unfreezing': {
    options: () => ({ freeze: [{ match: '1', until: 2 }] }),
  },
  'synchronized batch norm, with dropout, a penalty and accumulation': {
    options: () => ({
      model: network({ norm: true, drop: true }),
      batchSize: 8,
      accumulate: 2,
      penalty: penalty({ l2: 1e-3 }),
    }),
    parts: { parts: 4, syncBatchNorm: true },
  },
  '1-bit gradients after two steps in full precision': {
    options: () => ({ model: network({ norm: true }) }),
    parts: { exchange: { name: 'oneBit', fullSteps: 2 } },
  },
}

describe.each(Object.entries(cases))('%s', (_, run) => {
  it('gives the same weights and scores on 1, 2, 3 and 8 ranks', async () => {
    const [alone] = await trainOn(1, run)
    for (const ranks of [2, 3, 8]) {
      for (const { tensors, events } of await trainOn(ranks, run)) {
        expect([...tensors].filter(([path, bits]) => alone!.tensors.get(path) !== bits).map(([path]) => path)).toEqual(
          [],
        )
        expect(tensors.size).toBe(alone!.tensors.size)
        expect(scoresOf(events)).toEqual(scoresOf(alone!.events))
      }
    }
  })

  it('resumes on another number of ranks, in the middle of an epoch', async () => {
    const [whole] = await trainOn(1, run)
    const stopped = await trainOn(2, {
      ...run,
      watch: (rank, event, trainer) => {
        if (rank === 1 && event.type === 'step' && event.step === 2) trainer.stop()
      },
    })
    // Asked for after step 2 by one rank: the exchange of step 3 tells both.
    expect(stopped.map(({ snapshot }) => snapshot.progress.step)).toEqual([3, 3])
    for (const { tensors } of await trainOn(4, { ...run, from: stopped[0]!.snapshot })) {
      expect([...tensors].filter(([path, bits]) => whole!.tensors.get(path) !== bits).map(([path]) => path)).toEqual([])
    }
  })
})

describe('the gradient', () => {
  it('is that of the undivided batch, also when parts have different numbers of images', async () => {
    const options = () => ({
      model: network(),
      optimizer: chain(clipByGlobalNorm(0.5), sgd({ lr: 0.05, momentum: 0.9 })),
    })
    const [inEight] = await trainOn(2, { options, engine: createReferenceEngine })
    const engine = createReferenceEngine()
    const trainer = new Trainer({ ...options(), train, validation, engine, epochs: 2, batchSize: 16, seed: 3 })
    for await (const _ of trainer.run());
    const { tensors } = await trainer.snapshot()
    for (const [path, { values }] of tensors) {
      const { values: parted } = inEight!.snapshot.tensors.get(path)!
      // Both sum in double precision and are stored in single; parts are rounded once more.
      values.forEach((value, k) => void expect(parted[k]).toBeCloseTo(value, 5))
    }
    await engine.close()
  })

  it('by MPI_Allreduce is the same but for rounding', async () => {
    const run = { options: () => ({}) }
    const [tree] = await trainOn(3, run)
    const [library] = await trainOn(3, { ...run, parts: { exchange: 'allReduce' } })
    for (const [path, { values }] of tree!.snapshot.tensors) {
      values.forEach((value, k) => void expect(library!.snapshot.tensors.get(path)!.values[k]).toBeCloseTo(value, 4))
    }
  })
})

describe('buckets', () => {
  it('of any size give the same weights', async () => {
    const options = () => ({ model: network({ norm: true }) })
    const [whole] = await trainOn(1, { options })
    for (const bucketBytes of [1, 200, 1e9]) {
      const [cut] = await trainOn(3, { options, parts: { exchange: { name: 'tree', bucketBytes } } })
      expect([...cut!.tensors]).toEqual([...whole!.tensors])
    }
  })
})

describe('synchronized batch norm', () => {
  /** Batch norm behind a convolution, behind a max pool with more to come, and of features. */
  const deep = () =>
    sequential(
      normalize({ mean: [0.5], std: [0.25] }),
      conv2d(1, 4, 3, { padding: 1 }),
      batchNorm2d(4),
      relu(),
      maxPool2d(2),
      conv2d(4, 6, 3),
      batchNorm2d(6, { affine: false, momentum: 'cumulative' }),
      relu(),
      flatten(),
      linear(24, 8),
      batchNorm1d(8),
      relu(),
      linear(8, 2),
    ).initialize(1)
  const options = () => ({ model: deep(), optimizer: sgd({ lr: 0.05, momentum: 0.9 }), validation })

  it.each([1, 2, 3])('on %d ranks takes the steps of one process on undivided batches', async ranks => {
    const engine = createReferenceEngine()
    const trainer = new Trainer({ ...options(), train, engine, epochs: 2, batchSize: 16, seed: 3 })
    for await (const _ of trainer.run());
    const { tensors } = await trainer.snapshot()
    await engine.close()
    // The last part of an epoch has one image: a batch of its own could not be trained on.
    const parts = { parts: 4, syncBatchNorm: true }
    const [parted] = await trainOn(ranks, { options, parts, engine: createReferenceEngine })
    expect(parted!.snapshot.tensors.size).toBe(tensors.size)
    for (const [path, { values }] of tensors) {
      const others = parted!.snapshot.tensors.get(path)!.values
      const worst = Math.max(...Array.from(values, (value, k) => Math.abs(value - others[k]!)))
      expect(worst, path).toBeLessThan(1e-6)
    }
  })

  it('normalizes by other numbers than each part for itself', async () => {
    const [together] = await trainOn(1, { options, parts: { parts: 4, syncBatchNorm: true } })
    const [apart] = await trainOn(1, { options, parts: { parts: 4 } })
    const [mean, other] = [together, apart].map(outcome => outcome!.snapshot.tensors.get('model.2.running_var')!.values)
    expect(Math.abs(mean![0]! - other![0]!)).toBeGreaterThan(1e-4)
  })
})

describe('running statistics', () => {
  it('are the mean of those of the parts, and count a batch once a step', async () => {
    const options = () => ({ model: network({ norm: true }), epochs: 1 })
    const [{ snapshot }] = (await trainOn(2, { options })) as [Outcome]
    expect([...snapshot.tensors.get('model.2.num_batches_tracked')!.values]).toEqual([3])
  })
})

describe('refused', () => {
  it('are batches that cannot be cut evenly, and more ranks than parts', async () => {
    await expect(trainOn(1, { options: () => ({ batchSize: 12 }) })).rejects.toThrow(
      'trainer: batchSize (=12) must be a multiple of the number of parts (=8)',
    )
    await expect(trainOn(3, { options: () => ({}), parts: { parts: 2 } })).rejects.toThrow(
      '3 processes cannot share 2 parts: a batch must be cut into at least as many',
    )
    expect(() => inParts({ parts: 0 })).toThrow('inParts: parts (=0) must be a whole number of at least 1')
    expect(() => inParts({ exchange: { name: 'tree', bucketBytes: 0 } })).toThrow(
      'inParts: bucketBytes (=0) must be a number above 0',
    )
  })

  it('is a checkpoint without the errors of 1-bit gradients', async () => {
    const [plain] = await trainOn(1, { options: () => ({ epochs: 1 }) })
    const run = { options: () => ({}), parts: { exchange: 'oneBit' as const }, from: plain!.snapshot }
    await expect(trainOn(1, run)).rejects.toThrow("the checkpoint has no 'exchange.0.1.weight' of this shape")
  })
})
