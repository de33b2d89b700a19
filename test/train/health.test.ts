/** Alarms, the place where numbers break, freezing and gradual unfreezing, on digits. */
import { beforeAll, describe, expect, it } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import type { Subset } from '../../src/data/dataset.ts'
import { mnist } from '../../src/data/mnist.node.ts'
import { subsetOf } from '../../src/data/split.ts'
import { lenet5 } from '../../src/models/lenet.ts'
import { flatten, ImageClassifier, linear, type Module, normalize, relu, sequential, tanh } from '../../src/nn/index.ts'
import { gaussian, zeros } from '../../src/nn/initializers.ts'
import { constant, ema, sgd } from '../../src/optim/index.ts'
import { alarmsOf, firstBroken, initialLossProblem } from '../../src/train/health.ts'
import { type TrainEvent, Trainer, type TrainerOptions } from '../../src/train/index.ts'

let train: Subset
beforeAll(async () => {
  train = subsetOf((await mnist()).train, 256)
})

const pixels = () => normalize({ mean: [0.1307], std: [0.3081] })

async function withTrainer<T>(
  network: Module,
  options: Partial<TrainerOptions>,
  use: (trainer: Trainer, model: ImageClassifier) => Promise<T>,
): Promise<T> {
  const engine = createEngine({ threads: 1 })
  const model = new ImageClassifier(pixels(), network).initialize(0)
  const optimizer = sgd({ lr: 0.05, momentum: 0.9 })
  try {
    return await use(new Trainer({ model, engine, train, optimizer, epochs: 2, batchSize: 64, ...options }), model)
  } finally {
    await engine.close()
  }
}

async function eventsOf(trainer: Trainer): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of trainer.run()) events.push(event)
  return events
}

const notices = (events: readonly TrainEvent[]) => events.flatMap(event => (event.type === 'notice' ? [event] : []))

describe('the first loss', () => {
  it('should be near ln(classes)', () => {
    expect(initialLossProblem(2.35, 'crossEntropy', 10)).toBeUndefined()
    expect(initialLossProblem(17.9, 'crossEntropy', 10)).toMatch(
      /^the first loss is 17\.90, .* ln 10 = 2\.30: the initial/,
    )
    expect(initialLossProblem(0.2, 'crossEntropy', 10)).toMatch(/the weights are already trained/)
    expect(initialLossProblem(9, 'multiclassHinge', 10)).toBeUndefined()
  })
  it('is quiet for LeNet-5, and loud for weights that are a hundred times too large', async () => {
    const quiet = await withTrainer(lenet5(), { alarms: true }, eventsOf)
    expect(notices(quiet)).toEqual([])
    const large = linear(784, 10, { init: gaussian(1) })
    const [first] = notices(await withTrainer(sequential(flatten(), large), { alarms: true }, eventsOf))
    expect(first).toMatchObject({ kind: 'initialLoss', step: 1, epoch: 1 })
  })
})

describe('alarms', () => {
  it('name the layer whose units are dead', async () => {
    // Biases far below zero: no image reaches any of the units.
    const dead = linear(784, 32)
    const network = sequential(flatten(), dead, relu(), linear(32, 10))
    const found = await withTrainer(network, { alarms: true, epochs: 1 }, (trainer, model) => {
      model.parameters().get('1.bias')!.value.fill(-1000)
      return eventsOf(trainer)
    })
    const kinds = notices(found).map(({ kind }) => kind)
    expect(kinds).toContain('dead')
    const { message } = notices(found).find(({ kind }) => kind === 'dead')!
    expect(message).toMatch(/^2: 100 % of its 32 units are 0 for all images/)
  })
  it('say that gradients vanish in a deep tanh network with small Gaussian weights', async () => {
    const small = { init: gaussian(0.001) }
    const layers = Array.from({ length: 5 }, () => [linear(50, 50, small), tanh()]).flat()
    const network = sequential(flatten(), linear(784, 50, small), tanh(), ...layers, linear(50, 10, small))
    const found = notices(await withTrainer(network, { alarms: true, epochs: 1 }, eventsOf))
    expect(found.map(({ kind }) => kind)).toContain('vanishing')
  })
  it('read a look at a network', () => {
    const parameter = { path: 'fc.weight', gradient: 1, value: 0.1, isWeight: true }
    const health = { loss: 1, layers: [{ path: 'relu', size: 1, dead: 0.3, units: 10 }], parameters: [parameter] }
    expect(alarmsOf(health, 0.05)).toEqual([])
    expect(alarmsOf(health, 0.2)).toMatchObject([{ kind: 'exploding', path: 'fc.weight' }])
    expect(alarmsOf({ ...health, parameters: [{ ...parameter, gradient: Number.NaN }] }, 0.05)).toMatchObject([
      { kind: 'exploding' },
    ])
  })
  it('are said once in a run, also when it is interrupted', async () => {
    const dead = () => sequential(flatten(), linear(784, 32), relu(), linear(32, 10))
    const kill = (model: ImageClassifier) => model.parameters().get('1.bias')!.value.fill(-1000)
    const options = { alarms: true, epochs: 3 }
    const kindsIn = (events: readonly TrainEvent[]) => notices(events).map(({ kind, epoch }) => `${kind} ${epoch}`)
    const [first, snapshot] = await withTrainer(dead(), options, async (trainer, model) => {
      kill(model)
      const seen: TrainEvent[] = []
      for await (const event of trainer.run()) {
        seen.push(event)
        if (event.type === 'epoch') break
      }
      return [kindsIn(seen), await trainer.snapshot()] as const
    })
    expect(first).toContain('dead 1')
    const later = await withTrainer(dead(), options, async trainer => {
      await trainer.restore(snapshot)
      return kindsIn(await eventsOf(trainer))
    })
    expect(later).toEqual([])
    // Without what the checkpoint remembers they would be: the layer is as dead as before.
    const { raised, ...progress } = snapshot.progress
    expect(raised).toEqual(['dead 2'])
    const again = await withTrainer(dead(), options, async trainer => {
      await trainer.restore({ ...snapshot, progress })
      return kindsIn(await eventsOf(trainer))
    })
    expect(again).toEqual(['dead 2'])
  })
  it('do not change what is trained', async () => {
    const weights = (alarms: boolean) =>
      withTrainer(lenet5(), { alarms }, async (trainer, model) => {
        await eventsOf(trainer)
        return [...model.parameters().values()].map(({ value }) => [...value])
      })
    expect(await weights(true)).toEqual(await weights(false))
  })
})

