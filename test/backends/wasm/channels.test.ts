/**
 * Convolutions on channels-last volumes: every method (direct, with a border, depthwise, Winograd in stages and in chunks,
 * both sums of the weight gradient) against the reference, value and gradients, with one thread and with two, and without relaxed SIMD.
 */
import { afterAll, describe, expect, test } from 'vitest'
import {
  type WinogradMatrices,
  winogradMatrices,
} from '../../../src/backends/cpu/kernels/channels/winograd/matrices.ts'
import { phaseMatrices, phaseMatricesToInput } from '../../../src/backends/cpu/kernels/channels/winograd/phases.ts'
import { chooseMethod } from '../../../src/backends/wasm/kernels/channels/methods.ts'
import * as g from '../../../src/graph/index.ts'
import { expectClose } from '../../support/fixtures.ts'
import { runOn } from '../../support/programs.ts'
import { threadedEngine } from '../../support/threads.ts'

interface Geometry {
  readonly batch: number
  readonly channels: number
  readonly outputs: number
  readonly size: readonly [number, number]
  readonly kernel: number
  readonly stride?: number
  readonly padding?: number | { top: number; bottom: number; left: number; right: number }
  readonly dilation?: number
  readonly groups?: number
  /** Names of the methods forward and for the weights, and for the gradient to the input if it is not the one forward. */
  readonly methods?: readonly [string, string, string?]
}

