/** The printed flat code and the cost totals. (The lecture's neuron is in lectures.test.ts.) */
import { describe, expect, test } from 'vitest'
import * as g from '../../src/graph/index.ts'

const lines = (...text: string[]): string => text.join('\n')

describe('explain', () => {
  const [x, y, z] = ['x', 'y', 'z'].map(name => g.input(name, [])) as [g.Scalar, g.Scalar, g.Scalar]
  const q = g.add(x, y).named('q')
  const f = g.mul(q, z).named('f') as g.Scalar

  test('f = (x + y) z, with values', () => {
    expect(g.explain(f, { values: { x: -2, y: 5, z: -4 } })).toBe(
      lines(
        'q = x + y           = 3',
        'f = q * z           = -12',
        '--- backward',
        'grad_f = 1',
        'grad_z = grad_f * q = 3',
        'grad_q = grad_f * z = -4',
        'grad_y = grad_q     = -4',
        'grad_x = grad_q     = -4',
      ),
    )
  })

  test('without all values only the code; without targets only forward; only what is asked for', () => {
    const forward = lines('q = x + y', 'f = q * z')
    expect(g.explain(f, { values: { x: 1 }, gradients: [] })).toBe(forward)
    expect(g.explain(f, { gradients: [z] })).toBe(lines(forward, '--- backward', 'grad_f = 1', 'grad_z = grad_f * q'))
  })

  test('a branching value: its gradients add up', () => {
    const s = g.exp(x).named('s')
    expect(g.explain(g.add(g.mul(s, y), g.square(s)).named('f') as g.Scalar, { gradients: [x] })).toBe(
      lines(
        's = exp(x)',
        's0 = s * y',
        's1 = s * s',
        'f = s0 + s1',
        '--- backward',
        'grad_f = 1',
        'grad_s1 = grad_f',
        'grad_s0 = grad_f',
        'grad_s = ((grad_f * s) + (grad_f * s)) + (grad_f * y)',
        'grad_x = grad_s * s',
      ),
    )
  })

  test('larger tensors by shape, mean, minimum and maximum; small ones in full', () => {
    const v = g.input('v', [2, 6])
    const loss = g.mean(g.sum(g.square(v).named('squares'), 1).named('rows')).named('loss')
    const printed = g.explain(loss, { values: { v: [1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 1] }, digits: 3 })
    expect(printed.split('\n').slice(0, 4)).toEqual([
      'squares = v * v                                  = [2, 6] mean 7.67, min 0, max 36',
      'rows = sum(squares, [1])                         = [2] 91 1',
      's0 = sum(rows)                                   = 92',
      'loss = s0 * 0.5                                  = 46',
    ])
    expect(printed.split('\n').at(-1)).toMatch(/^grad_v = .* = \[2, 6\] mean 1.83, min 0, max 6$/)
  })

  test('layers by name, attributes that are unusual, transposed factors, variables', () => {
    const images = g.input('images', [2, 1, 6, 6]) as g.Volume
    const w = new g.Variable([1, 1, 3, 3], { name: 'conv1.weight' })
    const fc = new g.Variable([3, 4], { name: 'fc.weight' })
    const h = g.maxPool2d(
      g.relu(g.conv2d(images, w.tensor as g.Tensor as g.Volume, { padding: 1, stride: [1, 2] }).named('conv1')),
      [3, 1],
    )
    const logits = g.matmul(g.flatten(h).named('flat'), g.reshape(fc.tensor, [2, 6]), { transposeB: true })
    const text = g.explain(g.sum(logits).named('loss'), { gradients: [w.tensor] })
    expect(text.split('\n').slice(0, 4)).toEqual([
      'conv1 = conv2d(images, conv1.weight, kernel [3, 3], stride [1, 2], padding 1,1,1,1)',
      's0 = relu(conv1)',
      's1 = maxPool2d(s0, kernel [3, 1], stride [3, 1])',
      'flat = reshape(s1, [2, 6])',
    ])
    expect(text).toContain('matmul(flat, s2ᵀ)')
    expect(text).toContain('grad_s0 = maxPool2dGradient(grad_s1, maxPool2dSwitches(s0, kernel [3, 1], stride [3, 1])')
    expect(text.split('\n').at(-1)).toMatch(/^grad_conv1\.weight = conv2dWeightGradient\(images, grad_conv1, /)
  })

  test('two values of one name get different names, unnamed constants are written as numbers', () => {
    const twice = g.mul(x, g.constantTensor(2)).named('a')
    expect(g.explain(g.exp(twice).named('a') as g.Scalar, { gradients: [] })).toBe(lines('a = x * 2', 'a_2 = exp(a)'))
  })

  test('refuses what is no scalar', () => {
    expect(() => g.explain(g.input('v', [2]) as unknown as g.Scalar)).toThrow(g.ShapeError)
  })
})

describe('cost', () => {
  test('totals by operation, shared values once, sources not', () => {
    const [a, b] = [g.input('a', [2, 3]), g.input('b', [3, 4])]
    const product = g.matmul(a, b)
    const total = g.totalCost([g.sum(product), g.exp(product)])
    expect(total.multiplyAdds).toBe(2 * 3 * 4)
    expect(total.operations).toBe(3)
    // Bytes: (6 + 12 + 8) + (8 + 1) + (8 + 8) elements of four bytes.
    expect(total.bytes).toBe(4 * (26 + 9 + 16))
    expect(total.byOperation.get('matmul')).toEqual({ multiplyAdds: 24, bytes: 104, operations: 1 })
    expect(g.costOf(a)).toEqual({ multiplyAdds: 0, bytes: 0 })
  })

  test('bytes are one byte an element for u8', () => {
    expect(g.costOf(g.mul(g.input('x', [10], { dtype: 'u8' }), 2)).bytes).toBe(10 + 40)
  })

  test('a convolution and its two gradients cost the same multiply-adds', () => {
    const [x, w] = [g.input('x', [2, 4, 8, 8]), g.input('w', [6, 2, 3, 3])]
    const y = g.conv2d(x, w, { groups: 2, padding: 1 })
    const gradients = g.gradients(g.sum(g.square(y)), [x, w])
    const each = 2 * 6 * 8 * 8 * (2 * 3 * 3)
    const { byOperation } = g.totalCost([y, ...gradients])
    const counts = ['conv2d', 'conv2dInputGradient', 'conv2dWeightGradient'].map(
      op => byOperation.get(op)?.multiplyAdds,
    )
    expect(counts).toEqual([each, each, each])
  })
})
