/**
 * Moments that the kernel of a convolution gathers for batch normalization: by every method that can, forward and to the input,
 * equal to sums over the whole volume in double precision, and the same for any number of threads.
 */

import { afterAll, describe, expect, test } from 'vitest'
import { createWasmEngine } from '../../../src/backends/wasm/engine.ts'
import * as g from '../../../src/graph/index.ts'
import { formatPlan } from '../../../src/plan/format.ts'
import { expectClose, lcgTensor } from '../../support/fixtures.ts'
import { expectSameBits, runOn, type Values } from '../../support/programs.ts'

const engines = [1, 2].map(threads => createWasmEngine({ threads, innermost: 'channels' }))
const [engine] = engines
afterAll(() => Promise.all(engines.map(each => each.close())))

const noise = (shape: readonly number[], seed: number): Float32Array => Float32Array.from(lcgTensor(shape, seed, 1))

interface Case {
  readonly x: readonly [number, number, number, number]
  readonly outputs: number
  readonly kernel: number
  readonly stride?: number
  readonly groups?: number
  readonly method: string
}

const cases: Record<string, Case> = {
  'direct, channels that fill no vector': { x: [3, 20, 9, 7], outputs: 5, kernel: 1, method: 'direct' },
  'direct, several panels and chunks': { x: [4, 24, 30, 30], outputs: 20, kernel: 1, method: 'direct' },
  'direct in groups': { x: [2, 24, 9, 11], outputs: 36, kernel: 3, groups: 2, method: 'direct' },
  'an image of 3 channels': { x: [2, 3, 40, 33], outputs: 16, kernel: 7, stride: 2, method: 'direct' },
  'Winograd in stages, maps of 7 × 7': { x: [8, 64, 7, 7], outputs: 72, kernel: 3, method: 'winograd 4×4' },
  'Winograd in stages, 2 × 2': { x: [2, 256, 6, 6], outputs: 70, kernel: 3, method: 'winograd 2×2' },
  'Winograd in chunks': { x: [32, 16, 32, 30], outputs: 16, kernel: 3, method: 'winograd 4×4' },
  '3×3 at stride 2 by phases': { x: [8, 64, 21, 19], outputs: 68, kernel: 3, stride: 2, method: 'winograd 2×2' },
  'Winograd in chunks of odd heights': { x: [24, 24, 31, 33], outputs: 20, kernel: 3, method: 'winograd 4×4' },
}

/** y = x ∗ w + bias, with each channel's mean, the sum of its distances from a number near by, and the squares around the mean. */
function forward(
  { x, outputs, kernel, stride = 1, groups = 1 }: Case,
  bias: number,
): { roots: g.Tensor[]; y: g.Tensor } {
  const image = g.input('x', x, { batched: true }) as g.Volume
  const w = g.input('w', [outputs, x[1] / groups, kernel, kernel]) as g.Volume
  const y = g.add(g.conv2d(image, w, { stride, padding: kernel >> 1, groups }), bias)
  const mean = g.mean(y, [0, 2, 3], { keepDims: true })
  const near = g.input('near', [1, outputs, 1, 1])
  const distances = g.sum(g.sub(y, near), [0, 2, 3])
  return { roots: [mean, distances, g.sum(g.square(g.sub(y, mean)), [0, 2, 3])], y }
}

/** The gradient of a convolution to its input, its sum, and that of its products with another volume around a center. */
function backward({ x, outputs, kernel, stride = 1, groups = 1 }: Case): g.Tensor[] {
  const image = g.input('x', x, { batched: true }) as g.Volume
  const w = g.input('w', [outputs, x[1] / groups, kernel, kernel]) as g.Volume
  const y = g.conv2d(image, w, { stride, padding: kernel >> 1, groups })
  const upstream = g.input('upstream', y.shape, { batched: true })
  const [gradient] = g.gradients(g.sum(g.mul(y, upstream)) as g.Scalar, [image])
  const other = g.input('other', x, { batched: true })
  const center = g.input('center', [1, x[1], 1, 1])
  return [g.sum(gradient, [0, 2, 3]), g.sum(g.mul(gradient, g.sub(other, center)), [0, 2, 3])]
}

function inputsOf({ x, outputs, kernel, stride = 1, groups = 1 }: Case): Record<string, Float32Array> {
  const [height, width] = [x[2], x[3]].map(size => Math.ceil(size / stride))
  const weights = [outputs, x[1] / groups, kernel, kernel]
  return {
    x: noise(x, 1),
    w: noise(weights, 2),
    upstream: noise([x[0], outputs, height, width], 3),
    other: noise(x, 4),
    center: noise([x[1]], 5),
    near: noise([outputs], 6),
  }
}

