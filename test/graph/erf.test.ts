/** The error function: values (mpmath), symmetry and limits; how `explain` prints it. */
import { describe, expect, test } from 'vitest'
import { erf } from '../../src/graph/erf.ts'
import * as g from '../../src/graph/index.ts'

/** The doubles next to what mpmath gives with 40 digits. */
const values: readonly (readonly [x: number, erf: number])[] = [
  [1e-300, 1.1283791670955126e-300],
  [1e-10, 1.1283791670955126e-10],
  [0.01, 0.011283415555849618],
  [0.25, 0.27632639016823696],
  [0.5, 0.5204998778130465],
  [1, 0.8427007929497149],
  [1.4375, 0.95794060605646],
  [1.5, 0.9661051464753108],
  [1.5625, 0.9728746138209335],
  [2, 0.9953222650189527],
  [2.5, 0.999593047982555],
  [3, 0.9999779095030014],
  [4, 0.9999999845827421],
  [5, 0.9999999999984626],
  [5.875, 0.9999999999999999],
]

describe('erf', () => {
  test.each(values)('of %d within 1e-15 of its value, and odd', (x, expected) => {
    expect(Math.abs(erf(x) - expected)).toBeLessThanOrEqual(1e-15 * expected)
    expect(erf(-x)).toBe(-erf(x))
  })

  test('goes on smoothly where the formula changes', () => {
    const slope = (2 / Math.sqrt(Math.PI)) * Math.exp(-2.25)
    expect((erf(1.5 + 1e-6) - erf(1.5 - 1e-6)) / 2e-6).toBeCloseTo(slope, 8)
  })

  test('of special values', () => {
    expect([0, -0, 6, -1e300, Infinity, -Infinity, Number.NaN].map(erf)).toEqual([0, -0, 1, -1, 1, -1, Number.NaN])
  })

  test('has the derivative 2/√π exp(−x²), in print', () => {
    const x = g.input('x', []) as g.Scalar
    const y = g.erf(x).named('y') as g.Scalar
    expect(g.explain(y, { values: { x: 0.5 } })).toBe(
      [
        'y = erf(x)                                       = 0.5205',
        '--- backward',
        'grad_y = 1',
        'grad_x = grad_y * (1.1283791670955126 * exp(-(x * x))) = 0.878783',
      ].join('\n'),
    )
  })
})
