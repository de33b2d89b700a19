/**
 * Every network of the catalog against torchvision (timm for squeeze-and-excitation, the papers' own forms in
 * `scripts/make_model_fixtures.py` for the rest): the names and shapes of the state, and with the same weights the same
 * logits for an image at full size, on the WebAssembly backend.
 *
 * The slowest networks run when FOVEA_FULL=1.
 */
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { sizeOf } from '../../src/graph/shape.ts'
import { simplify } from '../../src/graph/simplify.ts'
import { input } from '../../src/graph/sources.ts'
import { findModel, type ModelName, models } from '../../src/models/index.ts'
import { inference } from '../../src/nn/index.ts'
import { expectClose } from '../support/fixtures.ts'
import { digestOf, fillLcg, fillModel, loadModelFixtures, stateOf } from './fill.ts'

const { logits: cases } = loadModelFixtures()

/** Compared on request only: others of the same family run always. */
const slow: readonly ModelName[] = [
  ...(['vgg11', 'vgg13', 'vgg13-bn', 'vgg16-1x1', 'vgg16-bn', 'vgg19', 'vgg19-bn', 'vgg-a-lrn'] as const),
  ...(['resnet34', 'resnet101', 'resnet101-v1', 'resnet152', 'resnet152-v1'] as const),
  ...(['se-resnet34', 'se-resnet101', 'se-resnet152', 'senet154'] as const),
]
const full = process.env.FOVEA_FULL === '1'

test('every model of the catalog but lenet5, which has its own fixture, is compared', () => {
  expect(cases.map(({ model }) => model).sort()).toEqual(
    Object.keys(models)
      .filter(name => name !== 'lenet5')
      .sort(),
  )
})

describe.each(cases)('$model', fixture => {
  const { create, inputShape } = findModel(fixture.model)

  test('has the names, shapes and order of the state', () => {
    const model = create().assignPaths()
    const count = [...model.parameters().values()].reduce((sum, { value }) => sum + value.length, 0)
    expect(count).toBe(fixture.parameters)
    expect(stateOf(model).length).toBe(fixture.state.tensors)
    expect(digestOf(model)).toBe(fixture.state.digest)
    expect([1, ...inputShape]).toEqual(fixture.input.shape)
  })

  test.skipIf(slow.includes(fixture.model as ModelName) && !full)('has the logits', { timeout: 180_000 }, async () => {
    const model = create().assignPaths()
    fillModel(model, fixture)
    const engine = createEngine()
    try {
      const images = input('images', fixture.input.shape, { batched: true })
      const [logits] = simplify([model.forward(images, inference())])
      const program = await engine.compile({ outputs: { logits }, updates: new Map() })
      const pixels = new Float32Array(sizeOf(fixture.input.shape))
      fillLcg(pixels, fixture.input.seed, fixture.input.scale)
      const { logits: values } = await program.run({ images: pixels })
      const size = Math.max(...fixture.logits.map(Math.abs))
      expectClose(
        fixture.indices.map(i => values[i]),
        fixture.logits,
        { relative: 1e-4, absolute: 1e-5 * size },
        fixture.model,
      )
      expect(values.indexOf(Math.max(...values))).toBe(fixture.argmax)
      expectClose([Math.hypot(...values)], [fixture.norm], { relative: 1e-4 }, `${fixture.model}: norm`)
    } finally {
      await engine.close()
    }
  })
})
