/** The rules of deconvnet and guided backpropagation: what they do at a rectifier, and that they do nothing elsewhere. */
import { describe, expect, test } from 'vitest'
import * as g from '../../src/graph/index.ts'
import { isRectifier } from '../../src/graph/rectifier.ts'

const x = g.input('x', [6])
const values = [-2, -1, 1, 2, 3, 7]
/** Gradients that arrive. */
const upstream = [1, -1, 1, -1, -3, 2]

const through = (f: (x: g.Tensor) => g.Tensor, relu: g.ReluRule): number[] => {
  const loss = g.sum(g.mul(f(x), g.constantTensor(upstream, [6]))) as g.Scalar
  const [slope] = g.evaluateReference(g.gradients(loss, [x], { relu }), { x: values })
  return [...slope.values]
}

describe.each<[string, (x: g.Tensor) => g.Tensor]>([
  ['relu(x)', x => g.relu(x)],
  ['maximum(x, 0)', x => g.maximum(x, 0)],
  ['maximum(0, x)', x => g.maximum(0, x)],
])('%s', (_, f) => {
  test.each<[g.ReluRule, number[]]>([
    ['exact', [0, 0, 1, -1, -3, 2]],
    ['guided', [0, 0, 1, 0, 0, 2]],
    ['deconvnet', [1, 0, 1, 0, 0, 2]],
  ])('%s', (rule, expected) => {
    expect(through(f, rule)).toEqual(expected)
  })
})

describe.each<[string, (x: g.Tensor) => g.Tensor]>([
  ['clamp(x, 0, 6)', x => g.clamp(x, 0, 6)],
  ['hardTanh(x, 0, 6), which is ReLU6', x => g.hardTanh(x, 0, 6)],
])('%s', (_, f) => {
  test.each<[g.ReluRule, number[]]>([
    ['guided', [0, 0, 1, 0, 0, 0]],
    ['deconvnet', [1, 0, 1, 0, 0, 2]],
  ])('%s', (rule, expected) => {
    expect(through(f, rule)).toEqual(expected)
  })
})

test.each<[string, g.Tensor]>([
  ['leaky ReLU', g.leakyRelu(x)],
  ['hard tanh', g.hardTanh(x)],
  ['a maximum with another number', g.maximum(x, 1)],
  ['a maximum of two values', g.maximum(x, g.mul(x, 2))],
  ['the logistic function', g.sigmoid(x)],
  ['a ReLU that counts as a constant', g.stopGradient(x)],
])('%s is no rectifier', (_, y) => {
  expect(isRectifier(y)).toBe(false)
})

test('rules apply between the score and the target, wherever a rectifier stands', () => {
  // y = relu(−relu(x)) + x: what goes back through the inner one is what the outer one lets through.
  const y = g.add(g.relu(g.neg(g.relu(x))), x)
  const loss = g.sum(g.mul(y, g.constantTensor(upstream, [6]))) as g.Scalar
  const [guided] = g.evaluateReference(g.gradients(loss, [x], { relu: 'guided' }), { x: values })
  expect([...guided.values]).toEqual(upstream)
})
