/** Training on WebGPU: trainer, optimizers and snapshots as on every engine, and the losses of the WebAssembly engine. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../../src/backends/createEngine.ts'
import type { Engine } from '../../../src/backends/engine.ts'
import { createWebGPUEngine } from '../../../src/backends/webgpu/create.ts'
import { mnist } from '../../../src/data/index.node.ts'
import { cifarResnet, lenet5 } from '../../../src/models/index.ts'
import { ImageClassifier, type Module, normalize } from '../../../src/nn/index.ts'
import { adam, type Optimizer, sgd } from '../../../src/optim/index.ts'
import { Trainer } from '../../../src/train/trainer.ts'
import { full } from '../../support/full.ts'
import { driver, reason } from '../../support/webgpu.ts'

describe.skipIf(driver === undefined)(`training on WebGPU (${driver ?? reason})`, async () => {
  const { train } = await mnist()
  const classes = train.classes
  let gpu: Engine
  const wasm = createEngine({ threads: 1 })
  beforeAll(async () => {
    gpu = await createWebGPUEngine()
  })
  afterAll(async () => {
    await Promise.all([gpu.close(), wasm.close()])
  })

  const lenet = (): Module => new ImageClassifier(normalize({ mean: [0.1307], std: [0.3081] }), lenet5()).initialize(1)
  /** A trainer of LeNet-5 on the first digits. */
  const digits = (engine: Engine, optimizer: Optimizer): Trainer =>
    new Trainer({
      model: lenet(),
      train: { dataset: train, indices: Int32Array.from({ length: 40 }, (_, k) => k) },
      engine,
      optimizer,
      epochs: 1,
      batchSize: 8,
    })
  const lossesOf = async (trainer: Trainer, steps = Number.POSITIVE_INFINITY): Promise<number[]> => {
    const losses: number[] = []
    for await (const event of trainer.run()) {
      if (event.type === 'step') losses.push(event.loss)
      if (losses.length === steps) break
    }
    return losses
  }
  /** Each step moves the weights by rounding errors of about 1e-7, which later losses see. */
  const expectAlike = (found: readonly number[], expected: readonly number[]): void => {
    expect(found.length).toBe(expected.length)
    found.forEach((loss, step) => {
      expect(Math.abs(loss - expected[step]!), `loss of step ${step + 1}`).toBeLessThan(1e-5 * expected[step]!)
    })
  }

  test.each([
    ['SGD with momentum', () => sgd({ lr: 0.05, momentum: 0.9 })],
    ['Adam', () => adam({ lr: 1e-3 })],
  ])('LeNet-5 has the losses of WebAssembly, step by step, with %s', async (_, optimizer) => {
    expectAlike(await lossesOf(digits(gpu, optimizer())), await lossesOf(digits(wasm, optimizer())))
  })

  test('a run goes on from its snapshot on another device: here in WebAssembly', async () => {
    const optimizer = () => sgd({ lr: 0.05, momentum: 0.9 })
    const first = digits(gpu, optimizer())
    const begun = await lossesOf(first, 2)
    const second = digits(wasm, optimizer())
    await second.restore(await first.snapshot())
    expectAlike([...begun, ...(await lossesOf(second))], await lossesOf(digits(wasm, optimizer())))
  })

  // A software driver takes minutes.
  test.skipIf(!full)('ResNet-20 trains: batch norm, shortcuts, running statistics', async () => {
    const pixels = Uint8Array.from({ length: 4 * 32 * 32 * 3 }, (_, k) => (k * 7919) % 251)
    const dataset = {
      images: pixels,
      labels: Int32Array.of(3, 1, 4, 1),
      shape: [32, 32, 3] as const,
      classes,
      name: 'noise',
    }
    const losses = async (engine: Engine): Promise<number[]> => {
      const model = new ImageClassifier(normalize({ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }), cifarResnet(20))
      const trainer = new Trainer({
        model: model.initialize(2),
        train: { dataset, indices: Int32Array.of(0, 1, 2, 3) },
        engine,
        optimizer: sgd({ lr: 0.1, momentum: 0.9 }),
        epochs: 2,
        batchSize: 2,
      })
      return lossesOf(trainer, 2)
    }
    const [found, expected] = [await losses(gpu), await losses(wasm)]
    // Layers of batch norm over two images amplify rounding errors.
    found.forEach((loss, step) => {
      expect(Math.abs(loss - expected[step]!), `loss of step ${step + 1}`).toBeLessThan(1e-3 * expected[step]!)
    })
  })
})
