/** Initial weights beyond the lectures': orthogonal, truncated, by fan-out. */
import { expect, test } from 'vitest'
import {
  dirac,
  fanInUniform,
  fanOutOf,
  heNormal,
  type Initializer,
  orthogonal,
  truncatedGaussian,
  xavierUniform,
  zeros,
} from '../../src/nn/index.ts'

const filled = (initializer: Initializer, shape: readonly number[], seed = 1, path = 'w'): Float32Array => {
  const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1))
  initializer.fill(values, shape, seed, path)
  return values
}
const deviation = (values: Float32Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length)

test.each([
  ['more columns than rows', [6, 10]],
  ['more rows than columns', [10, 6]],
  ['square', [8, 8]],
  ['a convolution', [4, 3, 3, 3]],
  ['one row', [1, 5]],
])('orthogonal: %s', (_, shape) => {
  const gain = 1.5
  const values = filled(orthogonal(gain), shape)
  const rows = shape[0]
  const columns = values.length / rows
  const at = (i: number, j: number): number => values[i * columns + j]
  const [count, length, entry] =
    rows <= columns ? [rows, columns, at] : [columns, rows, (i: number, j: number) => at(j, i)]
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < count; b++) {
      let product = 0
      for (let k = 0; k < length; k++) product += entry(a, k) * entry(b, k)
      expect(product).toBeCloseTo(a === b ? gain * gain : 0, 5)
    }
  }
})

test('orthogonal depends on seed and path alone, and has no preferred sign', () => {
  expect(filled(orthogonal(), [6, 6])).toEqual(filled(orthogonal(), [6, 6]))
  expect(filled(orthogonal(), [6, 6], 2)).not.toEqual(filled(orthogonal(), [6, 6]))
  expect(filled(orthogonal(), [6, 6], 1, 'v')).not.toEqual(filled(orthogonal(), [6, 6]))
  const positive = Array.from({ length: 400 }, (_, seed) => filled(orthogonal(), [3, 3], seed)[0]).filter(
    v => v > 0,
  ).length
  // Four standard deviations of 400 coin flips.
  expect(Math.abs(positive - 200)).toBeLessThan(40)
})

test('truncatedGaussian has nothing beyond the cut and the variance of what is left', () => {
  const values = filled(truncatedGaussian(0.5, 2), [100, 200])
  expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(1)
  // The variance of a normal number within two deviations is 0.7737 of σ².
  expect(deviation(values) / (0.5 * Math.sqrt(0.7737))).toBeCloseTo(1, 1.5)
  expect(values.filter(v => v > 0).length / values.length).toBeCloseTo(0.5, 1)
  expect(() => truncatedGaussian(1, 0)).toThrow('cut (=0)')
})

test('heNormal by fan-out and xavierUniform take the outputs into account', () => {
  expect(fanOutOf([64, 3, 7, 7])).toBe(64 * 49)
  expect(fanOutOf([10, 400])).toBe(10)
  const shape = [64, 8, 5, 5]
  expect(deviation(filled(heNormal({ mode: 'fanOut' }), shape)) / Math.sqrt(2 / (64 * 25))).toBeCloseTo(1, 1.5)
  expect(deviation(filled(heNormal({ mode: 'fanIn' }), shape)) / Math.sqrt(2 / (8 * 25))).toBeCloseTo(1, 1.5)
  expect(deviation(filled(xavierUniform(), shape)) / Math.sqrt(2 / (72 * 25))).toBeCloseTo(1, 1.5)
})

test('dirac: the first channels pass through, further ones start as the rest says', () => {
  const values = filled(dirac(), [5, 3, 3, 3])
  for (let o = 0; o < 3; o++) {
    const copies = Array.from({ length: 27 }, (_, i) => Number(i === 9 * o + 4))
    expect([...values.slice(27 * o, 27 * (o + 1))]).toEqual(copies)
  }
  expect(values.slice(81)).toEqual(filled(fanInUniform(), [5, 3, 3, 3]).slice(81))
  // Fewer outputs than inputs: the first of them.
  expect([...filled(dirac(zeros()), [1, 2, 1, 3])]).toEqual([0, 1, 0, 0, 0, 0])
})
