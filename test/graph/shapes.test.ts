/** Shape rules and their messages: each names the thing, its value and the rule. */
import { describe, expect, test } from 'vitest'
import * as g from '../../src/graph/index.ts'
import { apply } from '../../src/graph/op.ts'
import { broadcastShapes, broadcastStrides, checkShape, stridesOf } from '../../src/graph/shape.ts'
import { opTable } from '../../src/graph/table.ts'
import { windowOf } from '../../src/graph/window.ts'

const f32 = (...shape: number[]): g.Tensor => g.input('x', shape)
const volume = (...shape: number[]): g.Volume => f32(...shape) as g.Volume
const matrix = (...shape: number[]): g.Matrix => f32(...shape) as g.Matrix
const i32 = (...shape: number[]): g.Vector => g.input('labels', shape, { dtype: 'i32' }) as unknown as g.Vector

describe('shapes', () => {
  test('broadcasting aligns at the last axis', () => {
    expect(broadcastShapes([[2, 1, 3], [4, 1], []])).toEqual([2, 4, 3])
    expect(broadcastStrides([4, 1], [2, 4, 3])).toEqual([0, 1, 0])
    expect(stridesOf([2, 4, 3])).toEqual([12, 3, 1])
    expect(g.sizeOf([])).toBe(1)
  })

  test.each([[[2, 0]], [[-1]], [[1.5, 2]], [[Number.NaN]]])('%j is no shape', shape => {
    expect(() => checkShape(shape, 'images')).toThrow(`images: shape [${shape.join(', ')}] must hold positive integers`)
  })
})

describe('results', () => {
  test.each<[string, g.Tensor, string, readonly number[]]>([
    ['map of bytes', g.mul(g.input('x', [2, 3], { dtype: 'u8' }), 1 / 255), 'f32', [2, 3]],
    ['sum of everything', g.sum(f32(2, 3)), 'f32', []],
    ['sum along nothing', g.sum(f32(2, 3), []), 'f32', [2, 3]],
    ['max along negative axes', g.max(f32(2, 3, 4), [-1, 0]), 'f32', [3]],
    ['mean of bytes, axes kept', g.mean(g.input('x', [2, 3], { dtype: 'u8' }), 0, { keepDims: true }), 'f32', [1, 3]],
    ['argmax', g.argmax(f32(2, 3, 4), 1), 'i32', [2, 4]],
    ['reshape keeps the type', g.reshape(i32(6), [2, -1]), 'i32', [2, 3]],
    ['flatten', g.flatten(f32(2, 3, 4, 5)), 'f32', [2, 60]],
    ['flatten from an axis', g.flatten(f32(2, 3, 4), 0), 'f32', [24]],
    ['transpose keeps the type', g.transpose(i32(2, 3)), 'i32', [3, 2]],
    ['slice from the end', g.slice(f32(5, 6), [-2, 0], [5, -1], [1, 2]), 'f32', [2, 3]],
    ['slice along an axis', g.sliceAxis(f32(5, 6), -1, 2), 'f32', [5, 4]],
    ['pad with interior', g.pad(f32(3), { before: [1], after: [2], interior: [2] }), 'f32', [10]],
    ['concat', g.concat([f32(2, 3), f32(2, 4)], -1), 'f32', [2, 7]],
    ['gather keeps the type', g.gather(g.input('x', [9, 2], { dtype: 'u8' }), i32(5)), 'u8', [5, 2]],
    ['scatterAdd', g.scatterAdd(f32(2, 5), i32(5), 1, 7), 'f32', [2, 7]],
    ['oneHot', g.oneHot(i32(2, 3), 10), 'f32', [2, 3, 10]],
    ['increment', g.increment(i32(2, 3)), 'i32', [2, 3]],
    ['maxPool2d', g.maxPool2d(volume(2, 3, 7, 7), 3, { stride: 2 }), 'f32', [2, 3, 3, 3]],
    ['maxPool2d, stride as the kernel', g.maxPool2d(volume(2, 3, 7, 8), [2, 4]), 'f32', [2, 3, 3, 2]],
    ['averagePool2d', g.averagePool2d(volume(1, 1, 5, 5), 3, { stride: 2, padding: 1 }), 'f32', [1, 1, 3, 3]],
    ['softmaxCrossEntropy', g.softmaxCrossEntropy(matrix(4, 10), i32(4)), 'f32', [4]],
    ['randomNormal', g.randomNormal(i32(2), [3, 4], 'init'), 'f32', [3, 4]],
    ['conv2d', g.conv2d(volume(8, 4, 9, 9), volume(6, 2, 3, 3), { groups: 2, stride: [2, 1] }), 'f32', [8, 6, 4, 7]],
  ])('%s', (_, tensor, dtype, shape) => {
    expect([tensor.dtype, tensor.shape]).toEqual([dtype, shape])
  })

  test('what changes nothing is the tensor itself', () => {
    const x = f32(2, 3)
    for (const same of [
      g.reshape(x, [2, -1]),
      g.transpose(x, [0, 1]),
      g.slice(x, [0, 0], [2, 3]),
      g.pad(x, {}),
      g.concat([x]),
      g.sum(x, []),
      g.add(x, 0),
      g.mul(1, x),
      g.broadcastTo(x, [2, 3]),
    ]) {
      expect(same).toBe(x)
    }
  })
})

