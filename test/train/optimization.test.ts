/** The trainer with everything of fovea/optim: nothing is lost over a stop and resume, and every option does what it says. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../src/backends/engine.ts'
import { createReferenceEngine } from '../../src/backends/reference/engine.ts'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import type { ImageDataset, Subset } from '../../src/data/dataset.ts'
import { subsetOf } from '../../src/data/split.ts'
import { conv2d as conv2dOf } from '../../src/graph/ops/conv2d.ts'
import { mean } from '../../src/graph/ops/reduce.ts'
import { constantTensor } from '../../src/graph/sources.ts'
import {
  batchNorm2d,
  conv2d,
  dropout,
  flatten,
  linear,
  loadState,
  type Module,
  maxPool2d,
  normalize,
  relu,
  sequential,
} from '../../src/nn/index.ts'
import {
  adam,
  centralize,
  chain,
  clipByGlobalNorm,
  clipByMedianNorm,
  ema,
  maxNorm,
  nadam,
  oneBit,
  oneCycle,
  oneCycleMomentum,
  onPlateau,
  penalty,
  proximal,
  radam,
  sgd,
  swa,
} from '../../src/optim/index.ts'
import { decodeCheckpoint, encodeCheckpoint, weightsOf } from '../../src/train/checkpoint.ts'
import { Evaluator } from '../../src/train/evaluate.ts'
import type { StepEvent, TrainEvent, ValidationEvent } from '../../src/train/events.ts'
import { Trainer, type TrainerOptions } from '../../src/train/trainer.ts'
import { valuesOf } from '../nn/exact.ts'
import { expectClose } from '../support/fixtures.ts'
import { expectSameBits } from '../support/programs.ts'

const engines: Engine[] = []
afterAll(() => Promise.all(engines.map(engine => engine.close())))
/** A new engine with nothing in it, as a new process has. */
async function newEngine(): Promise<Engine> {
  const engine = await createWasmEngine({ threads: 1 })
  engines.push(engine)
  return engine
}

/** Three classes of 6×6 images: a bright row, column or diagonal in noise. 5 batches of 8 and one of 4 in an epoch. */
function dataset(count: number, seed: number): Subset {
  const labels = Int32Array.from({ length: count }, (_, k) => k % 3)
  const images = new Uint8Array(count * 36)
  let state = seed
  for (let k = 0; k < count; k++) {
    for (let y = 0; y < 6; y++) {
      for (let x = 0; x < 6; x++) {
        state = (1664525 * state + 1013904223) % 2 ** 32
        const isBright = [y === 2, x === 3, x === y][k % 3]
        images[k * 36 + y * 6 + x] = Math.floor((state / 2 ** 32) * 120) + (isBright ? 60 : 0)
      }
    }
  }
  const data: ImageDataset = { name: 'lines', images, labels, shape: [6, 6, 1], classes: ['row', 'column', 'diagonal'] }
  return subsetOf(data)
}
const train = dataset(44, 1)
const validation = dataset(30, 2)

const network = ({ norm = true } = {}): Module =>
  sequential(
    normalize({ mean: [0.3], std: [0.2] }),
    conv2d(1, 4, 3, { padding: 1 }),
    ...(norm ? [batchNorm2d(4)] : []),
    relu(),
    maxPool2d(2),
    flatten(),
    ...(norm ? [dropout(0.1)] : []),
    linear(36, 3),
  ).initialize(3)

type Options = Partial<TrainerOptions>
const common = { train, epochs: 3, batchSize: 8, seed: 5 }

async function trainerOf(options: Options & Pick<TrainerOptions, 'optimizer'>): Promise<Trainer> {
  return new Trainer({ model: network(), engine: await newEngine(), ...common, ...options })
}

async function eventsOf(trainer: Trainer, stopAfter = Number.POSITIVE_INFINITY): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of trainer.run()) {
    events.push(event)
    if (event.type === 'step' && event.step >= stopAfter) trainer.stop()
  }
  return events
}

const stepsOf = (events: readonly TrainEvent[]) => events.filter((event): event is StepEvent => event.type === 'step')
const validationsOf = (events: readonly TrainEvent[]) =>
  events.filter((event): event is ValidationEvent => event.type === 'validation')