describe('locateBreak', () => {
  it('goes back and names the first layer whose numbers broke', async () => {
    const place = await withTrainer(
      lenet5(),
      { alarms: true, optimizer: sgd({ lr: 1e18 }), schedule: constant() },
      async trainer => {
        for await (const event of trainer.run()) {
          if (event.type === 'step' && !Number.isFinite(event.loss)) return trainer.locateBreak(event.step)
        }
        return 'nothing broke'
      },
    )
    expect(place).toMatch(/^the output of (conv|fc|relu|pool)/)
  })
  it('reads the way of the data', () => {
    const layer = (path: string, size: number) => ({ path, size, dead: 0, units: 1 })
    const parameter = (path: string, gradient: number, value: number) => ({ path, gradient, value, isWeight: true })
    const bad = Number.POSITIVE_INFINITY
    expect(firstBroken({ loss: 1, layers: [layer('a', 1)], parameters: [parameter('a.w', 1, 1)] })).toBeUndefined()
    expect(
      firstBroken({ loss: Number.NaN, layers: [layer('a', 1), layer('b', bad), layer('c', bad)], parameters: [] }),
    ).toBe('the output of b')
    expect(
      firstBroken({
        loss: 1,
        layers: [layer('a', 1)],
        parameters: [parameter('a.w', bad, 1), parameter('b.w', bad, 1)],
      }),
    ).toBe('the gradient of b.w')
    expect(firstBroken({ loss: bad, layers: [layer('a', 1)], parameters: [] })).toBe('the loss')
  })
})

describe('freeze', () => {
  const snapshotOf = (model: ImageClassifier) =>
    new Map([...model.parameters()].map(([path, { value }]) => [path, [...value]]))
  it('leaves parameters as they are, for good or until an epoch', async () => {
    const options = { freeze: [{ match: 'conv1' }, { match: 'conv2', until: 2 }], batchSize: 64 }
    await withTrainer(lenet5(), options, async (trainer, model) => {
      const start = snapshotOf(model)
      const seen: Record<string, boolean>[] = []
      for await (const event of trainer.run()) {
        if (event.type !== 'epoch') continue
        const { tensors } = await trainer.snapshot()
        const hasMoved = (path: string) => String([...tensors.get(`model.${path}`)!.values]) !== String(start.get(path))
        seen.push({ conv1: hasMoved('conv1.weight'), conv2: hasMoved('conv2.weight'), fc3: hasMoved('fc3.weight') })
      }
      expect(seen).toEqual([
        { conv1: false, conv2: false, fc3: true },
        { conv1: false, conv2: true, fc3: true },
      ])
    })
  })
  it('goes on bit for bit where parameters thaw', async () => {
    const options = () => ({ freeze: [{ match: 'conv*', until: 2 }], optimizer: sgd({ lr: 0.05, momentum: 0.9 }) })
    const whole = await withTrainer(lenet5(), options(), async (trainer, model) => {
      await eventsOf(trainer)
      return snapshotOf(model)
    })
    // Stopped at the end of the first epoch, and in the middle of the second.
    for (const stop of [4, 6]) {
      const stored = await withTrainer(lenet5(), options(), async trainer => {
        for await (const event of trainer.run()) {
          if (event.type === 'epoch' && event.step === stop) break
          if (event.type === 'step' && event.step === stop && stop !== 4) break
        }
        return await trainer.snapshot()
      })
      const resumed = await withTrainer(lenet5(), options(), async (trainer, model) => {
        await trainer.restore(stored)
        await eventsOf(trainer)
        return snapshotOf(model)
      })
      expect(resumed).toEqual(whole)
    }
  })
  it('refuses patterns that fit nothing, averages of what thaws, and to freeze all', async () => {
    const make = (options: Partial<TrainerOptions>) => withTrainer(lenet5(), options, eventsOf)
    await expect(make({ freeze: [{ match: 'layer9' }] })).rejects.toThrow(
      "freeze: 'layer9' matches none of the parameters",
    )
    await expect(make({ freeze: [{ match: 'conv1', until: 2 }], average: ema() })).rejects.toThrow('cannot be averaged')
    await expect(make({ freeze: [{ match: '**' }] })).rejects.toThrow('every parameter is frozen')
  })
})

it('a network of zeros is not alive', async () => {
  const network = sequential(flatten(), linear(784, 16, { init: zeros() }), relu(), linear(16, 10))
  const health = await withTrainer(network, {}, trainer => trainer.inspect())
  expect(health.layers.map(({ path }) => path)).toContain('1')
  expect(health.layers.find(({ path }) => path === '1')).toMatchObject({ size: 0, dead: 1, units: 16 })
})
