/** Layers that PyTorch lacks or defines otherwise, by their papers' formulas and the lectures' numbers, and their refusals. */
import { describe, expect, test } from 'vitest'
import { gradients } from '../../src/graph/gradient.ts'
import { convTranspose2d } from '../../src/graph/ops/convTranspose2d.ts'
import { mul } from '../../src/graph/ops/elementwise.ts'
import { sum } from '../../src/graph/ops/reduce.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import type { Volume } from '../../src/graph/tensor.ts'
import * as nn from '../../src/nn/index.ts'
import { expectClose, lcgTensor } from '../support/fixtures.ts'
import { valuesOf } from './exact.ts'

const context = nn.inference()

test('local response normalization with AlexNet’s constants: α is not divided by n', () => {
  const channels = 8
  const shape = [1, channels, 1, 2]
  const x = lcgTensor(shape, 3, 60)
  const expected = x.map((value, at) => {
    const [c, position] = [Math.floor(at / 2), at % 2]
    let total = 0
    for (let j = Math.max(0, c - 2); j <= Math.min(channels - 1, c + 2); j++) total += x[2 * j + position] ** 2
    return value / (2 + 1e-4 * total) ** 0.75
  })
  const y = nn.localResponseNorm().forward(constantTensor(x, shape), context)
  expectClose(valuesOf(y), expected, { relative: 1e-12 }, 'y')
  // PyTorch's convention with α = 5e-4 is the same.
  const torch = nn
    .localResponseNorm(5, { alpha: 5e-4, divideAlphaBySize: true })
    .forward(constantTensor(x, shape), context)
  expectClose(valuesOf(torch), expected, { relative: 1e-12 }, 'PyTorch’s convention')
})

test('the naive inception module of the lecture: 28×28×256 → 28×28×(128 + 192 + 96 + 256) = 28×28×672', () => {
  const module = nn.naiveInception(256, { ones: 128, threes: 192, fives: 96 })
  expect(module.forward(input('x', [1, 256, 28, 28]), context).shape).toEqual([1, 672, 28, 28])
  // 1·1·256·128, 3·3·256·192 and 5·5·256·96 weights, and a bias for each map.
  const parameters = [...module.parameters().values()].reduce((sum, { value }) => sum + value.length, 0)
  expect(parameters).toBe(256 * 128 + 9 * 256 * 192 + 25 * 256 * 96 + 128 + 192 + 96)
})

test('SELU keeps mean 0 and variance 1 of normal numbers', () => {
  const values = new Float32Array(200_000)
  nn.gaussian(1).fill(values, [values.length, 1], 1, 'x')
  const y = valuesOf(nn.selu().forward(constantTensor(values, [values.length]), context))
  const mean = y.reduce((sum, v) => sum + v, 0) / y.length
  const variance = y.reduce((sum, v) => sum + (v - mean) ** 2, 0) / y.length
  expect(Math.abs(mean)).toBeLessThan(0.01)
  expect(Math.abs(variance - 1)).toBeLessThan(0.02)
})

test('a maxout unit of linear pieces is the largest of them: |x| from x and −x', () => {
  const pieces = nn.linear(1, 2, { bias: false })
  pieces.weight.value.set([1, -1])
  const y = nn.sequential(pieces, nn.maxout(2)).forward(constantTensor([-3, 0.5, 2], [3, 1]), context)
  expect([...valuesOf(y)]).toEqual([3, 0.5, 2])
})

test('softmax gives probabilities that add up to 1, for large scores too', () => {
  const y = valuesOf(nn.softmax().forward(constantTensor([1000, 1001, 1002, -5, 0, 5], [2, 3]), context))
  expect(y[0] + y[1] + y[2]).toBeCloseTo(1, 12)
  expect(y[2] / y[1]).toBeCloseTo(Math.E, 10)
})