describe('a run that is stopped and resumed ends as one that was not', () => {
  // Everything is made anew, as in a new process.
  const runs: [name: string, options: () => Options & Pick<TrainerOptions, 'optimizer'>][] = [
    [
      'momentum',
      () => ({ optimizer: sgd({ lr: 0.05, momentum: 0.9, dampening: 0.1, weightDecay: 1e-3 }), schedule: oneCycle() }),
    ],
    ['Adam', () => ({ optimizer: adam({ lr: 0.01, amsgrad: true }) })],
    ['NAdam', () => ({ optimizer: nadam({ lr: 0.01 }) })],
    ['RAdam', () => ({ optimizer: radam({ lr: 0.01 }) })],
    ['EMA', () => ({ optimizer: sgd({ lr: 0.05, momentum: 0.9 }), average: ema({ decay: 0.9 }), validation })],
    ['SWA', () => ({ optimizer: sgd({ lr: 0.05 }), average: swa({ start: 0.4 }), validation })],
    [
      'reduce on plateau',
      () => ({
        optimizer: sgd({ lr: 0.05, momentum: 0.9 }),
        validation,
        epochs: 6,
        // Every epoch that is not ten times better counts as a bad one, so the rate falls often.
        schedule: onPlateau({ patience: 0, cooldown: 1, factor: 0.5, threshold: 0.9, warmup: 3 }),
      }),
    ],
    [
      'reduce on plateau of the training loss',
      () => ({ optimizer: sgd({ lr: 0.05 }), schedule: onPlateau({ patience: 0, threshold: 0.9 }) }),
    ],
    ['accumulation, EMA', () => ({ optimizer: adam({ lr: 0.01 }), accumulate: 4, average: ema({ decay: 0.5 }) })],
    [
      'a chain, one cycle of momentum, a penalty',
      () => ({
        optimizer: chain(
          centralize(),
          clipByMedianNorm({ window: 6, warmup: 2, factor: 1 }),
          oneBit(),
          sgd({ lr: 0.05, momentum: 0.9, groups: [{ match: '1.bias', frozen: true }] }),
          proximal({ l1: 1e-4 }),
          maxNorm({ limit: 1 }),
        ),
        schedule: oneCycle(),
        momentum: oneCycleMomentum(),
        penalty: penalty({ l2: 1e-3 }),
      }),
    ],
  ]

  test.each(runs)('%s', async (_, options) => {
    const whole = await trainerOf(options())
    const events = await eventsOf(whole)
    const expected = await whole.snapshot()
    const last = stepsOf(events).at(-1)!.step
    // In the middle of the first epoch, after its last step, in the middle of the run, before the last step.
    const perEpoch = last / (options().epochs ?? common.epochs)
    for (const at of new Set([1, perEpoch, Math.ceil(last / 2), last - 1])) {
      const before = await trainerOf(options())
      const done = await eventsOf(before, at)
      const stored = await decodeCheckpoint(await encodeCheckpoint({ ...(await before.snapshot()), recipe: null }))
      const after = await trainerOf(options())
      await after.restore(stored)
      const rest = await eventsOf(after)

      const scores = [...done, ...rest].filter(event => event.type === 'validation' || event.type === 'epoch')
      const wanted = events.filter(event => event.type === 'validation' || event.type === 'epoch')
      const bare = (list: readonly TrainEvent[]) => list.map(event => ({ ...event, seconds: 0, waitShare: 0 }))
      expect(bare(scores)).toEqual(bare(wanted))
      const got = await after.snapshot()
      expect(got.progress).toEqual(expected.progress)
      expect([...got.tensors.keys()]).toEqual([...expected.tensors.keys()])
      for (const [path, { values }] of expected.tensors) {
        expectSameBits(got.tensors.get(path)!.values, values, `stopped after step ${at}, ${path}`)
      }
    }
  })

  test('the last event of an epoch finds the state of the next epoch’s beginning', async () => {
    const make = () =>
      trainerOf({ optimizer: adam(), validation, schedule: onPlateau({ patience: 0, threshold: 0.9 }) })
    const whole = await make()
    let stored: Awaited<ReturnType<Trainer['snapshot']>> | undefined
    const rates: number[] = []
    for await (const event of whole.run()) {
      if (event.type === 'validation' && event.epoch === 2) stored = await whole.snapshot()
      if (event.type === 'step' && event.epoch === 3) rates.push(event.learningRate)
    }
    expect(stored!.progress).toMatchObject({ epoch: 3, batch: 0, step: 12, epochSamples: 0 })
    const resumed = await make()
    await resumed.restore(stored!)
    const events = await eventsOf(resumed)
    expect(stepsOf(events).map(({ learningRate }) => learningRate)).toEqual(rates)
    expect(events.filter(({ type }) => type === 'validation')).toHaveLength(1)
  })

  test('a checkpoint of another kind of run is refused', async () => {
    const plain = await trainerOf({ optimizer: sgd({ lr: 0.1 }) })
    await eventsOf(plain, 1)
    const snapshot = await plain.snapshot()
    const resume = async (options: Options & Pick<TrainerOptions, 'optimizer'>) =>
      (await trainerOf(options)).restore(snapshot)
    await expect(resume({ optimizer: chain(oneBit(), sgd({ lr: 0.1 })) })).rejects.toThrow(
      "the checkpoint has no optimizer state 'oneBit.error.1.weight'; was it made with sgd?",
    )
    await expect(resume({ optimizer: sgd({ lr: 0.1 }), average: ema() })).rejects.toThrow("no average state '1.weight'")
    await expect(resume({ optimizer: sgd({ lr: 0.1 }), schedule: onPlateau() })).rejects.toThrow('no schedule state')
  })
})

