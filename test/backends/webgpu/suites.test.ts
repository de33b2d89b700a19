/**
 * A sample of the library's suites on WebGPU: each kind of layer and loss against PyTorch, the logits of a residual network,
 * maps of what a network looks at, and ONNX's operators. All of these suites run on it with FOVEA_TEST_WEBGPU=1, for which
 * software drivers take long; see CONTRIBUTING.md.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWebGPUEngine } from '../../../src/backends/webgpu/create.ts'
import type { WebGPUEngine } from '../../../src/backends/webgpu/options.ts'
import { gradCam, guidedBackprop, Inspector } from '../../../src/inspect/index.ts'
import { departure, fixtureNet, fixtures } from '../../inspect/network.ts'
import { checkLogits } from '../../models/checkLogits.ts'
import { loadModelFixtures } from '../../models/fill.ts'
import { checkFixture, layerFiles, onEngine } from '../../nn/torchLayers.ts'
import { failing, nodeTests, runNodeTest } from '../../onnx/nodeTests.ts'
import { loadLayerFixture } from '../../support/layerFixtures.ts'
import { driver, reason } from '../../support/webgpu.ts'

/** The first case of each operation. */
function firstOfEach<T extends { readonly op: string }>(cases: readonly T[]): T[] {
  const seen = new Set<string>()
  return cases.filter(({ op }) => !seen.has(op) && seen.add(op))
}

describe.skipIf(driver === undefined)(`suites on WebGPU (${driver ?? reason})`, () => {
  let engine: WebGPUEngine
  beforeAll(async () => {
    engine = await createWebGPUEngine()
  })
  afterAll(() => engine?.close())

  test.each(firstOfEach(layerFiles.flatMap(loadLayerFixture)))('$name is PyTorch’s', fixture =>
    checkFixture(fixture, onEngine(engine)),
  )

  test('the logits of ResNet-20 are PyTorch’s', async () => {
    const { logits } = loadModelFixtures()
    await checkLogits(logits.find(({ model }) => model === 'resnet20-cifar')!, engine)
  })

  test('the maps of Grad-CAM and of guided backpropagation are PyTorch’s', async () => {
    const { images, classes: of, maps } = fixtures.attributions
    const pixels = Float32Array.from(images.data)
    const inspector = new Inspector(engine, fixtureNet(), [10, 10, 3])
    const cam = await gradCam(inspector, pixels, { of, layer: 'act2' })
    expect(departure(cam.map.values, maps.gradCam!.data)).toBeLessThan(2e-6)
    const guided = await guidedBackprop(inspector, pixels, { of })
    expect(departure(guided.map.values, maps.guidedBackprop!.data)).toBeLessThan(2e-6)
  })

  test.each(firstOfEach(nodeTests.filter(({ name }) => !(name in failing))))('$op of ONNX: $name', async nodeTest => {
    expect(await runNodeTest(nodeTest, engine)).toBe('')
  })
})
