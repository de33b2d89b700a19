/**
 * Steps of training against PyTorch: the losses of SGD with momentum and weight decay on a small batch, and the parameters
 * and running statistics after one or two steps, on the WebAssembly backend.
 */
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { gradients } from '../../src/graph/gradient.ts'
import { add, mul } from '../../src/graph/ops/elementwise.ts'
import { simplify } from '../../src/graph/simplify.ts'
import { input } from '../../src/graph/sources.ts'
import type { Matrix, Scalar, Tensor, Vector } from '../../src/graph/tensor.ts'
import { cifarResnet, GoogLeNet, googlenet, mobilenetV2, resnet, vgg } from '../../src/models/index.ts'
import { crossEntropy, type ForwardContext, type Module } from '../../src/nn/index.ts'
import { sgd } from '../../src/optim/index.ts'
import { expectClose } from '../support/fixtures.ts'
import { fillLcg, fillModel, loadModelFixtures, spread, stateOf } from './fill.ts'

const { training: cases } = loadModelFixtures()

/** The models of the cases without dropout, whose masks are another generator's in PyTorch. */
const makers: Readonly<Record<string, () => Module>> = {
  resnet18: () => resnet(18),
  'vgg11-bn': () => vgg('A', { batchNorm: true, dropout: 0 }),
  'resnet20-cifar': () => cifarResnet(20),
  googlenet: () => googlenet({ auxiliary: true, dropout: 0, auxiliaryDropout: 0 }),
  mobilenet_v2: () => mobilenetV2({ dropout: 0 }),
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

    const context: ForwardContext = { training: true, updates: new Map() }
    const images = input('images', fixture.input.shape, { batched: true })
    const labels = input('labels', [fixture.labels.length], { dtype: 'i32', batched: true })
    const buffers = (): Tensor[] => [...context.updates.values()]
    const total = lossOf(model, images, labels, context)
    const [loss, ...statistics] = simplify([total, ...buffers()])
    const parameters = model.parameters()
    const paths = [...parameters.keys()]
    const slopes = gradients(
      loss as Scalar,
      [...parameters.values()].map(({ tensor }) => tensor),
    )
    const byPath = new Map(slopes.map((slope, i) => [paths[i], slope]))
    const updates = sgd(options).update(parameters, byPath, input('lr', []))
    for (const [i, buffer] of [...context.updates.keys()].entries()) updates.set(buffer, statistics[i])

    const engine = createEngine()
    try {
      const program = await engine.compile({ outputs: { loss }, updates })
      fillLcg(program.input('images') as Float32Array, fixture.input.seed, fixture.input.scale)
      program.input('labels').set(fixture.labels)
      program.input('lr').set([options.lr])
      const losses: number[] = []
      for (const _ of expectedLosses) {
        await program.run()
        losses.push(program.output('loss')[0])
      }
      expectClose(losses, expectedLosses, { relative: 1e-4 }, 'losses')
      for (const [name, variable] of state) {
        const values = engine.read(variable)
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

/** Cross-entropy; GoogLeNet's with its auxiliary classifiers at the paper's weight 0.3. */
function lossOf(model: Module, images: Tensor, labels: Vector, context: ForwardContext): Scalar {
  const loss = (logits: Tensor): Scalar => crossEntropy().forward(logits as Matrix, labels)
  if (!(model instanceof GoogLeNet)) return loss(model.forward(images, context))
  const { logits, auxiliary } = model.forwardAll(images, context)
  return add(loss(logits), mul(add(loss(auxiliary[0]), loss(auxiliary[1])), 0.3)) as Scalar
}