describe('averages of the weights', () => {
  const options = () => ({ optimizer: sgd({ lr: 0.05, momentum: 0.9 }), validation })
  let plain: Trainer
  let plainEvents: TrainEvent[]
  beforeAll(async () => {
    plain = await trainerOf(options())
    plainEvents = await eventsOf(plain)
  })

  test.each([
    ['ema', ema({ decay: 0.9 })],
    ['swa', swa({ start: 0.34 })],
  ] as const)('%s: the model is evaluated with them, and trained as without', async (_, average) => {
    const model = network()
    const averaged = await trainerOf({ ...options(), average, model })
    const events = await eventsOf(averaged)
    const snapshot = await averaged.snapshot()
    for (const [path, { values }] of (await plain.snapshot()).tensors)
      expectSameBits(snapshot.tensors.get(path)!.values, values, path)
    expect(stepsOf(events).map(({ loss }) => loss)).toEqual(stepsOf(plainEvents).map(({ loss }) => loss))
    const scores = validationsOf(events)
    expect(scores.at(-1)!.loss).not.toBe(validationsOf(plainEvents).at(-1)!.loss)

    // The averages of the checkpoint, in a new model: the scores that were seen.
    const loaded = network()
    loadState(loaded, weightsOf(snapshot))
    const { loss } = await new Evaluator(await newEngine(), loaded, [6, 6, 1]).evaluate(validation)
    expect(loss).toBe(scores.at(-1)!.loss)
    // And they are what the model is at the end.
    for (const [path, { values }] of loaded.state()) expectSameBits(model.state().get(path)!.values, values, path)
  })

  test('are those of the weights after every step', async () => {
    const average = ema({ decay: 0.75 })
    const averaged = await trainerOf({ ...options(), average })
    const expected = new Map<string, number[]>()
    for await (const event of averaged.run()) {
      if (event.type !== 'step') continue
      const { tensors } = await averaged.snapshot()
      for (const [path, { values }] of tensors) {
        if (!path.startsWith('average.')) continue
        const now = [...tensors.get(path.replace('average', 'model'))!.values]
        const before = expected.get(path)
        const mean = before ? before.map((a, k) => 0.75 * a + 0.25 * now[k]!) : now
        expected.set(path, mean)
        expectClose(values, mean, { relative: 1e-5, absolute: 1e-6 }, `${path} after step ${event.step}`)
      }
    }
    expect([...expected.keys()]).toContain('average.2.running_var')
  })

  test('swa: running statistics are those of the averaged weights', async () => {
    // One batch of all images: batch norm then sees the same mean in every step, that of the averaged convolution.
    const averaged = await trainerOf({
      optimizer: sgd({ lr: 0.2 }),
      average: swa({ start: 0.2 }),
      batchSize: 44,
      epochs: 10,
    })
    await eventsOf(averaged)
    const weights = weightsOf(await averaged.snapshot())
    const [weight, bias] = ['1.weight', '1.bias'].map(path => weights.get(path)!)
    const pixels = Float64Array.from(train.dataset.images, byte => (byte / 255 - 0.3) / 0.2)
    const filtered = conv2dOf(constantTensor(pixels, [44, 1, 6, 6]), constantTensor(weight!.values, [4, 1, 3, 3]), {
      padding: 1,
    })
    const expected = valuesOf(mean(filtered, [0, 2, 3])).map((value, k) => value + bias!.values[k]!)
    // 0.9¹⁰⁰ of the old statistics is left.
    expectClose(weights.get('2.running_mean')!.values, expected, { absolute: 1e-4 }, 'mean')
    const without = await trainerOf({
      optimizer: sgd({ lr: 0.2 }),
      average: swa({ start: 0.2, statisticsBatches: 0 }),
      batchSize: 44,
      epochs: 10,
    })
    await eventsOf(without)
    const old = weightsOf(await without.snapshot()).get('2.running_mean')!.values
    expect(Math.max(...Array.from(old, (value, k) => Math.abs(value - expected[k]!)))).toBeGreaterThan(1e-3)
  })

  test('before the first step are the weights', async () => {
    const averaged = await trainerOf({ ...options(), average: ema() })
    const score = await averaged.evaluator.evaluate(validation)
    const { loss } = await plainEvaluation()
    expect(score.loss).toBe(loss)
  })

  const plainEvaluation = async () => new Evaluator(await newEngine(), network(), [6, 6, 1]).evaluate(validation)
})

