/** Random kernels against the op's reference: exact for uniform and Bernoulli numbers, close for normal ones. */
import { expect, test } from 'vitest'
import { randomKernel } from '../../../src/backends/wasm/kernels/shared/random.ts'
import { type Distribution, type RandomAttributes, randomOp } from '../../../src/graph/ops/random.ts'
import { streamOf } from '../../../src/random/philox.ts'
import { operand, runKernel } from './runKernel.ts'

const keys: [seed: number, step: number][] = [
  [0, 0],
  [42, 7],
  [-1, -1],
  [0x7fffffff, 123456789],
]

/** The kernel's numbers and the reference's. */
function both(
  attributes: RandomAttributes,
  key: readonly [number, number],
): { got: ArrayLike<number>; want: Float64Array } {
  const { shape } = attributes
  const got = runKernel(randomKernel(attributes), [operand('i32', [2], key)], { shape, dtype: 'f32', block: 0 })
  const want = randomOp.reference([{ shape: [2], values: Float64Array.from(key) }], attributes, shape)
  return { got, want }
}

const stream = streamOf('dropout1')
const shapes = [[1], [3], [4], [13], [16], [17], [255], [256], [257], [5, 7, 11], [1021]]

test.each(shapes)('uniform numbers of %j × %j × %j equal the reference', (...shape) => {
  const sizes = shape.filter(size => typeof size === 'number')
  for (const key of keys) {
    const { got, want } = both({ distribution: 'uniform', stream, shape: sizes }, key)
    expect(Array.from(got)).toEqual(Array.from(want))
  }
})

test.each([0, 2 ** -25, 0.1, 0.5, 0.9, 1 - 2 ** -24, 1])(
  'Bernoulli numbers of probability %d equal the reference',
  probability => {
    for (const key of keys) {
      const { got, want } = both({ distribution: 'bernoulli', stream, probability, shape: [1021] }, key)
      expect(Array.from(got)).toEqual(Array.from(want))
    }
  },
)

test('streams above 2³¹ are keys like any other', () => {
  for (const large of [0x80000000, 0xffffffff]) {
    const { got, want } = both({ distribution: 'uniform', stream: large, shape: [64] }, [1, 2])
    expect(Array.from(got)).toEqual(Array.from(want))
  }
})

test('normal numbers are within 4 ulp of the length of their pair', () => {
  const { got, want } = both({ distribution: 'normal', stream, shape: [100_000] }, [3, 5])
  let worst = 0
  want.forEach((value, k) => {
    const radius = Math.hypot(want[k - (k % 2)], want[k - (k % 2) + 1])
    const ulp = 2 ** (Math.floor(Math.log2(radius)) - 23)
    worst = Math.max(worst, Math.abs(got[k] - value) / ulp)
  })
  // Measured: 3.7. The angle, up to π, is the largest rounding.
  expect(worst).toBeLessThan(4)
})

test('normal numbers have mean 0 and variance 1', () => {
  const { got } = both({ distribution: 'normal', stream, shape: [100000] }, [1, 0])
  const numbers = Array.from(got)
  const mean = numbers.reduce((sum, x) => sum + x, 0) / numbers.length
  const variance = numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / numbers.length
  expect(Math.abs(mean)).toBeLessThan(0.01)
  expect(Math.abs(variance - 1)).toBeLessThan(0.02)
})

test('the key names what the code depends on', () => {
  const base: RandomAttributes = { distribution: 'bernoulli', stream: 1, probability: 0.5, shape: [8] }
  const variants: RandomAttributes[] = [
    base,
    { ...base, stream: 2 },
    { ...base, probability: 0.25 },
    { ...base, shape: [9] },
    ...(['uniform', 'normal'] satisfies Distribution[]).map(distribution => ({ ...base, distribution })),
  ]
  expect(new Set(variants.map(variant => randomKernel(variant).key)).size).toBe(variants.length)
})
