/** Padding as runs: every place of the padded axes, ranges of units, and numbers that JSON cannot tell apart. */
import { expect, test } from 'vitest'
import { padKernel } from '../../../src/backends/wasm/kernels/shared/copy.ts'
import { type PadAttributes, padOp } from '../../../src/graph/ops/pad.ts'
import { sizeOf } from '../../../src/graph/shape.ts'
import { operand, runKernel } from './runKernel.ts'

const cases: [shape: number[], before: number[], after: number[], interior: number[]][] = [
  [
    [2, 5, 6, 20],
    [0, 1, 2, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 0],
  ],
  [
    [3, 4, 5],
    [0, 0, 3],
    [0, 0, 18],
    [0, 0, 0],
  ],
  [
    [3, 4, 5],
    [2, 0, 0],
    [1, 0, 0],
    [0, 0, 0],
  ],
  [
    [5, 3],
    [2, 1],
    [3, 0],
    [2, 0],
  ],
  [
    [2, 4, 7],
    [0, 1, 0],
    [0, 2, 0],
    [0, 1, 0],
  ],
  [
    [2, 3, 4],
    [1, 0, 2],
    [0, 2, 1],
    [1, 2, 3],
  ],
  [[7], [1], [2], [0]],
  [
    [4, 6],
    [0, 0],
    [0, 0],
    [0, 0],
  ],
  [[], [], [], []],
]

test.each(cases)('%j with %j before, %j after and %j between', (shape, before, after, interior) => {
  const data = Float64Array.from({ length: sizeOf(shape) }, (_, k) => k + 1)
  const attributes: PadAttributes = { before, after, interior, value: -0.5 }
  const padded = shape.map((size, axis) => before[axis] + size + (size - 1) * interior[axis] + after[axis])
  const got = runKernel(padKernel(attributes, shape, padded), [operand('f32', shape, data)], {
    shape: padded,
    dtype: 'f32',
    block: 0,
  })
  expect(Array.from(got)).toEqual(Array.from(padOp.reference([{ shape, values: data }], attributes, padded)))
})

test('other numbers are other kernels', () => {
  const values = [0, -0, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]
  const keys = values.map(value => padKernel({ before: [1], after: [0], interior: [0], value }, [3], [4]).key)
  expect(new Set(keys).size).toBe(values.length)
})
