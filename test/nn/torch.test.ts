/**
 * Layers and losses against PyTorch (`torchLayers.ts`), as the reference computes them in double precision; where kernels might
 * decide otherwise, also on the WebAssembly engine, and with FOVEA_TEST_WEBGPU=1 all of them on WebGPU.
 */
import { afterAll, describe, test } from 'vitest'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { evaluateReference } from '../../src/graph/evaluate.ts'
import { loadLayerFixture } from '../support/layerFixtures.ts'
import { checkFixture, type Evaluation, layerFiles, onEngine } from './torchLayers.ts'

// The files hold nine digits; the reference computes in float64. PyTorch's hard sigmoid has its 1/6 in float32: 3e-8 off.
const nineDigits = { relative: 4e-8, absolute: 1e-9 }

const onReference: Evaluation = {
  tolerance: nineDigits,
  run: async (roots, inputs) => evaluateReference(roots, inputs).map(({ values: data }) => data),
}
const engine = createWasmEngine({ threads: 1 })
afterAll(() => engine.close())

describe.each(layerFiles)('%s', file => {
  test.each(loadLayerFixture(file))('$name', fixture => checkFixture(fixture, onReference))
})

const onEngines = process.env.FOVEA_TEST_WEBGPU ? layerFiles : ['layers-bends', 'layers-convolution']

describe.each(onEngines)(`%s on an engine of ${engine.description.backend}`, file => {
  test.each(loadLayerFixture(file))('$name', fixture => checkFixture(fixture, onEngine(engine)))
})