describe('accumulation', () => {
  const options = { model: network({ norm: false }), optimizer: sgd({ lr: 0.05, momentum: 0.9 }), epochs: 2 }
  const fresh = () => ({ ...options, model: network({ norm: false }), optimizer: sgd({ lr: 0.05, momentum: 0.9 }) })

  test('of batches of 8 is training on batches of 32, the short last step included', async () => {
    const whole = await trainerOf({ ...fresh(), batchSize: 32 })
    const parts = await trainerOf({ ...fresh(), batchSize: 8, accumulate: 4 })
    const [expected, got] = [await eventsOf(whole), await eventsOf(parts)]
    expect(got[0]).toMatchObject({ type: 'start', stepsPerEpoch: 2 })
    expect(stepsOf(got).map(({ step, epoch }) => [step, epoch])).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 2],
    ])
    for (const [k, { loss, accuracy, learningRate }] of stepsOf(expected).entries()) {
      expect(stepsOf(got)[k]).toMatchObject({ accuracy, learningRate })
      expectClose([stepsOf(got)[k]!.loss], [loss], { relative: 1e-5 }, 'loss')
    }
    const tensors = (await parts.snapshot()).tensors
    for (const [path, { values }] of (await whole.snapshot()).tensors) {
      expectClose(tensors.get(path)!.values, Float64Array.from(values), { relative: 1e-4, absolute: 1e-6 }, path)
    }
    const epochs = (events: readonly TrainEvent[]) => events.filter(event => event.type === 'epoch')
    expect(epochs(got).map(({ samples, accuracy }) => [samples, accuracy])).toEqual(
      epochs(expected).map(({ samples, accuracy }) => [samples, accuracy]),
    )
  })

  test('clips the whole gradient, not its parts', async () => {
    const clipped = () => ({ ...fresh(), optimizer: chain(clipByGlobalNorm(0.1), sgd({ lr: 0.5 })) })
    const whole = await trainerOf({ ...clipped(), batchSize: 32 })
    const parts = await trainerOf({ ...clipped(), batchSize: 8, accumulate: 4 })
    await eventsOf(whole)
    await eventsOf(parts)
    const tensors = (await parts.snapshot()).tensors
    for (const [path, { values }] of (await whole.snapshot()).tensors) {
      expectClose(tensors.get(path)!.values, Float64Array.from(values), { relative: 1e-4, absolute: 1e-6 }, path)
    }
  })

  test('draws new random numbers in each part', async () => {
    // All images alike and a rate of 0: only dropout makes the losses of steps and parts differ.
    const one = subsetOf({ ...train.dataset, labels: new Int32Array(44), images: new Uint8Array(44 * 36).fill(90) })
    const model = () =>
      sequential(normalize({ mean: [0.3], std: [0.2] }), flatten(), dropout(0.5), linear(36, 3)).initialize(1)
    const losses = async (batchSize: number, accumulate: number) => {
      const trainer = await trainerOf({
        train: one,
        model: model(),
        optimizer: sgd({ lr: 0 }),
        batchSize,
        accumulate,
        epochs: 1,
      })
      return stepsOf(await eventsOf(trainer)).map(({ loss }) => loss)
    }
    const single = await losses(11, 1)
    const [both] = await losses(11, 2)
    expect(new Set(single).size).toBe(4)
    expectClose([both!], [(single[0]! + single[1]!) / 2], { relative: 1e-6 }, 'mean of the first two')
  })

  test('is a whole number', () => {
    const make = () => new Trainer({ ...common, ...options, engine: engines[0]!, accumulate: 0 })
    expect(make).toThrow('trainer: accumulate (=0) must be a whole number of at least 1')
  })
})

