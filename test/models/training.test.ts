/**
 * Steps of training against PyTorch: the losses of SGD with momentum and weight decay on a small batch, and the parameters
 * and running statistics after one or two steps, on the WebAssembly backend. Networks with auxiliary classifiers are trained
 * by the program that `fit` runs, which minimizes the sum of all losses and reports the network's own.
 */
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { gradients } from '../../src/graph/gradient.ts'
import { sizeOf } from '../../src/graph/shape.ts'
import { simplify } from '../../src/graph/simplify.ts'
import { input } from '../../src/graph/sources.ts'
import type { Matrix, Scalar } from '../../src/graph/tensor.ts'
import { cifarResnet, googlenet, googlenet2014, mobilenetV2, resnet, vgg } from '../../src/models/index.ts'
import { crossEntropy, type ForwardContext, ImageClassifier, type Module, normalize } from '../../src/nn/index.ts'
import { sgd } from '../../src/optim/index.ts'
import type { Program } from '../../src/plan/program.ts'
import { trainingProgram } from '../../src/train/programs.ts'
import { expectClose } from '../support/fixtures.ts'
import { fillLcg, fillModel, loadModelFixtures, spread, stateOf, type TrainingCase } from './fill.ts'

const { training: cases } = loadModelFixtures()

/** The models of the cases without dropout, whose masks are another generator's in PyTorch. */
const makers: Readonly<Record<string, () => Module>> = {
  resnet18: () => resnet(18),
  'vgg11-bn': () => vgg('A', { batchNorm: true, dropout: 0 }),
  'resnet20-cifar': () => cifarResnet(20),
  googlenet: () => googlenet({ dropout: 0, auxiliaryDropout: 0 }),
  'googlenet-2014': () => googlenet2014({ dropout: 0, auxiliaryDropout: 0 }),
  'mobilenet-v2': () => mobilenetV2({ dropout: 0 }),
}

test('every kind of network is trained', () => {
  expect(cases.map(({ model }) => model)).toEqual(Object.keys(makers))
})

describe.each(cases)('$model', fixture => {
  test('losses, parameters and running statistics', { timeout: 180_000 }, async () => {
    const model = makers[fixture.model]().assignPaths()
    fillModel(model, fixture)
    const state = stateOf(model)
    const { losses: expectedLosses, after, optimizer: options } = fixture
    expect(state.map(([name]) => name)).toEqual(Object.keys(after))

    const engine = createEngine()
    try {
      const program = await engine.compile(
        fixture.auxiliary ? stepOnBytes(model, fixture) : stepOnFloats(model, fixture),
      )
      const [batch, , height, width] = fixture.input.shape
      const values = new Float32Array(sizeOf(fixture.input.shape))
      fillLcg(values, fixture.input.seed, fixture.input.scale)
      const inputs = {
        images: fixture.auxiliary ? bytesOf(values, batch, height * width) : values,
        labels: fixture.labels,
        learningRate: options.lr,
      }
      const losses: number[] = []
      for (const _ of expectedLosses) losses.push((await program.run(inputs)).loss[0])
      expectClose(losses, expectedLosses, { relative: 1e-4 }, 'losses')
      for (const [name, variable] of state) {
        const values = await engine.read(variable)
        // Measured by how far the tensor has moved: what is compared is the change, not the initial value. The small
        // constant is for tensors that hardly move: a bias under a batch norm has a gradient of nothing but rounding.
        const [change, ...expected] = after[name]
        const found = spread(values.length, 3).map(i => values[i])
        expectClose(found, expected, { relative: 1e-6, absolute: fixture.tolerance * change + 1e-5 }, name)
      }
    } finally {
      await engine.close()
    }
  })
})

/** A step on images as they are. */
function stepOnFloats(model: Module, { input: { shape }, labels: { length }, optimizer }: TrainingCase): Program {
  const context: ForwardContext = { training: true, updates: new Map() }
  const images = input('images', shape, { batched: true })
  const labels = input('labels', [length], { dtype: 'i32', batched: true })
  const logits = model.forward(images, context) as Matrix
  const buffers = [...context.updates.keys()]
  const [loss, ...statistics] = simplify([crossEntropy().forward(logits, labels), ...context.updates.values()])
  const parameters = model.parameters()
  const paths = [...parameters.keys()]
  const slopes = gradients(
    loss as Scalar,
    [...parameters.values()].map(({ tensor }) => tensor),
  )
  const byPath = new Map(slopes.map((slope, i) => [paths[i], slope]))
  const updates = sgd(optimizer).update(parameters, byPath, input('learningRate', []))
  for (const [i, buffer] of buffers.entries()) updates.set(buffer, statistics[i])
  return { outputs: { loss }, updates }
}

/** The step that `fit` and `fovea train` take, on images of bytes from −1 to 1. */
function stepOnBytes(model: Module, { input: { shape }, optimizer }: TrainingCase): Program {
  const [batch, channels, height, width] = shape
  const half = new Array<number>(channels).fill(0.5)
  const classifier = new ImageClassifier(normalize({ mean: half, std: half }), model)
  return trainingProgram(classifier, [height, width, channels], batch, crossEntropy(), sgd(optimizer))
}

/** Bytes `[N, H, W, C]` of the fixture's numbers `[N, C, H, W]` from −128 to 128. */
function bytesOf(values: Float32Array, batch: number, area: number): Uint8Array {
  const bytes = new Uint8Array(values.length)
  const channels = values.length / batch / area
  for (let position = 0; position < values.length; position++) {
    const sample = Math.floor(position / (channels * area))
    const channel = Math.floor(position / area) % channels
    const pixel = position % area
    bytes[(sample * area + pixel) * channels + channel] = Math.min(Math.floor(values[position] + 128), 255)
  }
  return bytes
}
