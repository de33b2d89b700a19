/** What single layers compute and refuse, beyond what the harness asks of all of them. */
import { describe, expect, test } from 'vitest'
import { add, relu as reluOf } from '../../src/graph/ops/elementwise.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import type { Matrix, Tensor, Vector } from '../../src/graph/tensor.ts'
import {
  conv2d,
  crossEntropy,
  dropout,
  type ForwardContext,
  flatten,
  inference,
  linear,
  Module,
  maxPool2d,
  normalize,
  relu,
  sequential,
} from '../../src/nn/index.ts'
import { valuesOf } from './exact.ts'

const forward = (module: Module, shape: readonly number[], dtype: 'f32' | 'u8' = 'f32'): Tensor =>
  module.forward(input('x', shape, { dtype }), inference())

describe('shape errors name the layer, the numbers and the rule', () => {
  const model = sequential({ conv1: conv2d(1, 6, 5), block: sequential({ conv2: conv2d(6, 16, 5) }) })

  test.each([
    [
      'wrong channels',
      () => forward(model.layers.block, [8, 3, 14, 14]),
      'block.conv2: expected 6 input channels, got 3 (input [8, 3, 14, 14])',
    ],
    ['wrong rank', () => forward(model, [8, 784]), 'conv1: expected an input [N, 1, H, W], got [8, 784]'],
    [
      'image too small',
      () => forward(model, [8, 1, 4, 9]),
      'conv1: kernel 5×5 with dilation 1×1 is larger than the padded input 4×9',
    ],
    ['inner layer too small', () => forward(model, [8, 1, 8, 8]), 'block.conv2: kernel 5×5'],
    [
      'wrong features',
      () => forward(sequential({ fc1: linear(400, 120) }), [8, 256]),
      'fc1: expected 400 input features, got 256 (input [8, 256])',
    ],
    [
      'volume into linear',
      () => forward(sequential({ fc1: linear(400, 120) }), [8, 16, 5, 5]),
      'fc1: expected an input [N, 400], got [8, 16, 5, 5]; put flatten() before it',
    ],
    [
      'vector into a pool',
      () => forward(sequential({ pool1: maxPool2d(2) }), [8, 10]),
      'pool1: expected an input [N, C, H, W], got [8, 10]',
    ],
    [
      'padding beyond half the window',
      () => forward(sequential({ pool1: maxPool2d(2, { padding: 2 }) }), [1, 1, 8, 8]),
      'pool1: padding top (=2) must be at most half the kernel',
    ],
    [
      'floats into normalize',
      () => forward(normalize({ mean: [0], std: [1] }), [1, 4, 4, 1]),
      'Normalize: expected images u8 [N, H, W, 1], got f32 [1, 4, 4, 1]',
    ],
    ['no path yet', () => forward(conv2d(1, 1, 3), [1, 2, 8, 8]), 'Conv2d: expected 1 input channels, got 2'],
  ])('%s', (_, build, message) => {
    expect(build).toThrow(message)
  })

  test('constructors check their numbers', () => {
    expect(() => conv2d(6, 8, 3, { groups: 4 })).toThrow('conv2d: inChannels (=6) must be divisible by groups (=4)')
    expect(() => conv2d(8, 6, 3, { groups: 4 })).toThrow('conv2d: outChannels (=6) must be divisible by groups (=4)')
    expect(() => conv2d(0, 6, 3)).toThrow('conv2d: inChannels (=0) must be a whole number ≥ 1')
    expect(() => conv2d(1, 6, 0)).toThrow('kernel')
    expect(() => linear(1.5, 6)).toThrow('linear: inFeatures (=1.5)')
    expect(() => dropout(1)).toThrow('dropout: probability (=1) must be at least 0 and less than 1')
    expect(() => normalize({ mean: [0, 0], std: [1] })).toThrow('one number per channel')
    expect(() => normalize({ mean: [0], std: [0] })).toThrow('std (=0) must be positive')
  })
})

test('linear is x Wᵀ + b', () => {
  const layer = linear(2, 3)
  layer.weight.value.set([1, 2, 3, 4, 5, 6])
  layer.bias?.value.set([10, 20, 30])
  expect([...valuesOf(forward(layer, [1, 2]), { x: [1, -1] })]).toEqual([9, 19, 29])
})

test('a convolution adds one bias per output channel', () => {
  const layer = conv2d(1, 2, 2)
  layer.weight.value.set([1, 0, 0, 0, 0, 0, 0, 1])
  layer.bias?.value.set([100, 200])
  expect([...valuesOf(forward(layer, [1, 1, 2, 3]), { x: [1, 2, 3, 4, 5, 6] })]).toEqual([101, 102, 205, 206])
})

test('pools move by their kernel unless told otherwise', () => {
  expect(forward(maxPool2d(3), [1, 1, 9, 9]).shape).toEqual([1, 1, 3, 3])
  expect(forward(maxPool2d(3, { stride: 2 }), [1, 96, 55, 55]).shape).toEqual([1, 96, 27, 27])
})

describe('normalize', () => {
  test('one channel: (x / 255 − mean) / std', () => {
    const y = forward(normalize({ mean: [0.1307], std: [0.3081] }), [1, 1, 3, 1], 'u8')
    const got = valuesOf(y, { x: [0, 51, 255] })
    for (const [i, pixel] of [0, 51, 255].entries()) expect(got[i]).toBeCloseTo((pixel / 255 - 0.1307) / 0.3081, 12)
  })

  test('three channels: planes in channel order', () => {
    const y = forward(normalize({ mean: [0.5, 0, 0.25], std: [0.5, 1, 2] }), [1, 1, 2, 3], 'u8')
    // Two RGB pixels, (255, 0, 51) and (0, 255, 102), become three planes of two numbers.
    const expected = [1, -1, 0, 1, (0.2 - 0.25) / 2, (0.4 - 0.25) / 2]
    valuesOf(y, { x: [255, 0, 51, 0, 255, 102] }).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 12)
    })
  })
})

