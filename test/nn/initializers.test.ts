/** Initial weights: their distributions, fan-in rules, and that they are a function of (seed, path) alone. */
import { describe, expect, test } from 'vitest'
import {
  constant,
  conv2d,
  fanInOf,
  fanInUniform,
  gaussian,
  heNormal,
  type Initializer,
  linear,
  sequential,
  truncatedGaussian,
  uniform,
  xavierNormal,
  zeros,
} from '../../src/nn/index.ts'
import { normalsFromWords, philox, streamOf, uniformFromWord, type Words } from '../../src/random/philox.ts'

const filled = (initializer: Initializer, shape: readonly number[], seed = 1, path = 'w'): Float32Array => {
  const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1))
  initializer.fill(values, shape, seed, path)
  return values
}

const moments = (values: Float32Array): { mean: number; std: number } => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return { mean, std: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) }
}

// 50,000 numbers: the mean of n of them has standard error σ/√n, the standard deviation about σ/√(2n); five of each.
const shape = [100, 20, 5, 5]
const tolerance = 5 / Math.sqrt(50_000)

test.each([
  ['gaussian(0.01)', gaussian(0.01), 0.01, 0],
  ['gaussian(2, 1)', gaussian(2, 1), 2, 1],
  ['xavierNormal: 1/√fan_in', xavierNormal(), 1 / Math.sqrt(500), 0],
  ['heNormal: √(2/fan_in)', heNormal(), Math.sqrt(2 / 500), 0],
  ['uniform(0.3)', uniform(0.3), 0.3 / Math.sqrt(3), 0],
  ['fanInUniform: U(±1/√fan_in)', fanInUniform(), 1 / Math.sqrt(3 * 500), 0],
  ['fanInUniform with a given fan-in', fanInUniform(16), 0.25 / Math.sqrt(3), 0],
])('%s has its mean and standard deviation', (_, initializer, std, mean) => {
  const got = moments(filled(initializer, shape))
  expect(Math.abs(got.mean - mean)).toBeLessThan(tolerance * std)
  expect(Math.abs(got.std / std - 1)).toBeLessThan(tolerance)
})

test('normal numbers have the normal share within one and two standard deviations', () => {
  const values = filled(gaussian(1), shape)
  const within = (bound: number): number => values.filter(value => Math.abs(value) < bound).length / values.length
  expect(within(1)).toBeCloseTo(0.6827, 1.5)
  expect(within(2)).toBeCloseTo(0.9545, 1.5)
})

test('uniform numbers stay within their bound', () => {
  const values = filled(uniform(0.3), shape)
  expect(Math.max(...values)).toBeLessThanOrEqual(Math.fround(0.3))
  expect(Math.min(...values)).toBeGreaterThanOrEqual(-Math.fround(0.3))
})

test('zeros and constants', () => {
  expect([...filled(zeros(), [3])]).toEqual([0, 0, 0])
  expect([...filled(constant(1), [3])]).toEqual([1, 1, 1])
})

describe('fan-in', () => {
  test.each([
    [[96, 3, 11, 11], 363],
    [[120, 400], 400],
    [[256, 48, 5, 5], 1200],
  ])('of %j is %i', (weights, expected) => {
    expect(fanInOf(weights)).toBe(expected)
  })

  test('is not defined for biases, which say so', () => {
    expect(() => filled(heNormal(), [16])).toThrow(
      'heNormal: fan-in is defined for weights [O, I, …], not for shape [16]',
    )
  })

  test('layers give their biases the fan-in of their weights, as PyTorch does', () => {
    const conv = conv2d(50, 4000, 2).initialize(1)
    const bound = 1 / Math.sqrt(200)
    const bias = conv.bias?.value as Float32Array
    expect(Math.max(...bias)).toBeLessThanOrEqual(bound)
    expect(Math.max(...bias)).toBeGreaterThan(0.99 * bound)
  })
})

test('a layer with its own weights starts with zero biases, unless those are given too', () => {
  expect([...(linear(4, 2, { init: heNormal() }).initialize(1).bias?.value ?? [])]).toEqual([0, 0])
  expect([...(linear(4, 2, { init: heNormal(), biasInit: constant(1) }).initialize(1).bias?.value ?? [])]).toEqual([
    1, 1,
  ])
})

test('values depend on seed and path, not on other layers or on the size', () => {
  const model = sequential({ a: linear(4, 4), b: linear(4, 4) }).initialize(9)
  expect(model.layers.a.weight.value).not.toEqual(model.layers.b.weight.value)
  const longer = sequential({ z: linear(2, 2), b: linear(4, 4) }).initialize(9)
  expect(longer.layers.b.weight.value).toEqual(model.layers.b.weight.value)
  expect(filled(gaussian(1), [10]).slice(0, 6)).toEqual(filled(gaussian(1), [6]))
})

test('the numbers of a seed do not change from version to version', () => {
  expect([...filled(uniform(1), [3], 0, 'conv1.weight')]).toMatchInlineSnapshot(`
    [
      0.6562315225601196,
      -0.8735077381134033,
      -0.5331927537918091,
    ]
  `)
  expect([...filled(gaussian(1), [3], 0, 'conv1.weight')]).toMatchInlineSnapshot(`
    [
      0.5663108229637146,
      0.23769010603427887,
      0.6740621328353882,
    ]
  `)
})

test('number i is lane i mod 4 of block ⌊i / 4⌋, however many there are', () => {
  const count = 3 * 4096 + 5
  const byBlock = (lanes: (words: Words) => readonly number[]): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => lanes(philox([i >> 2, 0, 1, 0], [3, streamOf('w')]))[i % 4])
  const normal = byBlock(words => normalsFromWords(words).map(n => 1 + 0.5 * n))
  expect(filled(gaussian(0.5, 1), [count], 3)).toEqual(normal)
  expect(filled(uniform(0.3), [count], 3)).toEqual(
    byBlock(words => words.map(word => 0.3 * (2 * uniformFromWord(word) - 1))),
  )
  const kept = Array.from({ length: 3 * 1024 }, (_, i) =>
    normalsFromWords(philox([i, 0, 1, 0], [3, streamOf('w')])),
  ).flat()
  const within = kept.filter(n => Math.abs(n) <= 1.5).map(n => 0.1 * n)
  expect(filled(truncatedGaussian(0.1, 1.5), [9001], 3)).toEqual(Float32Array.from(within.slice(0, 9001)))
})

test('refuses spreads below zero', () => {
  expect(() => gaussian(-1)).toThrow('gaussian: std (=-1) must be a finite number ≥ 0')
  expect(() => uniform(Number.NaN)).toThrow('uniform: bound (=NaN)')
})
