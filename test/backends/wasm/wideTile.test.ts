/**
 * Kernels written for wide vectors have larger register tiles: 6 × 16 where channels are lanes, 6 rows where samples are. What
 * they compute is right or wrong whoever compiles them: so they run here as V8 builds them without joining vectors, on any Node,
 * under the conformance suite and on convolutions whose channels are no multiples of the tile's. Where samples are lanes, the
 * results are the same bits as with the narrow tiles.
 */
import { afterAll, describe, expect, test } from 'vitest'
import { chooseBlock } from '../../../src/backends/cpu/layouts/sampleLayout.ts'
import { createWasmEngine, WasmEngine } from '../../../src/backends/wasm/engine.ts'
import { compileModule } from '../../../src/backends/wasm/runtime/compile.ts'
import { hasRelaxedSimd } from '../../../src/backends/wasm/runtime/features.ts'
import { wasmBlockSizes } from '../../../src/backends/wasm/target.ts'
import * as g from '../../../src/graph/index.ts'
import { expectClose } from '../../support/fixtures.ts'
import { full } from '../../support/full.ts'
import { expectSameBits, runOn, withBatch } from '../../support/programs.ts'
import { describeBackend } from '../conformance.ts'

/** An engine whose kernels are written for wide vectors and compiled plainly. */
const wideEngine = (innermost: 'samples' | 'channels'): WasmEngine =>
  new WasmEngine(
    { threads: 1, fused: hasRelaxedSimd(), takesPart: true },
    { innermost },
    {
      compile: bytes => compileModule(bytes, false),
      wide: { on: true, reason: 'for the test' },
      // The plain build need not be compared with itself.
      checked: { has: () => true, add: () => undefined },
    },
  )
const engine = wideEngine('channels')
const overSamples = wideEngine('samples')
afterAll(() => Promise.all([engine.close(), overSamples.close()]))

// As for the other tiles: `conformance.test.ts`.
const tolerance = { relative: 2e-6, absolute: 2e-6 }
describeBackend({
  name: 'wasm (tiles of 6 × 16)',
  run: (roots, inputs) => runOn(engine, withBatch(roots), inputs),
  tolerance,
})
if (full) {
  describeBackend({
    name: 'wasm (wide tiles over samples)',
    run: (roots, inputs) => runOn(overSamples, withBatch(roots), inputs),
    tolerance,
  })
}

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
    g.evaluateReference(roots, inputs).forEach(({ values: data }, k) => {
      // Rounding of sums of up to a few thousand products; Winograd's algorithm adds a few units in the last place to each.
      const most = data.reduce((sofar: number, value: number) => Math.max(sofar, Math.abs(value)), 0)
      expectClose(actual[k], Array.from(data), { relative: 1e-5, absolute: 1e-5 * most }, `root ${k}`)
    })
    expect(engine.description.wide?.on).toBe(true)
  })
})

describe('with samples innermost, the narrow tiles give the same bits', () => {
  const noise = (seed: number, { shape }: g.Tensor): Float32Array =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, k) => Math.sin(k * 12.9898 + seed))

  async function expectSame(roots: readonly g.Tensor[], inputs: Record<string, Float32Array>): Promise<void> {
    const narrow = createWasmEngine({ threads: 1, innermost: 'samples', wide: 'off' })
    const expected = await runOn(narrow, roots, inputs)
    await narrow.close()
    const actual = await runOn(overSamples, roots, inputs)
    expect(expected.some(values => values.some(value => value !== 0))).toBe(true)
    expected.forEach((values, k) => {
      expectSameBits(actual[k], values, `root ${k}`)
    })
  }

  const window = (kernel: number, padding = 0, stride = 1, dilation = 1) => ({ kernel, padding, stride, dilation })
  describe.each([
    [7, 1],
    [4, 4],
    [8, 8],
    [128, 16],
  ])('%i samples, in blocks of %i', (batch, block) => {
    test('blocks are that large', () => {
      expect(chooseBlock(batch, wasmBlockSizes)).toBe(block)
    })

    test.each([
      ['5×5, 1 → 6, padded', 1, 6, window(5, 2)],
      ['5×5, 6 → 16', 6, 16, window(5)],
      ['3×3 / 2, 7 → 13', 7, 13, window(3, 1, 2)],
      ['3×3, 9 → 5, dilated', 9, 5, window(3, 2, 1, 2)],
      ['7×7, 1 → 8, wider than the image', 1, 8, window(7, 6)],
    ])('convolution of %s, with bias and ReLU, and its gradients', async (_, channels, outputs, geometry) => {
      const x = g.input('x', [batch, channels, 9, 5], { batched: true }) as g.Volume
      const w = g.input('w', [outputs, channels, geometry.kernel, geometry.kernel]) as g.Volume
      const bias = g.input('bias', [outputs, 1, 1])
      const y = g.relu(g.add(g.conv2d(x, w, geometry), bias))
      const upstream = g.input('upstream', [...y.shape], { batched: true })
      const roots = [y, ...g.gradients(g.sum(g.mul(y, upstream)) as g.Scalar, [x, w, bias])]
      await expectSame(roots, { x: noise(1, x), w: noise(2, w), bias: noise(3, bias), upstream: noise(4, upstream) })
    })

    test('a layer of 20 → 13 units with bias and tanh, and its gradients', async () => {
      const x = g.input('x', [batch, 20], { batched: true }) as g.Matrix
      const w = g.input('w', [13, 20]) as g.Matrix
      const bias = g.input('bias', [13])
      const y = g.tanh(g.add(g.matmul(x, w, { transposeB: true }), bias))
      const upstream = g.input('upstream', [batch, 13], { batched: true })
      const roots = [y, ...g.gradients(g.sum(g.mul(y, upstream)) as g.Scalar, [x, w, bias])]
      await expectSame(roots, { x: noise(1, x), w: noise(2, w), bias: noise(3, bias), upstream: noise(4, upstream) })
    })
  })
})
