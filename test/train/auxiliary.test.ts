/** Auxiliary classifiers through the training loop: what they add to the gradient, what is reported, and what inference leaves out. */
import { expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { imageDataset } from '../../src/data/arrays.ts'
import { subsetOf } from '../../src/data/split.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { googlenet } from '../../src/models/index.ts'
import {
  crossEntropy,
  type ForwardContext,
  flatten,
  ImageClassifier,
  linear,
  Module,
  normalize,
} from '../../src/nn/index.ts'
import { sgd } from '../../src/optim/index.ts'
import { predictionProgram, Trainer, trainingProgram } from '../../src/train/index.ts'
import { expectClose, lcgTensor } from '../support/fixtures.ts'

/** Two layers, with an auxiliary classifier after the first. */
class Helped extends Module {
  readonly flatten = flatten()
  readonly hidden = linear(4, 5)
  readonly helper = linear(5, 3)
  readonly output = linear(5, 3)
  readonly weight: number

  constructor(weight: number) {
    super()
    this.weight = weight
  }

  override get trainingOnly(): readonly string[] {
    return ['helper']
  }

  override forward(x: Tensor, context: ForwardContext): Tensor {
    const features = this.hidden.forward(this.flatten.forward(x, context), context)
    context.auxiliary?.push({ logits: this.helper.forward(features, context), weight: this.weight })
    return this.output.forward(features, context)
  }
}

const half = { mean: [0.5], std: [0.5] }
const images = Uint8Array.from(lcgTensor([6, 2, 2, 1], 3, 256).map(value => Math.floor(value + 128)))
const labels = [0, 1, 2, 2, 1, 0]

/** The gradient of each parameter, by a step of SGD with learning rate 1, and the loss that is reported. */
async function gradientOf(weight: number): Promise<{ loss: number; gradient: ReadonlyMap<string, readonly number[]> }> {
  const engine = createEngine({ backend: 'reference' })
  try {
    const model = new ImageClassifier(normalize(half), new Helped(weight)).initialize(1)
    const program = await engine.compile(trainingProgram(model, [2, 2, 1], 6, crossEntropy(), sgd({ lr: 1 })))
    const before = new Map([...model.parameters()].map(([path, { value }]) => [path, [...value]]))
    const { loss } = await program.run({ images, labels, learningRate: 1 })
    const gradient = new Map<string, readonly number[]>()
    for (const [path, parameter] of model.parameters()) {
      const after = await engine.read(parameter)
      gradient.set(
        path,
        (before.get(path) ?? []).map((value, k) => value - after[k]),
      )
    }
    return { loss: loss[0], gradient }
  } finally {
    await engine.close()
  }
}

test('their gradient is added with its weight, and the loss that is reported is the own one', async () => {
  const [without, once, twice] = await Promise.all([0, 1, 2].map(gradientOf))
  expect(once.loss).toBe(without.loss)
  expect(twice.loss).toBe(without.loss)
  for (const [path, own] of without.gradient) {
    const added = (once.gradient.get(path) ?? []).map((value, k) => value - own[k])
    const double = (twice.gradient.get(path) ?? []).map((value, k) => value - own[k])
    // Differences of numbers that were rounded to single precision.
    expectClose(
      double,
      added.map(value => 2 * value),
      { absolute: 1e-6 },
      path,
    )
    const size = Math.hypot(...added)
    if (path.startsWith('output')) expect(size, path).toBeLessThan(1e-6)
    else expect(size, path).toBeGreaterThan(1e-2)
    if (path.startsWith('helper')) expect(Math.hypot(...own), path).toBe(0)
  }
})

test('inference leaves them out', () => {
  const model = new ImageClassifier(normalize(half), new Helped(1)).assignPaths()
  const { outputs } = predictionProgram(model, [2, 2, 1], 6, true)
  const read = new Set<string>()
  const visit = ({ source, inputs }: Tensor): void => {
    if (source?.kind === 'variable') read.add(source.variable.name)
    inputs.forEach(visit)
  }
  Object.values(outputs).forEach(visit)
  expect([...read].sort()).toEqual(['hidden.bias', 'hidden.weight', 'output.bias', 'output.weight'])
})

test('the trainer trains GoogLeNet with its own, scores it without, and saves both', {
  timeout: 300_000,
}, async () => {
  const random = lcgTensor([8, 32, 32, 3], 5, 256)
  const dataset = imageDataset({
    images: Uint8Array.from(random.map(value => Math.floor(value + 128))),
    labels: [0, 1, 0, 1, 0, 1, 0, 1],
    shape: [32, 32, 3],
  })
  const rgb = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
  const engine = createEngine({ threads: 1 })
  const model = new ImageClassifier(normalize(rgb), googlenet({ classes: 2 })).initialize(0)
  const train = subsetOf(dataset)
  const optimizer = sgd({ lr: 0.01 })
  try {
    const trainer = new Trainer({ model, train, validation: train, engine, optimizer, epochs: 1, batchSize: 4 })
    const before = (await trainer.snapshot()).tensors
    const events: string[] = []
    for await (const event of trainer.run()) {
      events.push(event.type)
      if ('loss' in event) expect(event.loss).toBeGreaterThan(0)
    }
    expect(events).toEqual(['start', 'step', 'step', 'epoch', 'validation', 'done'])
    const { tensors } = await trainer.snapshot()
    for (const path of ['model.aux1.fc2.bias', 'model.aux2.conv.bn.weight', 'model.fc.bias']) {
      expect(tensors.get(path)?.values, path).not.toEqual(before.get(path)?.values)
    }
    expect(tensors.get('model.aux1.conv.bn.num_batches_tracked')?.values).toEqual(Int32Array.of(2))
  } finally {
    await engine.close()
  }
})