test('a transposed convolution is the transpose of the convolution: ⟨conv(x), y⟩ = ⟨x, convTranspose(y)⟩', () => {
  const options = { stride: 2, padding: 1, bias: false } as const
  const down = nn.conv2d(3, 4, 3, options).initialize(1)
  const up = nn.convTranspose2d(4, 3, 3, { ...options, outputPadding: [0, 1] })
  up.weight.value.set(down.weight.value)
  const [x, y] = [lcgTensor([2, 3, 5, 6], 1, 2), lcgTensor([2, 4, 3, 3], 2, 2)]
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, i) => sum + v * b[i], 0)
  const forward = valuesOf(down.forward(constantTensor(x, [2, 3, 5, 6]), context))
  const backward = valuesOf(up.forward(constantTensor(y, [2, 4, 3, 3]), context))
  expect(dot(forward, y)).toBeCloseTo(dot(x, backward), 10)
})

test('a transposed convolution lays its kernel `stride` apart, whatever the geometry PyTorch allows, and has a gradient', () => {
  const values = [1, 2, 3]
  const x = input('x', [1, 1, 4, 1] as const)
  const xs = [1, -2, 4, 8]
  const sizes = [0, 1, 2]
  const geometries = [1, 2, 3].flatMap(stride =>
    [1, 2, 3].flatMap(dilation => sizes.flatMap(added => sizes.map(padding => ({ stride, dilation, added, padding })))),
  )
  for (const { stride, dilation, added, padding } of geometries) {
    const name = JSON.stringify({ stride, dilation, outputPadding: added, padding })
    const w = constantTensor(values, [1, 1, 3, 1]) as Volume
    const lay = (): Volume =>
      convTranspose2d(x, w, { stride, dilation: [dilation, 1], padding: [padding, 0], outputPadding: [added, 0] })
    if (added >= Math.max(stride, dilation)) {
      expect(lay, name).toThrow('smaller than the stride')
      continue
    }
    const size = 3 * stride - 2 * padding + 2 * dilation + added + 1
    const places = xs.flatMap((_, i) => values.map((_, u) => ({ i, u, at: i * stride + u * dilation - padding })))
    const seen = places.filter(({ at }) => at >= 0 && at < size)
    const expected = new Array<number>(size).fill(0)
    for (const { i, u, at } of seen) expected[at] += xs[i] * values[u]
    const upstream = expected.map((_, at) => at + 1)
    const slopes = xs.map(() => 0)
    for (const { i, u, at } of seen) slopes[i] += upstream[at] * values[u]
    const y = lay()
    const [slope] = gradients(sum(mul(y, constantTensor(upstream, y.shape))), [x])
    expect([...valuesOf(y, { x: xs })], name).toEqual(expected)
    expect(slope.shape, name).toEqual(x.shape)
    expect([...valuesOf(slope, { x: xs })], name).toEqual(slopes)
  }
})

test('a moving average of a time series by conv1d', () => {
  const layer = nn.conv1d(1, 1, 3, { padding: 'same', bias: false, init: nn.constant(1 / 3) }).initialize(0)
  const y = valuesOf(layer.forward(constantTensor([3, 6, 9, 0, 3], [1, 1, 5]), context))
  expectClose(y, [3, 6, 5, 4, 1], { absolute: 1e-6 }, 'average')
})

