import { describe, expect, it } from 'vitest'
import { type Axis, gridPoints, narrow, parseAxis, placeOf, randomPoint } from '../../src/study/space.ts'

describe('parseAxis', () => {
  it.each([
    ['log(1e-4, 0.1)', { kind: 'log', low: 1e-4, high: 0.1 }],
    ['uniform(-1,1)', { kind: 'uniform', low: -1, high: 1 }],
    ['int(2, 8)', { kind: 'int', low: 2, high: 8 }],
    ['choice(32, 64, sgd)', { kind: 'choice', values: [32, 64, 'sgd'] }],
  ])('%s', (text, axis) => {
    expect(parseAxis(text)).toEqual(axis)
  })
  it.each([
    ['log(0, 1)', 'a logarithm needs numbers above 0'],
    ['log(1, 0.1)', 'two numbers, the lower one first'],
    ['uniform(1)', 'two numbers'],
    ['int(1.5, 3)', 'whole numbers'],
    ['choice()', 'a choice needs values'],
    ['normal(0, 1)', 'expected log(low, high), uniform(low, high), int(low, high) or choice(a, b, …)'],
  ])('%s is refused', (text, message) => {
    expect(() => parseAxis(text)).toThrow(message)
  })
})

const space = new Map<string, Axis>([
  ['lr', parseAxis('log(1e-4, 1)')],
  ['units', parseAxis('int(1, 4)')],
  ['name', parseAxis('choice(sgd, adam)')],
])

describe('randomPoint', () => {
  const points = Array.from({ length: 4000 }, (_, k) => randomPoint(space, 7, k))
  it('is a function of seed and index', () => {
    expect(randomPoint(space, 7, 11)).toEqual(points[11])
    expect(randomPoint(space, 8, 11)).not.toEqual(points[11])
  })
  it('is uniform in the logarithm: a quarter of the points in each decade of four', () => {
    for (let decade = -4; decade < 0; decade++) {
      const share = points.filter(({ lr }) => Math.floor(Math.log10(lr as number)) === decade).length / points.length
      // Standard deviation √(0.25 · 0.75 / 4000) = 0.7 %; allowed: four times that.
      expect(Math.abs(share - 0.25)).toBeLessThan(0.028)
    }
  })
  it('takes whole numbers and choices equally often', () => {
    for (const units of [1, 2, 3, 4]) {
      expect(Math.abs(points.filter(point => point.units === units).length / 4000 - 0.25)).toBeLessThan(0.028)
    }
    expect(Math.abs(points.filter(({ name }) => name === 'sgd').length / 4000 - 0.5)).toBeLessThan(0.032)
  })
  it('draws axes independently of each other', () => {
    const both = points.filter(({ lr, name }) => (lr as number) < 0.01 && name === 'sgd').length / 4000
    expect(Math.abs(both - 0.25)).toBeLessThan(0.028)
  })
})

it('gridPoints are all combinations, ends included', () => {
  const points = gridPoints(space, 3)
  expect(points).toHaveLength(3 * 3 * 2)
  expect([...new Set(points.map(({ lr }) => lr))]).toEqual([1e-4, 0.01, 1])
  expect([...new Set(points.map(({ units }) => units))]).toEqual([1, 3, 4])
  expect(points[1]).toEqual({ lr: 1e-4, units: 1, name: 'adam' })
})

describe('narrow', () => {
  it('keeps what lies around the best points, in the logarithm where the axis is one', () => {
    const narrowed = narrow(space, [
      { lr: 1e-2, units: 2, name: 'adam' },
      { lr: 1e-1, units: 3, name: 'adam' },
    ])
    const lr = narrowed.get('lr') as { readonly kind: 'log'; readonly low: number; readonly high: number }
    // Places 1/2 and 3/4 of four decades; half of their distance on both sides: 3/8 and 7/8.
    expect(lr.low).toBeCloseTo(10 ** -2.5, 6)
    expect(lr.high).toBeCloseTo(10 ** -0.5, 6)
    expect(narrowed.get('name')).toEqual({ kind: 'choice', values: ['adam'] })
  })
  it('never leaves the space', () => {
    const edge = narrow(space, [{ lr: 1e-4, units: 4, name: 'sgd' }])
    const lr = edge.get('lr') as { readonly kind: 'log'; readonly low: number; readonly high: number }
    expect(lr.low).toBe(1e-4)
    expect(placeOf(space.get('lr')!, lr.high)).toBeCloseTo(0.1, 6)
    expect(() => narrow(space, [])).toThrow('no point')
  })
})
