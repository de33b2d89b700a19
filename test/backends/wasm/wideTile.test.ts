/**
 * Kernels written for wide vectors have register tiles of 6 × 16. What they compute is right or wrong whoever compiles them: so
 * they run here as V8 builds them without joining vectors, on any Node, under the conformance suite and on convolutions whose
 * channels are no multiples of the tile's.
 */
import { afterAll, describe, expect, test } from 'vitest'
import { compileModule } from '../../../src/backends/wasm/compile.ts'
import { createWasmEngine, WasmEngine } from '../../../src/backends/wasm/engine.ts'
import { hasRelaxedSimd } from '../../../src/backends/wasm/features.ts'
import * as g from '../../../src/graph/index.ts'
import { expectClose } from '../../support/fixtures.ts'
import { runOn, withBatch } from '../../support/programs.ts'
import { describeBackend } from '../conformance.ts'

const engine = new WasmEngine(
  1,
  hasRelaxedSimd(),
  true,
  { innermost: 'channels' },
  {
    compile: bytes => compileModule(bytes, false),
    wide: { on: true, reason: 'for the test' },
    // The plain build need not be compared with itself.
    checked: { has: () => true, add: () => undefined },
  },
)
afterAll(() => engine.close())

// As for the other tiles: `conformance.test.ts`.
const tolerance = { relative: 2e-6, absolute: 2e-6 }
describeBackend({
  name: 'wasm (tiles of 6 × 16)',
  run: (roots, inputs) => runOn(engine, withBatch(roots), inputs),
  tolerance,
})

test("Winograd's weight gradient of 24 → 96 channels is that of the narrow tiles", async () => {
  const narrow = createWasmEngine({ threads: 1, innermost: 'channels', wide: 'off' })
  const x = g.input('x', [4, 24, 28, 28], { batched: true }) as g.Volume
  const w = g.input('w', [96, 24, 3, 3]) as g.Volume
  const upstream = g.input('upstream', [4, 96, 28, 28], { batched: true })
  const loss = g.sum(g.mul(g.conv2d(x, w, { padding: 1 }), upstream)) as g.Scalar
  const roots = g.gradients(loss, [w])
  const noise = (count: number, seed: number) =>
    Float32Array.from({ length: count }, (_, k) => Math.sin(k * 12.9898 + seed))
  const inputs = { x: noise(4 * 24 * 28 * 28, 1), upstream: noise(4 * 96 * 28 * 28, 2) }
  const [expected] = await runOn(narrow, roots, inputs)
  const [actual] = await runOn(engine, roots, inputs)
  await narrow.close()
  const most = Math.max(...Array.from(expected, Math.abs))
  expectClose(actual, Array.from(expected), { relative: 1e-5, absolute: 1e-5 * most }, 'gradient')
})

describe('a convolution of odd numbers of channels', () => {
  const window = (kernel: number, stride = 1) => ({ kernel, stride, padding: kernel >> 1 })
  test.each([
    ['3×3, 24 → 16', 24, 16, window(3)],
    ['3×3, 16 → 40', 16, 40, window(3)],
    ['3×3, 36 → 20', 36, 20, window(3)],
    ['3×3 / 2, 24 → 40', 24, 40, window(3, 2)],
    ['3×3 / 2, 36 → 50', 36, 50, window(3, 2)],
    ['1×1, 40 → 24', 40, 24, window(1)],
    ['5×5, 3 → 24', 3, 24, window(5)],
    ['5×5, 24 → 40', 24, 40, window(5)],
    ['5×5, 36 → 18', 36, 18, window(5)],
  ])('%s, and its gradients', async (_, channels, outputs, { kernel, stride, padding }) => {
    const x = g.input('x', [4, channels, 13, 14], { batched: true }) as g.Volume
    const w = g.input('w', [outputs, channels, kernel, kernel]) as g.Volume
    const y = g.conv2d(x, w, { stride, padding })
    const upstream = g.input('upstream', [...y.shape], { batched: true })
    const roots = [y, ...g.gradients(g.sum(g.mul(y, upstream)) as g.Scalar, [x, w])]
    const noise = (seed: number, { shape }: g.Tensor): Float32Array =>
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (__, k) => Math.sin(k * 12.9898 + seed))
    const inputs = { x: noise(1, x), w: noise(2, w), upstream: noise(3, upstream) }
    const actual = await runOn(engine, roots, inputs)
    g.evaluateReference(roots, inputs).forEach(({ data }, k) => {
      // Rounding of sums of up to a few thousand products; Winograd's algorithm adds a few units in the last place to each.
      const most = data.reduce((sofar: number, value: number) => Math.max(sofar, Math.abs(value)), 0)
      expectClose(actual[k], Array.from(data), { relative: 1e-5, absolute: 1e-5 * most }, `root ${k}`)
    })
    expect(engine.description.wide?.on).toBe(true)
  })
})
