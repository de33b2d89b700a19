/** Element-wise operations on weights as one: the same values, and nothing that others read or name disappears. */
import { describe, expect, test } from 'vitest'
import { composeMaps } from '../../src/graph/composeMaps.ts'
import * as g from '../../src/graph/index.ts'
import { batchNorm2d, inference } from '../../src/nn/index.ts'
import { fillModel } from '../models/fill.ts'

const operations = (root: g.Tensor): string[] =>
  g.topologicalOrder([root]).flatMap(({ op }) => (op === 'source' ? [] : [op]))
const x = g.input('x', [2, 3, 4, 4])
const pixels = { x: Array.from({ length: 96 }, (_, i) => ((i * 7) % 11) - 6) }
const weight = new g.Variable([3], { value: Float32Array.of(4, 9, 16) }).tensor
const others = [2, 3, 5, 7].map(value => new g.Variable([3], { value: new Float32Array(3).fill(value) }).tensor)

/** Composed, with equal values. */
function composed(root: g.Tensor, inputs: Record<string, ArrayLike<number>> = {}): g.Tensor {
  const result = composeMaps(root)
  expect(g.evaluateReference([result], inputs)).toEqual(g.evaluateReference([root], inputs))
  expect(result.shape).toEqual(root.shape)
  return result
}

describe('composed', () => {
  test.each([true, false])('are scale and shift of batch normalization, affine %s', affine => {
    const layer = batchNorm2d(3, { affine }).initialize(0)
    fillModel(layer, { model: 'norm', input: { shape: [3, 4, 4], seed: 1, scale: 1 }, seed: 2 })
    const root = layer.forward(x, inference())
    expect(operations(root)).toHaveLength(9)
    // Both, each as a column, and x · scale + shift.
    expect(operations(composed(root, pixels))).toEqual(['map', 'reshape', 'map', 'map', 'reshape', 'map'])
  })

  test('are chains of any length, and values that are read twice by one operation', () => {
    expect(operations(composed(g.neg(g.exp(g.sqrt(g.mul(weight, 0.5))))))).toEqual(['map'])
    expect(operations(composed(g.square(g.sqrt(weight))))).toEqual(['map'])
    expect(operations(composed(g.add(g.sqrt(weight), g.exp(g.neg(weight)))))).toEqual(['map'])
  })
})

describe('not composed', () => {
  test('are values that others read', () => {
    const read = g.sqrt(weight)
    const root = g.add(g.neg(read), g.sum(read, [0]))
    expect(composed(root)).not.toBe(root)
    expect(operations(composed(root))).toEqual(['map', 'reduce', 'map'])
  })

  test('are values that depend on an input', () => {
    const root = g.add(g.mul(x, 2), 1)
    expect(composed(root, pixels)).toBe(root)
  })

  test('are values with a label, and the last one keeps its own', () => {
    const inner = g.sqrt(weight).named('inner')
    expect(operations(composed(g.neg(inner)))).toEqual(['map', 'map'])
    expect(composed(g.neg(g.sqrt(weight)).named('outer')).label).toBe('outer')
    // What two operations leave of a value is not composed in place of it.
    const twice = composed(g.add(g.neg(g.neg(inner)), 1))
    expect(g.topologicalOrder([twice]).some(({ label }) => label === 'inner')).toBe(true)
  })

  test('are values of other shapes, and those that count as constants for a gradient', () => {
    const root = g.add(g.sqrt(weight), g.exp(g.reshape(weight, [3, 1])))
    expect(composed(root)).toBe(root)
    expect(operations(composed(g.neg(g.stopGradient(weight))))).toEqual(['map', 'map'])
  })

  test('is more than a kernel may read', () => {
    const sum = others.reduce<g.Tensor>((total, other) => g.mul(total, other), g.sqrt(weight))
    expect(operations(composed(sum)).length).toBeGreaterThan(1)
  })
})
