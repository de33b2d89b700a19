/** Vanilla dropout, DropConnect and stochastic depth: how often, how much, and what is left at test time. */
import { describe, expect, test } from 'vitest'
import { erf } from '../../src/graph/erf.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import {
  dropConnect,
  type ForwardContext,
  inference,
  type Module,
  relu,
  softmax,
  stochasticDepth,
  vanillaDropout,
} from '../../src/nn/index.ts'
import { normalPartMeans } from '../../src/nn/normalParts.ts'
import { expectClose, lcgTensor } from '../support/fixtures.ts'
import { valuesOf } from './exact.ts'

const training = (step = 1): ForwardContext => ({
  training: true,
  key: constantTensor([3, step], [2], 'i32'),
  updates: new Map(),
})
const ones = (...shape: number[]) => constantTensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape)

test('vanilla dropout keeps elements as they are while training, and scales by the probability of keeping at test time', () => {
  const layer = vanillaDropout(0.3).assignPaths()
  const trained = valuesOf(layer.forward(ones(5000), training()))
  expect(new Set(trained)).toEqual(new Set([0, 1]))
  // Four standard deviations of a share of 5000: 0.026.
  expect(Math.abs(trained.filter(v => v === 1).length / 5000 - 0.7)).toBeLessThan(0.026)
  expect(new Set(valuesOf(layer.forward(ones(8), inference())))).toEqual(new Set([0.7]))
})

describe('DropConnect', () => {
  test('one mask of the weights serves all samples of a step, another one the next step', () => {
    const layer = dropConnect(40, 30, { probability: 0.4 }).initialize(1)
    const rows = (step: number): Float64Array => valuesOf(layer.forward(ones(2, 40), training(step)))
    const first = rows(1)
    expect(first.slice(0, 30)).toEqual(first.slice(30))
    expect(rows(1)).toEqual(first)
    expect(rows(2)).not.toEqual(first)
  })

  test('drops weights, not activations: each output lacks other inputs', () => {
    const layer = dropConnect(50, 20, { probability: 0.5, bias: false }).initialize(1)
    layer.weight.value.fill(1)
    const y = valuesOf(layer.forward(ones(1, 50), training()))
    expect(new Set(y).size).toBeGreaterThan(1)
    // Kept weights count double, so that the mean of an output is 50.
    expect(Math.abs(y.reduce((sum, v) => sum + v, 0) / 20 - 50)).toBeLessThan(4 * Math.sqrt(50 / 20))
    expect([...valuesOf(layer.forward(ones(1, 50), inference()))]).toEqual(new Array(20).fill(50))
  })

  test('the mean over many steps is the layer at test time', () => {
    const layer = dropConnect(6, 3, { probability: 0.5 }).initialize(1)
    const x = constantTensor(lcgTensor([1, 6], 5, 2), [1, 6])
    const steps = 2000
    const mean = new Float64Array(3)
    for (let step = 0; step < steps; step++) {
      valuesOf(layer.forward(x, training(step))).forEach((v, i) => {
        mean[i] += v / steps
      })
    }
    expectClose(mean, valuesOf(layer.forward(x, inference())), { absolute: 0.05 }, 'mean')
  })

  describe('with an activation', () => {
    const [features, outputs, probability] = [200, 4, 0.4]
    const layer = dropConnect(features, outputs, { probability, activation: relu() }).initialize(1)
    // Sums near 0, where the mean of the rectified sums is far from the rectified mean.
    const x = constantTensor(lcgTensor([1, features], 5, 2), [1, features])
    const { weight, bias } = layer
    const [w, b, v] = [weight.value, bias!.value, lcgTensor([1, features], 5, 2)]
    const moments = Array.from({ length: outputs }, (_, o) => {
      let [mean, variance] = [b[o], b[o] ** 2]
      for (let i = 0; i < features; i++) {
        mean += w[o * features + i] * v[i]
        variance += (w[o * features + i] * v[i]) ** 2
      }
      return { mean, deviation: Math.sqrt((variance * probability) / (1 - probability)) }
    })

    test('evaluation is the mean of the function over the normal distribution of the sums (Wan et al. 2013)', () => {
      // E max(0, u) = μ Φ(μ / σ) + σ φ(μ / σ)
      const expected = moments.map(({ mean, deviation }) => {
        const z = mean / deviation
        return (mean * (1 + erf(z * Math.SQRT1_2))) / 2 + (deviation * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI)
      })
      const y = valuesOf(layer.forward(x, inference()))
      // Only the part with the kink is not exact. It loses half its mean deviation times its probability: 0.3 / 2 / 32 at the ends.
      moments.forEach(({ deviation }, o) => {
        expect(Math.abs(y[o] - expected[o])).toBeLessThan(0.005 * deviation)
      })
      const gains = moments.map(({ mean, deviation }, o) => (y[o] - Math.max(0, mean)) / deviation)
      expect(Math.max(...gains)).toBeGreaterThan(0.05)
    })

    test('evaluation is close to the mean over many steps', () => {
      const steps = 1500
      const average = new Float64Array(outputs)
      for (let step = 0; step < steps; step++) {
        const y = valuesOf(layer.forward(x, training(step)))
        expect(y.every(value => value >= 0)).toBe(true)
        y.forEach((value, o) => {
          average[o] += value / steps
        })
      }
      const y = valuesOf(layer.forward(x, inference()))
      moments.forEach(({ deviation }, o) => {
        // Four standard deviations of the mean.
        expect(Math.abs(average[o] - y[o])).toBeLessThan((4 * deviation) / Math.sqrt(steps))
      })
    })

    test('a softmax is refused: it is no function of one number', () => {
      expect(() => dropConnect(2, 2, { activation: softmax() })).toThrow('must be a function of one number')
    })
  })
})