describe('refusals name the layer, the numbers and the rule', () => {
  const x = (...shape: number[]) => input('x', shape)
  test.each([
    [
      'conv2d same, stride',
      () => nn.conv2d(1, 1, 3, { padding: 'same', stride: 2 }),
      "conv2d: padding 'same' needs stride 1, got 2, 2",
    ],
    [
      'conv1d same, stride',
      () => nn.conv1d(1, 1, 3, { padding: 'same', stride: 2 }),
      "conv1d: padding 'same' needs stride 1",
    ],
    [
      'conv1d rank',
      () => nn.conv1d(2, 1, 3).forward(x(1, 2, 3, 4), context),
      'Conv1d: expected an input [N, 2, L], got [1, 2, 3, 4]',
    ],
    [
      'conv1d groups',
      () => nn.conv1d(3, 4, 3, { groups: 2 }),
      'conv1d: inChannels (=3) must be divisible by groups (=2)',
    ],
    ['conv1d too short', () => nn.conv1d(1, 1, 5).forward(x(1, 1, 3), context), 'larger than the padded input'],
    [
      'maxPool1d too short',
      () => nn.maxPool1d(5).forward(x(1, 1, 3), context),
      'MaxPool1d: kernel 1×5 with dilation 1×1 is larger than the padded input 1×3',
    ],
    [
      'adaptiveMaxPool1d size',
      () => nn.adaptiveMaxPool1d(0),
      'adaptiveMaxPool1d: outputSize (=0) must be a whole number ≥ 1',
    ],
    [
      'convTranspose1d rank',
      () => nn.convTranspose1d(2, 1, 3).forward(x(1, 2, 3, 4), context),
      'ConvTranspose1d: expected an input [N, 2, L], got [1, 2, 3, 4]',
    ],
    [
      'instanceNorm1d rank',
      () => nn.instanceNorm1d(2).forward(x(1, 2, 3, 4), context),
      'InstanceNorm1d: expected an input [N, 2, L], got [1, 2, 3, 4]',
    ],
    ['gelu approximation', () => nn.gelu({ approximate: 'erf' as 'tanh' }), 'gelu: approximate (=erf)'],
    ['maxPool1d rank', () => nn.maxPool1d(2).forward(x(1, 2, 3, 4), context), 'MaxPool1d: expected an input [N, C, L]'],
    [
      'convTranspose2d channels',
      () => nn.convTranspose2d(2, 1, 3).forward(x(1, 3, 4, 4), context),
      'expected an input [N, 2, H, W], got [1, 3, 4, 4]',
    ],
    [
      'convTranspose2d output padding',
      () => nn.convTranspose2d(1, 1, 3, { outputPadding: 1 }).forward(x(1, 1, 4, 4), context),
      'outputPadding (=1, 1) must be whole numbers ≥ 0, smaller than the stride',
    ],
    [
      'convTranspose2d empty',
      () => nn.convTranspose2d(1, 1, 2, { padding: 2 }).forward(x(1, 1, 1, 1), context),
      'the output of [1, 1, 1, 1] would be -2×-2',
    ],
    [
      'prelu channels',
      () => nn.prelu(3).forward(x(2, 4), context),
      'PReLU: expected an input [N, 3, …], a channel per slope, got [2, 4]',
    ],
    ['maxout channels', () => nn.maxout(3).forward(x(2, 4), context), 'with C divisible by pieces (=3), got [2, 4]'],
    ['softmax axis', () => nn.softmax(2).forward(x(2, 4), context), 'Softmax: axis 2'],
    ['localResponseNorm size', () => nn.localResponseNorm(0), 'localResponseNorm: size (=0)'],
    ['localResponseNorm k', () => nn.localResponseNorm(5, { k: 0 }), 'localResponseNorm: k (=0) must be positive'],
    [
      'adaptive size',
      () => nn.adaptiveAveragePool2d([3, 0]),
      'adaptiveAveragePool2d: outputSize (=3, 0) must be whole numbers ≥ 1',
    ],
    [
      'adaptive rank',
      () => nn.globalMaxPool2d().forward(x(2, 4), context),
      'AdaptiveMaxPool2d: expected an input [N, C, H, W], got [2, 4]',
    ],
    ['parallel without branches', () => nn.parallel({}), 'parallel: expected at least one branch'],
    [
      'parallel names',
      () => nn.parallel({ 'a.b': nn.relu() }),
      "parallel: the name 'a.b' must not be empty or contain a dot",
    ],
    [
      'parallel shapes',
      () => nn.parallel({ a: nn.conv2d(1, 1, 1), b: nn.conv2d(1, 1, 3) }).forward(x(1, 1, 5, 5), context),
      'must be equal but for axis 1',
    ],
  ])('%s', (_, act, message) => {
    expect(act).toThrow(message)
  })
})