describe('messages', () => {
  test.each<[string, () => unknown]>([
    ['element-wise: shapes [2, 3] and [4] do not broadcast: axis 1 has sizes 3 and 4', () => g.add(f32(2, 3), f32(4))],
    ['sum: axis 2 is out of range for a tensor of rank 2', () => g.sum(f32(2, 3), 2)],
    ['mean: axes [1, -1] name an axis twice for a tensor of shape [2, 3]', () => g.mean(f32(2, 3), [1, -1])],
    ['argmax: axis -3 is out of range', () => g.argmax(f32(2, 3), -3)],
    ['reshape: [2, 3] holds 6 elements, [4, 2] needs 8', () => g.reshape(f32(2, 3), [4, 2])],
    ['reshape: [2, 3] holds 6 elements, which the sizes of [4, -1] do not divide', () => g.reshape(f32(2, 3), [4, -1])],
    ['reshape: [-1, -1] leaves more than one size open', () => g.reshape(f32(2, 3), [-1, -1])],
    ['reshape: shape [0, 6] must hold positive integers', () => g.reshape(f32(2, 3), [0, 6])],
    ['transpose: [0, 0] is not a permutation of the 2 axes of [2, 3]', () => g.transpose(f32(2, 3), [0, 0])],
    ['transpose: [0] is not a permutation', () => g.transpose(f32(2, 3), [0])],
    [
      'slice: axis 1: start 2, end 9, step 1 must satisfy 0 ≤ start < end ≤ 3 and step ≥ 1 (input [2, 3])',
      () => g.slice(f32(2, 3), [0, 2], [2, 9]),
    ],
    ['slice: ends [2] must have one entry per axis of [2, 3]', () => g.slice(f32(2, 3), [0, 0], [2])],
    ['slice: axis 0: start 0, end 2, step 0', () => g.slice(f32(2), [0], [2], [0])],
    ['pad: before [-1] must hold one whole number ≥ 0 per axis of [3]', () => g.pad(f32(3), { before: [-1] })],
    ['pad: after [1, 2] must hold', () => g.pad(f32(3), { after: [1, 2] })],
    ['pad: expected an f32 tensor, got i32', () => g.pad(i32(3), { before: [1] })],
    ['concat: shapes [2, 3], [3, 3] must be equal but for axis 1', () => g.concat([f32(2, 3), f32(3, 3)], 1)],
    ['concat: expected at least one tensor', () => g.concat([])],
    ['concat: expected f32 tensors, got i32', () => g.concat([f32(3), i32(3)])],
    ['gather: indices must be i32 of one axis, got f32 [3]', () => g.gather(f32(4), f32(3) as unknown as g.Vector)],
    ['scatterAdd: expected 3 indices for axis 0 of [3, 2], got 4', () => g.scatterAdd(f32(3, 2), i32(4), 0, 9)],
    ['oneHot: expected i32 indices, got f32', () => g.oneHot(f32(3), 4)],
    ['increment: expected i32 numbers, got f32', () => g.increment(f32(3))],
    ['maxPool2d: expected an input [N, C, H, W], got [4, 4]', () => g.maxPool2d(volume(4, 4), 2)],
    [
      'maxPool2d: padding top (=2) must be at most half the kernel (3×3)',
      () => g.maxPool2d(volume(1, 1, 9, 9), 3, { padding: 2 }),
    ],
    [
      'maxPool2d: padding left (=1) must be at most half the kernel (2×1)',
      () => g.maxPool2d(volume(1, 1, 9, 9), [2, 1], { padding: { top: 0, bottom: 0, left: 1, right: 0 } }),
    ],
    [
      'maxPool2d: a window of kernel 2×2 with dilation 3×3 sees only padding (input [1, 1, 1, 1])',
      () => g.maxPool2d(volume(1, 1, 1, 1), 2, { dilation: 3, padding: 2, stride: 1 }),
    ],
    [
      'maxPool2d: kernel 5×5 with dilation 1×1 is larger than the padded input 4×4',
      () => g.maxPool2d(volume(1, 1, 4, 4), 5),
    ],
    ['matmul: [2, 3] · [4, 5]: inner sizes 3 and 4 differ', () => g.matmul(matrix(2, 3), matrix(4, 5))],
    [
      'matmul: [3, 2]ᵀ · [5, 4]ᵀ: inner sizes 3 and 4 differ',
      () => g.matmul(matrix(3, 2), matrix(5, 4), { transposeA: true, transposeB: true }),
    ],
    ['matmul: expected two matrices, got [2] and [2, 2]', () => g.matmul(matrix(2), matrix(2, 2))],
    [
      'conv2d: expected 64 input channels, got 32 (input [8, 32, 28, 28], weights [16, 64, 3, 3], groups 1)',
      () => g.conv2d(volume(8, 32, 28, 28), volume(16, 64, 3, 3)),
    ],
    [
      'conv2d: output channels (=16) must be divisible by groups (=3)',
      () => g.conv2d(volume(1, 3, 9, 9), volume(16, 1, 3, 3), { groups: 3 }),
    ],
    [
      'conv2d: kernel 5×5 with dilation 2×2 is larger than the padded input 8×8',
      () => g.conv2d(volume(1, 1, 6, 6), volume(1, 1, 5, 5), { dilation: 2, padding: 1 }),
    ],
    [
      'conv2dInputGradient: the convolution of [1, 2, 9, 9] with [3, 2, 3, 3] has the shape [1, 3, 7, 7], its gradient has [1, 3, 6, 7]',
      () =>
        apply(opTable.conv2dInputGradient, [volume(1, 3, 6, 7), volume(3, 2, 3, 3)], {
          ...windowOf({ kernel: 3 }),
          groups: 1,
          shape: [1, 2, 9, 9],
        }),
    ],
    ['softmaxCrossEntropy: expected logits f32 [N, K], got f32 [4]', () => g.softmaxCrossEntropy(matrix(4), i32(4))],
    ['softmaxCrossEntropy: expected targets i32 [4], got i32 [5]', () => g.softmaxCrossEntropy(matrix(4, 3), i32(5))],
    ['softmax: axis 2 is out of range', () => g.softmax(f32(2, 3), 2)],
    ['random: expected a key i32 [2] (seed, step), got i32 [3]', () => g.randomUniform(i32(3), [4], 'x')],
    ['constant: 3 values given for shape [2, 2]', () => g.constantTensor([1, 2, 3], [2, 2])],
    ['x: a scalar input has no batch axis', () => g.input('x', [], { batched: true })],
    ['weight: 3 values given for shape [4]', () => new g.Variable([4], { name: 'weight', value: new Float32Array(3) })],
  ])('%s', (message, build) => {
    expect(build).toThrow(g.ShapeError)
    expect(build).toThrow(message)
  })
})