test('the parts of the normal distribution: equally likely, their means add up to 0, those above 0 to φ(0)', () => {
  const points = normalPartMeans(32)
  expect(points).toEqual([...points].sort((a, b) => a - b))
  expect(points.reduce((sum, x) => sum + x, 0)).toBeCloseTo(0, 12)
  expect(points.reduce((sum, x) => sum + Math.max(0, x), 0) / 32).toBeCloseTo(1 / Math.sqrt(2 * Math.PI), 12)
  const variance = points.reduce((sum, x) => sum + x * x, 0) / 32
  expect(variance).toBeGreaterThan(0.98)
  expect(variance).toBeLessThan(1)
  expect(normalPartMeans(1)[0]).toBe(0)
})

describe('stochastic depth', () => {
  test('by sample: whole samples are zero or scaled', () => {
    const y = valuesOf(
      stochasticDepth(0.25)
        .assignPaths()
        .forward(ones(1000, 2, 2), training()),
    )
    let dropped = 0
    for (let n = 0; n < 1000; n++) {
      const sample = new Set(y.slice(n * 4, n * 4 + 4))
      expect(sample.size).toBe(1)
      if (sample.has(0)) dropped++
      else expect([...sample][0]).toBeCloseTo(4 / 3, 6)
    }
    expect(Math.abs(dropped / 1000 - 0.25)).toBeLessThan(0.055)
  })

  test('by batch: all samples together', () => {
    const layer = stochasticDepth(0.5, 'batch').assignPaths()
    const kinds = Array.from({ length: 40 }, (_, step) => new Set(valuesOf(layer.forward(ones(5, 3), training(step)))))
    for (const kind of kinds) expect(kind.size).toBe(1)
    expect(new Set(kinds.map(kind => [...kind][0]))).toEqual(new Set([0, 2]))
  })
})

test.each<[string, (probability: number) => Module]>([
  ['vanillaDropout', vanillaDropout],
  ['dropConnect', probability => dropConnect(2, 2, { probability })],
  ['stochasticDepth', stochasticDepth],
])('%s refuses a probability outside [0, 1) and training without key or path', (name, make) => {
  for (const probability of [-0.1, 1, Number.NaN]) {
    expect(() => make(probability)).toThrow(`${name}: probability (=${probability}) must be at least 0 and less than 1`)
  }
  const x = input('x', [2, 2])
  expect(() => make(0.5).forward(x, training())).toThrow(`${name}: the layer has no path`)
  expect(() => make(0.5).assignPaths().forward(x, { training: true, updates: new Map() })).toThrow('needs context.key')
  expect(() => make(0).forward(x, { training: true, updates: new Map() })).not.toThrow()
})
