/** The perceptron and its two learning rules, on data with a known answer. */
import { describe, expect, test } from 'vitest'
import { constantTensor } from '../../src/graph/sources.ts'
import { inference } from '../../src/nn/index.ts'
import { perceptron } from '../../src/train/index.ts'
import { valuesOf } from '../nn/exact.ts'
import { lcgTensor } from '../support/fixtures.ts'

const corners = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]
const and = [-1, -1, -1, 1]
const xor = [-1, 1, 1, -1]

describe('the perceptron rule', () => {
  test('one step by hand: Δw = η (t − o) x', () => {
    const neuron = perceptron(2)
    // o = sign(0) = +1, t = −1: Δw = 0.1 · (−2) · (3, 4), Δb = −0.2.
    neuron.learn([[3, 4]], [-1], { learningRate: 0.1, maxEpochs: 1 })
    expect(neuron.weight.value[0]).toBeCloseTo(-0.6, 6)
    expect(neuron.weight.value[1]).toBeCloseTo(-0.8, 6)
    expect(neuron.bias.value[0]).toBeCloseTo(-0.2, 6)
  })

  test('learns AND', () => {
    const neuron = perceptron(2)
    const { converged, errors, epochs, history } = neuron.learn(corners, and)
    expect({ converged, errors }).toEqual({ converged: true, errors: 0 })
    expect(history).toHaveLength(epochs)
    expect(corners.map(sample => neuron.classify(sample))).toEqual(and)
    expect([...valuesOf(neuron.forward(constantTensor(corners.flat(), [4, 2]), inference()))]).toEqual(and)
  })

  test('converges on separable samples within Novikoff’s bound (R / margin)²', () => {
    // Classes by w* · x + 0.5 with |(w*, 0.5)| = 1; samples nearer than the margin are left out.
    const direction = [0.6, -Math.sqrt(0.39), 0.5]
    const margin = 0.1
    const points = lcgTensor([200, 2], 8, 2)
    const samples: number[][] = []
    const targets: number[] = []
    for (let d = 0; d < 200; d++) {
      const sample = [points[2 * d], points[2 * d + 1]]
      const distance = direction[0] * sample[0] + direction[1] * sample[1] + direction[2]
      if (Math.abs(distance) < margin) continue
      samples.push(sample)
      targets.push(Math.sign(distance))
    }
    const { converged, epochs } = perceptron(2).learn(samples, targets, { maxEpochs: 1000 })
    const radius = Math.max(...samples.map(([x, y]) => Math.hypot(x, y, 1)))
    expect(converged).toBe(true)
    // Every pass but the last makes at least one of at most (R / margin)² mistakes.
    expect(epochs).toBeLessThanOrEqual((radius / margin) ** 2 + 1)
  })

  test('does not converge on XOR, which no line separates', () => {
    const { converged, epochs, errors } = perceptron(2).learn(corners, xor, { maxEpochs: 50 })
    expect(converged).toBe(false)
    expect(epochs).toBe(50)
    expect(errors).toBeGreaterThan(0)
  })
})

describe('the delta rule', () => {
  test('one step by hand: Δw = η Σ (t − o) x over the batch', () => {
    const neuron = perceptron(1)
    // o = 0 everywhere: Δw = 0.1 · (1 · 2 + (−1) · 4) = −0.2, Δb = 0.1 · (1 − 1) = 0.
    const { history } = neuron.learn([[2], [4]], [1, -1], { rule: 'delta', learningRate: 0.1, maxEpochs: 1 })
    expect(neuron.weight.value[0]).toBeCloseTo(-0.2, 6)
    expect(neuron.bias.value[0]).toBeCloseTo(0, 6)
    // E = ½ (1² + 1²)
    expect(history).toEqual([1])
  })

  test('approaches the least squares fit on XOR, where every weight is 0', () => {
    const neuron = perceptron(2)
    neuron.weight.value.set([0.5, -0.3])
    const { history } = neuron.learn(corners, xor, { rule: 'delta', learningRate: 0.1, maxEpochs: 500 })
    expect([...neuron.weight.value, ...neuron.bias.value].every(value => Math.abs(value) < 1e-3)).toBe(true)
    for (const [i, error] of history.slice(1).entries()) expect(error).toBeLessThanOrEqual(history[i] + 1e-6)
    expect(history.at(-1)).toBeCloseTo(2, 5)
  })

  test('learns AND', () => {
    expect(perceptron(2).learn(corners, and, { rule: 'delta' }).converged).toBe(true)
  })
})

test('refuses samples and targets that do not fit', () => {
  expect(() => perceptron(0)).toThrow('inputs (=0)')
  expect(() => perceptron(2).learn([[1, 2]], [1, -1])).toThrow('1 samples, but 2 targets')
  expect(() => perceptron(2).learn([[1]], [1])).toThrow('sample 0 has 1 numbers, the neuron 2 inputs')
  expect(() => perceptron(1).learn([[1]], [0])).toThrow('target 0 (=0) must be −1 or +1')
  expect(() => perceptron(1).learn([[1]], [1], { learningRate: 0 })).toThrow('learningRate (=0)')
})
