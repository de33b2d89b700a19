/**
 * Every network of the catalog against torchvision (timm for squeeze-and-excitation, the papers' own forms in
 * `scripts/make_model_fixtures.py` for the rest): the names and shapes of the state, and with the same weights the same
 * logits for an image at full size, on the WebAssembly backend, or on WebGPU with FOVEA_TEST_WEBGPU=1.
 *
 * The slowest networks run when FOVEA_FULL=1.
 */
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { findModel, type ModelName, models } from '../../src/models/index.ts'
import { full } from '../support/full.ts'
import { checkLogits } from './checkLogits.ts'
import { digestOf, loadModelFixtures, stateOf } from './fill.ts'

const { logits: cases } = loadModelFixtures()

/** Compared on request only: others of the same family run always. */
const slow: readonly ModelName[] = [
  ...(['vgg11', 'vgg13', 'vgg13-bn', 'vgg16-1x1', 'vgg16-bn', 'vgg19', 'vgg19-bn', 'vgg-a-lrn'] as const),
  ...(['resnet34', 'resnet101', 'resnet101-v1', 'resnet152', 'resnet152-v1'] as const),
  ...(['se-resnet34', 'se-resnet101', 'se-resnet152', 'senet154'] as const),
]

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

  test.skipIf(slow.includes(fixture.model as ModelName) && !full)('has the logits', async () => {
    const engine = createEngine()
    try {
      await checkLogits(fixture, engine)
    } finally {
      await engine.close()
    }
  })
})
