/** Receptive fields by the recurrence, and against what the gradient of one unit really reaches. */
import { expect, test } from 'vitest'
import { gradients } from '../../src/graph/gradient.ts'
import { concat } from '../../src/graph/ops/concat.ts'
import { mul } from '../../src/graph/ops/elementwise.ts'
import { mean, sum } from '../../src/graph/ops/reduce.ts'
import { slice } from '../../src/graph/ops/slice.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import { receptiveFields, summarize, windowSeenBy } from '../../src/inspect/index.ts'
import {
  averagePool2d,
  constant,
  conv2d,
  inference,
  localResponseNorm,
  type Module,
  sequential,
} from '../../src/nn/index.ts'
import { valuesOf } from '../nn/exact.ts'

const ones = { init: constant(1), bias: false }

test('three 3×3 layers see as much as one 7×7', () => {
  const model = sequential(conv2d(1, 1, 3), conv2d(1, 1, 3), conv2d(1, 1, 3))
  const x = input('x', [1, 1, 16, 16])
  const y = model.forward(x, inference())
  expect(receptiveFields(y, x).get(y)).toEqual({ size: [7, 7], stride: [1, 1], offset: [0, 0] })
})

test.each<[string, () => Module]>([
  ['strides', () => sequential(conv2d(1, 1, 3, { ...ones, stride: 2 }), conv2d(1, 1, 3, ones))],
  ['dilation', () => sequential(conv2d(1, 1, 3, { ...ones, dilation: 3 }), averagePool2d(2))],
  [
    'rectangles',
    () => sequential(conv2d(1, 1, [1, 5], { ...ones, stride: [1, 2] }), averagePool2d([3, 2], { stride: 1 })),
  ],
  [
    'padding, whose first field begins outside of the image',
    () =>
      sequential(
        conv2d(1, 1, 3, { ...ones, padding: 1 }),
        conv2d(1, 1, 3, { ...ones, stride: 2, padding: { top: 1, bottom: 0, left: 0, right: 1 } }),
        averagePool2d(2),
      ),
  ],
])(
  '%s: the field is what the gradient of one unit reaches, the stride how far it moves, and the offset where it begins',
  (_, make) => {
    const size = 24
    const x = input('x', [1, 1, size, size])
    const y = make().initialize(1).forward(x, inference())
    const field = receptiveFields(y, x).get(y)
    const [, , rows, columns] = y.shape
    /** First row, first column, rows and columns that the unit at (i, j) depends on. */
    const reach = (i: number, j: number): number[] => {
      const pick = new Float64Array(rows * columns)
      pick[i * columns + j] = 1
      const [dx] = gradients(sum(mul(y, constantTensor(pick, y.shape))), [x])
      const slopes = valuesOf(dx, { x: new Float64Array(size * size).fill(1) })
      const hit = [...slopes.keys()].filter(at => slopes[at] !== 0)
      const [top, bottom] = [Math.min, Math.max].map(f => f(...hit.map(at => Math.floor(at / size))))
      const [left, right] = [Math.min, Math.max].map(f => f(...hit.map(at => at % size)))
      return [top, left, bottom - top + 1, right - left + 1]
    }
    const [top, left, height, width] = reach(1, 1)
    const [nextTop, nextLeft] = reach(2, 2)
    const stride = [nextTop - top, nextLeft - left]
    expect(field).toEqual({ size: [height, width], stride, offset: [top - stride[0], left - stride[1]] })
    expect(windowSeenBy(field!, [1, 1], [size, size])).toEqual({ top, left, bottom: top + height, right: left + width })
  },
)

test('normalization across channels leaves rows and columns alone', () => {
  const model = sequential(conv2d(3, 8, 3), localResponseNorm(), conv2d(8, 8, 3, { stride: 2 }))
  const x = input('x', [1, 3, 12, 16])
  const y = model.forward(x, inference())
  expect(receptiveFields(y, x).get(y)).toEqual({ size: [5, 5], stride: [2, 2], offset: [0, 0] })
  const [, , norm] = summarize(model, [3, 12, 16]).rows
  expect(norm).toMatchObject({ type: 'LocalResponseNorm', receptiveField: { size: [3, 3], stride: [1, 1] } })
  // The pool over channels inside it is no window over the image.
  expect(norm).not.toHaveProperty('window')
})

test('where branches meet, a unit sees what it sees by any of them', () => {
  const x = input('x', [1, 1, 8, 8])
  const small = conv2d(1, 1, 1).forward(x, inference())
  const large = conv2d(1, 1, 5, { padding: 2 }).forward(x, inference())
  const joined = concat([small, large], 1)
  expect(receptiveFields(joined, x).get(joined)).toEqual({ size: [5, 5], stride: [1, 1], offset: [-2, -2] })
  // Rows −2 … 0 by one path, 0 … 2 by the other.
  const above = conv2d(1, 1, 3, { padding: { top: 2, bottom: 0, left: 0, right: 2 } }).forward(x, inference())
  const below = conv2d(1, 1, 3, { padding: { top: 0, bottom: 2, left: 2, right: 0 } }).forward(x, inference())
  const both = concat([above, below], 1)
  expect(receptiveFields(both, x).get(both)).toEqual({ size: [5, 5], stride: [1, 1], offset: [-2, -2] })
})

test('behind a gate that pools globally every unit sees everything', () => {
  const x = input('x', [1, 2, 9, 11])
  const gated = mul(x, mean(x, [2, 3], { keepDims: true }))
  const field = receptiveFields(gated, x).get(gated)!
  expect(field.seesAll).toEqual([true, true])
  expect(windowSeenBy(field, [8, 0], [9, 11])).toEqual({ top: 0, left: 0, bottom: 9, right: 11 })
})

test('a slice with steps, as in the shortcuts of ResNets for CIFAR, moves and spreads the fields', () => {
  const x = input('x', [1, 1, 9, 11])
  const some = slice(x, [0, 0, 1, 2], [1, 1, 9, 11], [1, 1, 2, 3])
  expect(receptiveFields(some, x).get(some)).toEqual({ size: [1, 1], stride: [2, 3], offset: [1, 2] })
})

test('a mean over all rows and columns sees them all', () => {
  const x = input('x', [1, 1, 9, 11])
  const pooled = mean(conv2d(1, 2, 3, { stride: 2 }).forward(x, inference()), [2, 3])
  expect(receptiveFields(pooled, x).get(pooled)).toEqual({ size: [9, 11], stride: [2, 2], offset: [0, 0] })
})

test('values that do not depend on the image have no field', () => {
  const x = input('x', [1, 1, 8, 8])
  const layer = conv2d(1, 1, 3)
  const fields = receptiveFields(layer.forward(x, inference()), x)
  expect(fields.get(layer.weight.tensor)).toBeUndefined()
  expect(fields.get(x)).toEqual({ size: [1, 1], stride: [1, 1], offset: [0, 0] })
})