describe('dropout', () => {
  const context = (seed: number, step: number): ForwardContext => ({
    training: true,
    key: constantTensor([seed, step], [2], 'i32'),
    updates: new Map(),
  })
  const ones = new Float64Array(10_000).fill(1)
  const run = (layer: Module, seed: number, step: number): number[] => [
    ...valuesOf(layer.forward(input('x', [100, 100]), context(seed, step)), { x: ones }),
  ]

  test('drops a share and divides the rest by the probability of keeping', () => {
    const got = run(dropout(0.25).initialize(0), 1, 1)
    const dropped = got.filter(value => value === 0).length
    // Binomial(10,000, 0.25): standard deviation 43; five of them.
    expect(Math.abs(dropped - 2500)).toBeLessThan(5 * 43.4)
    for (const value of got) if (value !== 0) expect(value).toBeCloseTo(1 / 0.75, 12)
  })

  test('the mask depends on seed, step and path', () => {
    const model = sequential({ a: dropout(0.5), b: dropout(0.5) })
    const first = run(model.layers.a, 1, 1)
    expect(run(model.layers.a, 1, 1)).toEqual(first)
    for (const other of [run(model.layers.a, 2, 1), run(model.layers.a, 1, 2), run(model.layers.b, 1, 1)]) {
      expect(other).not.toEqual(first)
    }
  })

  test('is the identity in evaluation, and with probability 0', () => {
    const x = input('x', [2, 2])
    expect(dropout(0.5).forward(x, inference())).toBe(x)
    expect(dropout(0).forward(x, context(1, 1))).toBe(x)
  })

  test('refuses to train without a key or a path', () => {
    const x = input('x', [2, 2])
    expect(() => dropout(0.5).initialize(0).forward(x, { training: true, updates: new Map() })).toThrow(
      'Dropout: training needs context.key',
    )
    expect(() => dropout(0.5).forward(x, context(1, 1))).toThrow('dropout: the layer has no path')
  })
})

describe('crossEntropy', () => {
  test('is ln(classes) for equal logits, and the mean over the batch', () => {
    const logits = input('logits', [2, 4]) as Matrix
    const targets = input('targets', [2], { dtype: 'i32' }) as Vector
    const loss = crossEntropy().forward(logits, targets)
    expect(loss.shape).toEqual([])
    expect(valuesOf(loss, { logits: new Float64Array(8), targets: [0, 3] })[0]).toBeCloseTo(Math.log(4), 12)
    // −log softmax: log(1 + 3e⁻¹) when the target leads by 1, log(1 + 3e⁻¹) + 1 when another one does.
    const expected = Math.log(1 + 3 * Math.exp(-1)) + 0.5
    expect(valuesOf(loss, { logits: [1, 0, 0, 0, 1, 0, 0, 0], targets: [0, 1] })[0]).toBeCloseTo(expected, 12)
  })

  test('refuses targets that do not fit', () => {
    const logits = input('logits', [2, 4]) as Matrix
    expect(() => crossEntropy().forward(logits, input('t', [3], { dtype: 'i32' }) as Vector)).toThrow('targets i32 [2]')
  })
})

describe('modules', () => {
  class Residual extends Module {
    readonly conv1 = conv2d(2, 2, 3, { padding: 1 })
    readonly rest = [conv2d(2, 2, 1), relu()]
    override forward(x: Tensor, context: ForwardContext): Tensor {
      const y = this.rest.reduce((value, layer) => layer.forward(value, context), this.conv1.forward(x, context))
      return this.label(reluOf(add(x, y)))
    }
  }

  test('paths are field names, and every value is labeled with its maker', () => {
    const model = sequential({ layer1: new Residual(), pool: maxPool2d(2), flatten: flatten() })
    expect([...model.variables().keys()]).toEqual([
      'layer1.conv1.weight',
      'layer1.conv1.bias',
      'layer1.rest.0.weight',
      'layer1.rest.0.bias',
    ])
    const y = model.forward(input('x', [1, 2, 4, 4]), inference())
    expect(y.label).toBe('flatten')
    expect(y.inputs[0].label).toBe('pool')
    expect(y.inputs[0].inputs[0].label).toBe('layer1')
    expect(() => model.forward(input('x', [1, 3, 4, 4]), inference())).toThrow(
      'layer1.conv1: expected 2 input channels',
    )
  })

  test('a layer used twice is one layer, under its first path', () => {
    const shared = linear(3, 3)
    const model = sequential({ a: shared, act: relu(), b: shared }).initialize(0)
    expect([...model.parameters().keys()]).toEqual(['a.weight', 'a.bias'])
    expect(shared.path).toBe('a')
  })

  test('an identity passes its input on without a label of its own', () => {
    const x = input('x', [2, 2])
    expect(sequential({ drop: dropout(0.5) }).forward(x, inference())).toBe(x)
    expect(x.label).toBe('x')
    expect(sequential().forward(x, inference())).toBe(x)
  })

  test('sequential keeps eleven layers in order and refuses names it cannot keep', () => {
    const model = sequential(...Array.from({ length: 11 }, (_, i) => linear(i + 1, i + 2)))
    expect([...model.children().keys()]).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10'])
    expect(model.forward(input('x', [1, 1]), inference()).shape).toEqual([1, 12])
    expect(() => sequential({ 'a.b': relu() })).toThrow("the name 'a.b' must not be empty or contain a dot")
    expect(() => sequential({ a: relu(), 1: relu() })).toThrow("the name '1' must not be a number")
  })
})
