/**
 * The WebGPU backend under the conformance suite, on the driver at hand: every operation against PyTorch's fixtures, and its
 * indices, random numbers and special values; with FOVEA_FULL=1 also convolutions, pools and products of random geometry.
 */
import { afterAll, describe } from 'vitest'
import { createWebGPUEngine } from '../../../src/backends/webgpu/create.ts'
import { full } from '../../support/full.ts'
import { runOn } from '../../support/programs.ts'
import { driver, reason } from '../../support/webgpu.ts'
import { describeBackend } from '../conformance.ts'

if (driver === undefined) {
  describe.skip(`webgpu conforms (skipped: ${reason})`, () => undefined)
} else {
  const engine = await createWebGPUEngine()
  afterAll(() => engine.close())
  const onRequest = 'hundreds of shapes, for which a software driver takes minutes; FOVEA_FULL=1 runs them'
  describeBackend({
    ...(!full && { skip: { geometry: onRequest, lenet: onRequest } }),
    name: `webgpu (${driver})`,
    run: (roots, inputs) => runOn(engine, roots, inputs),
    // exp, log, sin and the like are our own functions and good to 3e-7, as in WebAssembly; WGSL lets division and square
    // roots err by 2.5 units in the last place, 3e-7 too. Sums are as long as there.
    tolerance: { relative: 2e-6, absolute: 2e-6 },
  })
}