describe('evaluation', () => {
  const evaluate = (tensor: g.Tensor, inputs: g.InputValues): unknown => g.evaluateReference([tensor], inputs)

  test('takes numbers, lists and shaped values; variables bring their own', () => {
    const bias = new g.Variable([2], { value: Float32Array.of(10, 20) })
    const y = g.add(g.mul(g.input('a', []), g.input('b', [2])), g.add(g.input('c', [2]), bias.tensor))
    const c = { shape: [2], values: Float64Array.of(5, 6) }
    expect(g.evaluateReference([y, bias.tensor], { a: 2, b: [1, 2], c })).toEqual([
      { shape: [2], values: Float64Array.of(17, 30) },
      { shape: [2], values: Float64Array.of(10, 20) },
    ])
  })

  test.each<[string, () => unknown]>([
    ['x: no value was given for this input', () => evaluate(f32(2), { y: 1 })],
    ['toString: no value was given for this input', () => evaluate(g.input('toString', []), {})],
    ['x: expected 2 values for shape [2], got 3', () => evaluate(f32(2), { x: [1, 2, 3] })],
    [
      'x: expected a value of shape [2, 2], got [4]',
      () => evaluate(f32(2, 2), { x: { shape: [4], values: new Float64Array(4) } }),
    ],
  ])('%s', (message, build) => {
    expect(build).toThrow(g.ShapeError)
    expect(build).toThrow(message)
  })

  test.each<[string, () => unknown]>([
    [
      'gather: index 4 is out of range for axis 0 of size 4',
      () => evaluate(g.gather(f32(4), i32(2)), { x: [1, 2, 3, 4], labels: [0, 4] }),
    ],
    [
      'scatterAdd: index -1 is out of range for axis 0 of size 4',
      () => evaluate(g.scatterAdd(f32(2), i32(2), 0, 4), { x: [1, 2], labels: [0, -1] }),
    ],
    ['oneHot: index 3 is out of range for 3 classes', () => evaluate(g.oneHot(i32(2), 3), { labels: [0, 3] })],
    [
      'softmaxCrossEntropy: target 2 (row 1) is out of range for 2 classes',
      () => evaluate(g.softmaxCrossEntropy(matrix(2, 2), i32(2)), { x: [1, 2, 3, 4], labels: [0, 2] }),
    ],
  ])('%s', (message, build) => {
    expect(build).toThrow(RangeError)
    expect(build).toThrow(message)
  })

  test.each<[string, () => unknown]>([
    ['scatterAdd: size (=0) must be at least 1', () => g.scatterAdd(f32(3), i32(3), 0, 0)],
    ['increment: by (=0.5) must be a whole number in -2^31 … 2^31 - 1', () => g.increment(i32(3), 0.5)],
    ['increment: by (=2147483648) must be a whole number', () => g.increment(i32(3), 2 ** 31)],
    ['oneHot: classes (=0) must be a whole number ≥ 1', () => g.oneHot(i32(3), 0)],
    ['window: stride (=0, 0) must be whole numbers ≥ 1', () => g.maxPool2d(volume(1, 1, 4, 4), 2, { stride: 0 })],
    ['random: probability (=1.5) must lie in 0 … 1', () => g.randomBernoulli(i32(2), [4], 1.5, 'x')],
  ])('of a number out of its range: %s', (message, build) => {
    expect(build).toThrow(RangeError)
    expect(build).toThrow(message)
  })
})