const geometries: Record<string, Geometry> = {
  '1×1': { batch: 3, channels: 20, outputs: 24, size: [5, 7], kernel: 1, methods: ['direct', 'sums'] },
  '1×1, stride 2': { batch: 2, channels: 8, outputs: 16, size: [9, 8], kernel: 1, stride: 2 },
  'image of 3 channels, 7×7 / 2': {
    batch: 2,
    channels: 3,
    outputs: 10,
    size: [17, 15],
    kernel: 7,
    stride: 2,
    padding: 3,
  },
  'image of 3 channels, 11×11 / 4': { batch: 1, channels: 3, outputs: 8, size: [27, 27], kernel: 11, stride: 4 },
  '3×3, stride 2': { batch: 2, channels: 16, outputs: 8, size: [8, 9], kernel: 3, stride: 2, padding: 1 },
  '3×3, stride 3 that does not divide': { batch: 2, channels: 6, outputs: 5, size: [11, 10], kernel: 3, stride: 3 },
  '5×5': { batch: 2, channels: 18, outputs: 7, size: [6, 9], kernel: 5, padding: 2 },
  dilated: {
    batch: 2,
    channels: 16,
    outputs: 16,
    size: [9, 9],
    kernel: 3,
    padding: 2,
    dilation: 2,
    methods: ['direct', 'sums'],
  },
  'stride and dilation': {
    batch: 1,
    channels: 4,
    outputs: 6,
    size: [11, 13],
    kernel: 3,
    stride: 2,
    padding: 1,
    dilation: 2,
  },
  grouped: { batch: 2, channels: 24, outputs: 12, size: [6, 5], kernel: 3, padding: 1, groups: 2 },
  'padding on one side': {
    batch: 3,
    channels: 20,
    outputs: 24,
    size: [15, 14],
    kernel: 3,
    padding: { top: 2, bottom: 0, left: 0, right: 1 },
    methods: ['winograd 4×4', 'sums'],
  },
  depthwise: {
    batch: 2,
    channels: 12,
    outputs: 12,
    size: [7, 10],
    kernel: 3,
    padding: 1,
    groups: 12,
    methods: ['depthwise', 'depthwise sums'],
  },
  'depthwise, stride 2': {
    batch: 2,
    channels: 8,
    outputs: 8,
    size: [9, 9],
    kernel: 3,
    stride: 2,
    padding: 1,
    groups: 8,
  },
  'depthwise, stride 2 on an even image, padding on one side': {
    batch: 3,
    channels: 8,
    outputs: 8,
    size: [12, 18],
    kernel: 3,
    stride: 2,
    padding: { top: 0, bottom: 1, left: 0, right: 1 },
    groups: 8,
  },
  'depthwise, stride 5': { batch: 1, channels: 4, outputs: 4, size: [14, 17], kernel: 3, stride: 5, groups: 4 },
  'depthwise 5×5, wide padding': {
    batch: 1,
    channels: 4,
    outputs: 4,
    size: [4, 3],
    kernel: 5,
    padding: 6,
    groups: 4,
    methods: ['depthwise', 'depthwise sums'],
  },
  'depthwise, dilated': {
    batch: 2,
    channels: 12,
    outputs: 12,
    size: [9, 14],
    kernel: 3,
    stride: 2,
    padding: 3,
    dilation: 3,
    groups: 12,
  },
  'winograd in stages, weights in parts': {
    batch: 32,
    channels: 24,
    outputs: 16,
    size: [13, 14],
    kernel: 3,
    padding: 1,
    methods: ['winograd 4×4', 'winograd sums'],
  },
  'winograd, weights in stages': {
    batch: 2,
    channels: 64,
    outputs: 72,
    size: [14, 13],
    kernel: 3,
    padding: 1,
    methods: ['winograd 4×4', 'winograd staged sums'],
  },
  'winograd of a few tiles': {
    batch: 1,
    channels: 64,
    outputs: 66,
    size: [9, 10],
    kernel: 3,
    padding: 1,
    methods: ['winograd 2×2', 'sums', 'direct'],
  },
  'winograd without padding': {
    batch: 1,
    channels: 16,
    outputs: 20,
    size: [12, 30],
    kernel: 3,
    methods: ['winograd 4×4', 'sums'],
  },
  '1×1, weights from memory': { batch: 1, channels: 1028, outputs: 520, size: [7, 7], kernel: 1 },
  'winograd, weights from memory': {
    batch: 1,
    channels: 448,
    outputs: 452,
    size: [7, 7],
    kernel: 3,
    padding: 1,
    methods: ['winograd 2×2', 'sums'],
  },
  'winograd in chunks': {
    batch: 17,
    channels: 16,
    outputs: 16,
    size: [30, 31],
    kernel: 3,
    padding: 1,
    methods: ['winograd 4×4', 'winograd sums'],
  },
  'winograd 5×5 in stages, weights in parts': {
    batch: 12,
    channels: 16,
    outputs: 20,
    size: [15, 13],
    kernel: 5,
    padding: 2,
    methods: ['winograd 2×2', 'winograd sums'],
  },
  'winograd 5×5, weights in stages': {
    batch: 3,
    channels: 64,
    outputs: 72,
    size: [9, 14],
    kernel: 5,
    padding: 1,
    methods: ['winograd 2×2', 'winograd staged sums'],
  },
  'winograd 5×5 of one image, without padding': {
    batch: 1,
    channels: 20,
    outputs: 28,
    size: [17, 12],
    kernel: 5,
    methods: ['winograd 2×2', 'sums'],
  },
  'winograd 5×5, wide padding': {
    batch: 2,
    channels: 32,
    outputs: 20,
    size: [6, 7],
    kernel: 5,
    padding: 4,
    methods: ['winograd 2×2', 'sums'],
  },
  'winograd 5×5, padding on one side': {
    batch: 1,
    channels: 16,
    outputs: 30,
    size: [11, 11],
    kernel: 5,
    padding: { top: 3, bottom: 0, left: 1, right: 4 },
    methods: ['winograd 2×2', 'sums', 'direct'],
  },
  'winograd 5×5 to the input only': {
    batch: 2,
    channels: 18,
    outputs: 24,
    size: [13, 10],
    kernel: 5,
    padding: { top: 0, bottom: 2, left: 4, right: 3 },
    methods: ['direct', 'sums', 'winograd 2×2'],
  },
  'winograd 5×5 in chunks': {
    batch: 9,
    channels: 16,
    outputs: 16,
    size: [30, 31],
    kernel: 5,
    padding: 2,
    methods: ['winograd 2×2', 'winograd sums'],
  },
  'winograd, stride 2': {
    batch: 2,
    channels: 64,
    outputs: 68,
    size: [24, 23],
    kernel: 3,
    stride: 2,
    padding: 1,
    methods: ['winograd 2×2', 'sums'],
  },
  'winograd, stride 2 without padding': {
    batch: 2,
    channels: 64,
    outputs: 66,
    size: [25, 24],
    kernel: 3,
    stride: 2,
    padding: 0,
    methods: ['winograd 2×2', 'sums', 'direct'],
  },
  'winograd, stride 2, wide padding': {
    batch: 3,
    channels: 64,
    outputs: 60,
    size: [16, 17],
    kernel: 3,
    stride: 2,
    padding: 2,
    methods: ['winograd 2×2', 'sums'],
  },
  'winograd, stride 2, another parity of padding across': {
    batch: 2,
    channels: 64,
    outputs: 64,
    size: [21, 22],
    kernel: 3,
    stride: 2,
    padding: { top: 1, bottom: 0, left: 0, right: 1 },
    methods: ['winograd 2×2', 'sums', 'direct'],
  },
  'winograd, stride 2, padding on one side': {
    batch: 2,
    channels: 60,
    outputs: 64,
    size: [20, 19],
    kernel: 3,
    stride: 2,
    padding: { top: 3, bottom: 0, left: 1, right: 4 },
    methods: ['winograd 2×2', 'sums'],
  },
  'winograd, stride 2 in chunks': {
    batch: 9,
    channels: 24,
    outputs: 64,
    size: [36, 35],
    kernel: 3,
    stride: 2,
    padding: 1,
    methods: ['winograd 2×2', 'sums'],
  },
}

