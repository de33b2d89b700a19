/** However a run ends, the model holds the weights after its last step, and what goes wrong is told as it is. */
import { afterEach, describe, expect, test } from 'vitest'
import { createReferenceEngine } from '../../src/backends/reference/engine.ts'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { imageDataset } from '../../src/data/arrays.ts'
import { BatchLoader } from '../../src/data/loader.ts'
import { subsetOf } from '../../src/data/split.ts'
import type { TypedArray } from '../../src/graph/variable.ts'
import { batchNorm1d, flatten, linear, type Module, normalize, relu, sequential } from '../../src/nn/index.ts'
import { adam } from '../../src/optim/adam.ts'
import { ema } from '../../src/optim/average.ts'
import { Trainer, type TrainerOptions } from '../../src/train/trainer.ts'

const data = imageDataset({
  images: Uint8Array.from({ length: 40 * 16 }, (_, k) => (k * k * 31) % 256),
  labels: Array.from({ length: 40 }, (_, k) => (k * 7) % 3),
  shape: [4, 4, 1],
})
const network = () =>
  sequential(
    normalize({ mean: [0.5], std: [0.25] }),
    flatten(),
    linear(16, 6),
    batchNorm1d(6),
    relu(),
    linear(6, 3),
  ).initialize(1)

/** The usual batches, but for what happens to the fourth. */
class SpoiledAtThree extends BatchLoader {
  private readonly spoil: (labels: Int32Array | Float32Array) => void

  constructor(spoil: (labels: Int32Array | Float32Array) => void) {
    super(subsetOf(data), { batchSize: 8, seed: 3 })
    this.spoil = spoil
  }

  override fill(batch: number, images: Uint8Array, labels: Int32Array | Float32Array): number {
    const size = super.fill(batch, images, labels)
    if (batch === 3) this.spoil(labels)
    return size
  }
}

type Options = Partial<Omit<TrainerOptions, 'engine' | 'model'>>

const engines = {
  reference: createReferenceEngine,
  'wasm on one thread': () => createWasmEngine({ threads: 1 }),
  'wasm on two threads': () => createWasmEngine({ threads: 2 }),
}

describe.each(Object.entries(engines))('%s', (_, createEngine) => {
  let engine = createEngine()
  afterEach(() => engine.close())

  /** Ten steps in two epochs. */
  function start(options: Options = {}): { trainer: Trainer; model: Module } {
    engine = createEngine()
    const model = network()
    const train = subsetOf(data)
    const usual = { train, optimizer: adam({ lr: 0.01 }), epochs: 2, batchSize: 8, seed: 3 }
    return { trainer: new Trainer({ model, engine, ...usual, ...options }), model }
  }
  const valuesOf = (model: Module) => new Map([...model.variables()].map(([path, { value }]) => [path, value.slice()]))

  /** Weights after each step, by step: those of a run that is looked at after each. Averages where they are asked for. */
  async function weightsByStep(part: 'model' | 'average', options: Options = {}) {
    const { trainer, model } = start(options)
    const weights = new Map<number, ReadonlyMap<string, TypedArray>>([[0, valuesOf(model)]])
    for await (const event of trainer.run()) {
      if (event.type !== 'step') continue
      const { tensors } = await trainer.snapshot()
      const values = [...model.variables().keys()].map(
        path => [path, (tensors.get(`${part}.${path}`) ?? tensors.get(`model.${path}`))!.values] as const,
      )
      weights.set(event.step, new Map(values))
    }
    await engine.close()
    expect(weights.size).toBe(11)
    return weights
  }

  test.each(['stop', 'break', 'return', 'throw', 'finish', 'end'])('by %s', async how => {
    const expected = await weightsByStep('model')
    for (const at of how === 'finish' || how === 'end' ? [1] : [1, 4, 5]) {
      const { trainer, model } = start()
      const events = trainer.run()
      const end = async () => {
        for await (const event of events) {
          if (event.type !== 'step' || event.step !== at) continue
          if (how === 'stop') trainer.stop()
          if (how === 'break') break
          if (how === 'return') return
          if (how === 'throw') throw new Error('enough')
          if (how === 'finish') trainer.finish()
        }
      }
      if (how === 'throw') await expect(end()).rejects.toThrow(/^enough$/)
      else await end()
      const last = { finish: 5, end: 10 }[how] ?? at
      expect(valuesOf(model)).toEqual(expected.get(last))
      await engine.close()
    }
  })

  test('before the first step: the initial weights', async () => {
    const { trainer, model } = start()
    for await (const _event of trainer.run()) break
    expect(valuesOf(model)).toEqual(valuesOf(network()))
  })

  test('with averages: the averages', async () => {
    const options = { average: ema({ decay: 0.7 }) }
    const expected = await weightsByStep('average', options)
    const { trainer, model } = start(options)
    for await (const event of trainer.run()) if (event.type === 'step' && event.step === 7) trainer.stop()
    expect(valuesOf(model)).toEqual(expected.get(7))
    expect(valuesOf(model)).not.toEqual((await weightsByStep('model', options)).get(7))
  })

  test('a run that has ended goes on where it was', async () => {
    const expected = await weightsByStep('model')
    const { trainer, model } = start()
    for await (const event of trainer.run()) if (event.type === 'step' && event.step === 2) trainer.stop()
    for await (const event of trainer.run()) if (event.type === 'step' && event.step === 3) break
    expect(valuesOf(model)).toEqual(expected.get(3))
    for await (const _event of trainer.run());
    expect(valuesOf(model)).toEqual(expected.get(10))
  })

  test.each<[string, (labels: Int32Array | Float32Array) => void, RegExp]>([
    [
      'images that cannot be read',
      () => {
        throw new Error('the disk is gone')
      },
      /^the disk is gone$/,
    ],
    [
      'a label that is no class',
      labels => {
        labels[7] = 3
      },
      /^labels: an index or a label \(=3\) is out of range: expected 0 … 2$/,
    ],
  ])('by a step that fails: %s', async (_name, spoil, message) => {
    const expected = await weightsByStep('model')
    const { trainer, model } = start({ train: new SpoiledAtThree(spoil) })
    await expect(async () => {
      for await (const _event of trainer.run());
    }).rejects.toThrow(message)
    expect(valuesOf(model)).toEqual(expected.get(3))
    // The engine is as good as new.
    const image = data.images.subarray(0, 16)
    expect(await trainer.evaluator.predict(image)).toHaveLength(3)
  })

  test('by an engine that is closed under it: that is what is told', async () => {
    const { trainer } = start()
    await expect(async () => {
      for await (const event of trainer.run()) if (event.type === 'step' && event.step === 2) await engine.close()
    }).rejects.toThrow(/^the engine is closed$/)
  })

  test('an engine that is closed at the last event is closed in time', async () => {
    const expected = await weightsByStep('model')
    const { trainer, model } = start()
    for await (const event of trainer.run()) if (event.type === 'done') await engine.close()
    expect(valuesOf(model)).toEqual(expected.get(10))
  })

  test('two runs of one trainer at a time are refused; the first is not disturbed', async () => {
    const expected = await weightsByStep('model')
    const { trainer, model } = start()
    for await (const event of trainer.run()) {
      if (event.type === 'step') await expect(trainer.run().next()).rejects.toThrow('trainer: already running')
    }
    expect(valuesOf(model)).toEqual(expected.get(10))
  })
})