test('on plateau: the rate falls when the validation loss stays', async () => {
  const rates = async (options: Options) => {
    const trainer = await trainerOf({ optimizer: sgd({ lr: 0 }), epochs: 6, ...options })
    // With a rate of 0 no score changes; what the schedule says is its factor.
    const schedule = options.schedule!
    const factors: number[] = []
    for await (const event of trainer.run())
      if (event.type === 'step' && event.step % 6 === 0) factors.push(schedule(event.step, 36))
    return factors
  }
  const model = network({ norm: false })
  expect(await rates({ model, validation, schedule: onPlateau({ patience: 1, factor: 0.5 }) })).toEqual([
    1, 1, 1, 0.5, 0.5, 0.25,
  ])
  expect(await rates({ model, schedule: onPlateau({ metric: 'accuracy', patience: 0, factor: 0.5 }) })).toEqual([
    1, 1, 0.5, 0.25, 0.125, 0.0625,
  ])
})

test('a penalty of ½ λ ‖w‖² is weight decay λ of the weights, and no part of the loss that is reported', async () => {
  const trained = await trainerOf({ optimizer: sgd({ lr: 0.1, weightDecay: 0.05, decay: 'weights' }) })
  const punished = await trainerOf({ optimizer: sgd({ lr: 0.1 }), penalty: penalty({ l2: 0.05 }) })
  const [expected, got] = [await eventsOf(trained), await eventsOf(punished)]
  const losses = (events: readonly TrainEvent[]) => stepsOf(events).map(({ loss }) => loss)
  expectClose(losses(got), losses(expected), { relative: 1e-5, absolute: 1e-6 }, 'losses')
  const tensors = (await punished.snapshot()).tensors
  for (const [path, { values }] of (await trained.snapshot()).tensors) {
    expectClose(tensors.get(path)!.values, Float64Array.from(values), { relative: 1e-4, absolute: 1e-5 }, path)
  }
})

test('a momentum that is scheduled is used in place of the optimizer’s', async () => {
  const scheduled = await trainerOf({ optimizer: sgd({ lr: 0.05, momentum: 0.5 }), momentum: () => 0.9 })
  const own = await trainerOf({ optimizer: sgd({ lr: 0.05, momentum: 0.9 }) })
  const [got, expected] = [await eventsOf(scheduled), await eventsOf(own)]
  expectClose(
    stepsOf(got).map(({ loss }) => loss),
    stepsOf(expected).map(({ loss }) => loss),
    { relative: 1e-5, absolute: 1e-6 },
    'losses',
  )
  const without = await trainerOf({ optimizer: sgd({ lr: 0.05 }), momentum: () => 0.9 })
  await expect(eventsOf(without)).rejects.toThrow('sgd: has no momentum that could be scheduled')
})

test('frozen parameters stay as they are, to the last bit', async () => {
  const model = network()
  const before = new Map([...model.state()].map(([path, { values }]) => [path, values.slice()]))
  const trainer = await trainerOf({ model, optimizer: adam({ groups: [{ match: ['1', '2'], frozen: true }] }) })
  await eventsOf(trainer)
  const changed = [...model.state()].flatMap(([path, { values }]) =>
    values.some((value, k) => value !== before.get(path)![k]) ? [path] : [],
  )
  // Running statistics are no parameters: they follow what the batches are.
  expect(changed).toEqual(['2.running_mean', '2.running_var', '2.num_batches_tracked', '7.weight', '7.bias'])
})

test('the reference backend trains the same way', async () => {
  // No Adam here: the bias before batch norm has no gradient, and Adam would make steps of the rounding errors.
  const options = (): Options & Pick<TrainerOptions, 'optimizer'> => ({
    optimizer: chain(
      centralize(),
      clipByMedianNorm({ window: 4, warmup: 2 }),
      sgd({ lr: 0.05, momentum: 0.9 }),
      maxNorm({ limit: 1 }),
    ),
    average: ema({ decay: 0.5 }),
    accumulate: 2,
    penalty: penalty({ l1: 1e-3, l2: 1e-3 }),
    momentum: oneCycleMomentum(),
    validation,
    epochs: 1,
  })
  const reference = createReferenceEngine()
  engines.push(reference)
  const slow = await trainerOf({ ...options(), engine: reference })
  const fast = await trainerOf(options())
  const [expected, got] = [await eventsOf(slow), await eventsOf(fast)]
  for (const type of ['step', 'validation'] as const) {
    const losses = (events: readonly TrainEvent[]) => events.flatMap(event => (event.type === type ? [event.loss] : []))
    expectClose(losses(got), losses(expected), { relative: 1e-4 }, type)
  }
})