const windowOf = ({ kernel, stride = 1, padding = 0, dilation = 1, groups = 1 }: Geometry) => ({
  ...g.windowOf({ kernel, stride, padding, dilation }),
  groups,
})

const tile = { rows: 4, columns: 8, joined: false }

/** Pseudo-random numbers in −½ … ½. */
function noise(count: number, seed: number): Float32Array {
  let state = seed
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32 - 0.5
  })
}

/** y = tanh(conv(x, w) · scale + bias + residual) and the gradients of a weighted sum of y. */
function roots(geometry: Geometry): { roots: g.Tensor[]; inputs: Record<string, Float32Array> } {
  const { batch, channels, outputs, size, kernel, groups = 1 } = geometry
  const x = g.input('x', [batch, channels, ...size], { batched: true }) as g.Volume
  const w = g.input('w', [outputs, channels / groups, kernel, kernel]) as g.Volume
  const { groups: _, kernel: __, ...window } = windowOf(geometry)
  const y0 = g.conv2d(x, w, { ...window, groups })
  const bias = g.input('bias', [outputs, 1, 1])
  const scale = g.input('scale', [batch, outputs, 1, 1], { batched: true })
  const residual = g.input('residual', [...y0.shape], { batched: true })
  const y = g.tanh(g.add(g.add(g.mul(y0, scale), bias), residual))
  const upstream = g.input('upstream', [...y.shape], { batched: true })
  const loss = g.sum(g.mul(y, upstream)) as g.Scalar
  const tensors = [x, w, bias, scale, residual, upstream]
  const names = ['x', 'w', 'bias', 'scale', 'residual', 'upstream']
  const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
  const inputs = Object.fromEntries(tensors.map(({ shape }, k) => [names[k], noise(sizeOf(shape), k + 1)]))
  return { roots: [y, ...g.gradients(loss, [x, w, bias, scale])], inputs }
}

const engines = [{ threads: 1 }, { threads: 2 }, { threads: 1, precise: true }].map(options =>
  threadedEngine({ ...options, innermost: 'channels' }),
)
afterAll(() => Promise.all(engines.map(engine => engine.close())))