async function planText(roots: readonly g.Tensor[]): Promise<string> {
  const executable = await engine.compile({
    outputs: Object.fromEntries(roots.map((root, k) => [String(k), root])),
    updates: new Map(),
  })
  return formatPlan(executable.plan)
}

/** Fails unless both engines compute the roots as the reference does, and alike. */
async function expectReference(roots: readonly g.Tensor[], inputs: Values): Promise<void> {
  const [first, second] = await Promise.all(engines.map(each => runOn(each, roots, inputs)))
  g.evaluateReference(roots, inputs).forEach(({ values: data }, k) => {
    // Rounding of the convolution, of sums over up to 32,000 positions, and what those of mixed signs cancel.
    const scale = data.reduce((most: number, value: number) => Math.max(most, Math.abs(value)), 0)
    expectClose(first[k], Array.from(data), { relative: 1e-5, absolute: 1e-5 * scale }, `root ${k}`)
    expectSameBits(second[k], first[k], `root ${k} on two threads`)
  })
}

describe.each(Object.entries(cases))('%s', (_, geometry) => {
  test('the mean of a result, the sum of distances and the squares', async () => {
    const { roots } = forward(geometry, 0.25)
    const text = await planText(roots)
    expect(text).toContain(`conv2d by ${geometry.method}(`)
    expect(text.match(/sum\(means of .* over axis 0\)/g)).toHaveLength(3)
    await expectReference(roots, inputsOf(geometry))
  })

  test.runIf(geometry.x[1] > 3)('the sum and the products of a gradient', async () => {
    const roots = backward(geometry)
    expect(await planText(roots)).toMatch(/sum\(products of .* over axis 0\)/)
    await expectReference(roots, inputsOf(geometry))
  })
})

test('the mean and the squares keep their precision where the mean is a thousand times the deviation', async () => {
  const geometry = cases['Winograd in chunks']
  const [batch, , height, width] = geometry.x
  const positions = height * width
  const { roots, y } = forward(geometry, 1000)
  const inputs = { ...inputsOf(geometry), near: new Float32Array(geometry.outputs).fill(1000) }
  // Those of the f32 values themselves: what the convolution rounds is not the question here.
  const [volume] = await runOn(engine, [y], inputs)
  const [, distances, squares] = await runOn(engine, roots, inputs)
  for (let channel = 0; channel < geometry.outputs; channel++) {
    const values = Array.from({ length: batch }, (_, n) => {
      const start = (n * geometry.outputs + channel) * positions
      return [...volume.slice(start, start + positions)]
    }).flat()
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    const exact = values.reduce((total, value) => total + (value - mean) ** 2, 0)
    // Half a unit in the last place of a mean near 1000 is 3e-5, a deviation is 1. 256 parts have rounded means: √256 less.
    expect(Math.abs(distances[channel] / values.length - (mean - 1000))).toBeLessThan(3e-5 / 8)
    expect(Math.abs(squares[channel] / exact - 1)).toBeLessThan(1e-6)
  }
})

test('where positions of different taps take turns, the volume is read again', async () => {
  const x = g.input('x', [2, 8, 9, 9], { batched: true }) as g.Volume
  const w = g.input('w', [16, 8, 3, 3]) as g.Volume
  const y = g.conv2d(x, w, { stride: 3, padding: 1 })
  const upstream = g.input('upstream', y.shape, { batched: true })
  const [gradient] = g.gradients(g.sum(g.mul(y, upstream)) as g.Scalar, [x])
  const center = g.mean(gradient, [0, 2, 3], { keepDims: true })
  const roots = [g.sum(g.square(g.sub(gradient, center)), [0, 2, 3])]
  expect(await planText(roots)).not.toContain('sums of')
  await expectReference(roots, { x: noise(x.shape, 1), w: noise(w.shape, 2), upstream: noise(y.shape, 3) })
})

test('a product with a value that comes out of the volume itself is not gathered', async () => {
  const x = g.input('x', [2, 16, 8, 8], { batched: true }) as g.Volume
  const w = g.input('w', [16, 16, 3, 3]) as g.Volume
  const y = g.conv2d(x, w, { padding: 1 })
  const later = g.conv2d(g.tanh(y) as g.Volume, w, { padding: 1 })
  const center = g.mean(later, [0, 2, 3], { keepDims: true })
  const roots = [g.sum(g.mul(y, g.sub(later, center)), [0, 2, 3])]
  expect(await planText(roots)).not.toMatch(/sums of/)
  await expectReference(roots, { x: noise(x.shape, 1), w: noise(w.shape, 2) })
})
