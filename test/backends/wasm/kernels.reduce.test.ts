/** Reductions of an expression, alone: operands that lie alike or not, along any axes, against sums by index. */
import { describe, expect, test } from 'vitest'
import { reduceKernel } from '../../../src/backends/wasm/kernels/shared/reduce.ts'
import { binary, type Expression, input } from '../../../src/graph/expression.ts'
import { type Shape, sizeOf, stridesOf } from '../../../src/graph/shape.ts'
import { type KernelInput, operand, runKernel } from './runKernel.ts'

/** How a volume lies. */
const layouts: Readonly<Record<string, (shape: Shape, data: readonly number[]) => KernelInput>> = {
  'row-major': (shape, data) => operand('f32', shape, data),
  'channels last': (shape, data) => ({ ...operand('f32', shape, data), channelsLast: true }),
  'in blocks of 4': (shape, data) => operand('f32', shape, data, 4),
}

const pairs = [
  ['row-major', 'row-major'],
  ['row-major', 'channels last'],
  ['channels last', 'row-major'],
  ['channels last', 'channels last'],
  ['row-major', 'in blocks of 4'],
  ['in blocks of 4', 'row-major'],
  ['in blocks of 4', 'in blocks of 4'],
] as const

const axisSets = Array.from({ length: 15 }, (_, bits) => [0, 1, 2, 3].filter(axis => ((bits + 1) >> axis) & 1))

/** Whole numbers, whose sums are exact. */
const numbers = (shape: Shape, salt: number): number[] =>
  Array.from({ length: sizeOf(shape) }, (_, k) => ((k * 7919 + salt * 104729) % 13) - 6)

/** x · factor − y, with a factor per channel in front. */
const expression: Expression = binary('sub', binary('mul', input(0), input(1)), input(2))

/** Sums of the expression over axes; with parts, of each image and each of so many runs of its rows. Row-major. */
function sums(shape: Shape, axes: readonly number[], terms: readonly (readonly number[])[], parts?: number): number[] {
  const [factor, x, y] = terms
  const strides = stridesOf(shape)
  const result = parts === undefined ? shape.filter((_, axis) => !axes.includes(axis)) : [shape[0], parts, shape[1]]
  const resultStrides = stridesOf(result)
  const totals = new Array<number>(sizeOf(result)).fill(0)
  for (let at = 0; at < sizeOf(shape); at++) {
    const place = shape.map((size, axis) => Math.floor(at / strides[axis]) % size)
    const [n, c, h] = place
    const kept =
      parts === undefined ? place.filter((_, axis) => !axes.includes(axis)) : [n, Math.floor((h * parts) / shape[2]), c]
    const target = kept.reduce((sum, index, axis) => sum + index * resultStrides[axis], 0)
    totals[target] += factor[c] * x[at] - y[at]
  }
  return totals
}

describe.each([[[8, 8, 3, 4]], [[4, 3, 4, 5]], [[4, 12, 2, 2]]])('of [%s]', ([...shape]) => {
  const [factor, x, y] = [numbers([shape[1], 1, 1], 1), numbers(shape, 2), numbers(shape, 3)]

  test.each(pairs)('one %s, one %s', (first, second) => {
    const operands = [operand('f32', [shape[1], 1, 1], factor), layouts[first](shape, x), layouts[second](shape, y)]
    for (const axes of axisSets) {
      const kept = shape.filter((_, axis) => !axes.includes(axis))
      const blocked = [first, second].includes('in blocks of 4') && !axes.includes(0) && kept.length > 1
      const output = { shape: kept, dtype: 'f32', block: blocked ? 4 : 0 } as const
      const extra = operand('f32', kept, numbers(kept, 4))
      const epilogue = { expression: binary('add', binary('mul', input(0), input(1)), input(0)), operands: [extra] }
      const kernel = reduceKernel({ fn: 'sum', axes, shape, expression, operands, epilogue, block: output.block })
      const expected = sums(shape, axes, [factor, x, y]).map((sum, k) => sum * extra.data[k] + sum)
      expect([...runKernel(kernel, [...operands, extra], output)], `over axes ${axes}`).toEqual(expected)
    }
  })

  test.each(pairs.slice(0, 4))('per channel in parts, one %s, one %s', (first, second) => {
    const operands = [operand('f32', [shape[1], 1, 1], factor), layouts[first](shape, x), layouts[second](shape, y)]
    for (const parts of [1, 2, 3, 4].filter(count => shape[2] % count === 0)) {
      const spec = { fn: 'sum', axes: [0, 2, 3], shape, expression, operands, block: 0, parts } as const
      const kernel = reduceKernel({ ...spec, epilogue: { expression: input(0), operands: [] } })
      const output = { shape: [shape[0] * parts, shape[1]], dtype: 'f32', block: 0 } as const
      const expected = sums(shape, spec.axes, [factor, x, y], parts)
      expect([...runKernel(kernel, operands, output)], `${parts} parts`).toEqual(expected)
    }
  })
})