describe.each(Object.entries(geometries))('%s', (name, geometry) => {
  test('has the value and the gradients of the reference', async () => {
    const { roots: wanted, inputs } = roots(geometry)
    const reference = g.evaluateReference(wanted, inputs)
    for (const engine of engines) {
      const got = await runOn(engine, wanted, inputs)
      reference.forEach(({ values: data }, k) => {
        // Rounding of sums of a few hundred to thousand products; F(4×4, 3×3) and F(5×5, 2×2) add a few units in the last place to each.
        const scale = data.reduce((most: number, value: number) => Math.max(most, Math.abs(value)), 0)
        expectClose(got[k], Array.from(data), { relative: 1e-5, absolute: 1e-5 * scale }, `root ${k}`)
      })
    }
  })

  test.runIf(geometry.methods)('takes the method it is here for', () => {
    const { batch, channels, outputs, size, groups = 1, kernel } = geometry
    const attributes = windowOf(geometry)
    const x = [batch, channels, ...size]
    const w = [outputs, channels / groups, kernel, kernel]
    const y = g.conv2d(g.input('x', x) as unknown as g.Volume, g.input('w', w) as unknown as g.Volume, {
      ...attributes,
    }).shape
    const forward = chooseMethod({ op: 'conv2d', attributes, operands: [x, w], output: y }, { winograd: true, tile })
    const weights = chooseMethod(
      { op: 'conv2dWeightGradient', attributes, operands: [x, y], output: w },
      { winograd: true, tile },
    )
    const input = chooseMethod(
      { op: 'conv2dInputGradient', attributes, operands: [y, w], output: x },
      { winograd: true, tile },
    )
    const [forwardName, weightsName, inputName = forwardName] = geometry.methods ?? []
    expect([forward.name, weights.name, input.name]).toEqual([forwardName, weightsName, inputName])
    // Only work in chunks needs room of the thread's own.
    expect(forward.workspace > 0).toBe(name.endsWith('in chunks'))
  })
})

test.each([
  [2, 3],
  [4, 3],
  [3, 4],
  [2, 5],
  [5, 2],
])('the matrices of F(%i, %i) make a correlation', (outputs, taps) => {
  const { input, weights, output } = winogradMatrices(outputs, taps)
  const times = (matrix: readonly (readonly number[])[], v: ArrayLike<number>): number[] =>
    matrix.map(row => row.reduce((sum, value, k) => sum + value * v[k], 0))
  const data = noise(outputs + taps - 1, 5)
  const kernel = noise(taps, 6)
  const [transformed, filter] = [times(input, data), times(weights, kernel)]
  const result = times(
    output,
    transformed.map((value, k) => value * filter[k]),
  )
  result.forEach((value, i) => {
    const direct = kernel.reduce((sum, tap, k) => sum + tap * data[i + k], 0)
    expect(value).toBeCloseTo(direct, 12)
  })
})

test.each([2, 3])('the matrices for %i outputs at stride 2 make a correlation, and its gradient', m => {
  const times = (matrix: readonly (readonly number[])[], v: ArrayLike<number>): number[] =>
    matrix.map(row => row.reduce((sum, value, k) => sum + value * v[k], 0))
  const compute = (
    { input, weights, output }: WinogradMatrices,
    data: Float32Array,
    taps: ArrayLike<number>,
  ): number[] => {
    const filter = times(weights, taps)
    const products = times(input, data).map((value, k) => value * filter[Math.min(k, filter.length - 1)])
    return times(output, products)
  }
  const taps = noise(3, 6)
  const data = noise(2 * m + 1, 5)
  compute(phaseMatrices(m), data, taps).forEach((value, i) => {
    const direct = taps.reduce((sum, tap, k) => sum + tap * data[2 * i + k], 0)
    expect(value).toBeCloseTo(direct, 12)
  })
  for (const lead of [0, 1]) {
    const gradient = compute(phaseMatricesToInput(m, lead === 0), data.subarray(0, m + 1), taps)
    expect(gradient.length).toBe(2 * m)
    gradient.forEach((value, i) => {
      // Row i sees the upstream rows (i - lead + k) / 2 that are whole numbers.
      const direct = taps.reduce(
        (sum, tap, k) => ((i - lead + k) % 2 === 0 ? sum + tap * data[(i - lead + k) / 2] : sum),
        0,
      )
      expect(value).toBeCloseTo(direct, 12)
    })
  }
})

test('Winograd can be left out', () => {
  const { batch, channels, outputs, size, kernel } = geometries['winograd in stages, weights in parts']
  const attributes = windowOf(geometries['winograd in stages, weights in parts'])
  const task = {
    op: 'conv2d',
    attributes,
    operands: [
      [batch, channels, ...size],
      [outputs, channels, kernel, kernel],
    ],
    output: [batch, outputs, ...size],
  } as const
  expect(chooseMethod(task, { winograd: false, tile }).name).toBe('direct')
})
