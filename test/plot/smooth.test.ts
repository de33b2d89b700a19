import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimate, movingAverage, type Point, quantile } from '../../src/plot/smooth.ts'

describe('movingAverage', () => {
  it('is centered; at the ends it takes what there is', () => {
    expect(movingAverage([1, 2, 6, 3, 8], 3)).toEqual([1.5, 3, 11 / 3, 17 / 3, 5.5])
    expect(movingAverage([1, 2, 6, 3, 8], 1)).toEqual([1, 2, 6, 3, 8])
  })

  it('keeps a straight line straight, so it does not lag', () => {
    const line = Array.from({ length: 50 }, (_, i) => 3 - 0.5 * i)
    movingAverage(line, 9).forEach((value, i) => {
      if (i >= 4 && i < 46) expect(value).toBeCloseTo(line[i]!, 12)
    })
  })

  it('leaves out what is not finite; nothing finite is a gap', () => {
    expect(movingAverage([1, Number.NaN, 3], 3)).toEqual([1, 2, 3])
    expect(movingAverage([1, Number.POSITIVE_INFINITY, 3], 1)).toEqual([1, Number.NaN, 3])
  })

  it.each([0, 2, 1.5])('refuses a window of %d', window => {
    expect(() => movingAverage([1], window)).toThrow(`odd number of at least 1, got ${window}`)
  })
})

describe('decimate', () => {
  it('keeps a short curve whole', () => {
    const points: Point[] = [
      [1, 5],
      [2, Number.NaN],
      [3, 7],
    ]
    expect(decimate(points, 2)).toEqual(points)
  })

  it('keeps both extremes of every bucket, in order, and at most two points of each', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, min: -1e3, max: 1e3 }), { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 40 }),
        (values, buckets) => {
          const points = values.map((y, i): Point => [i, y])
          const kept = decimate(points, buckets)
          expect(kept.length).toBeLessThanOrEqual(2 * buckets)
          expect(Math.max(...kept.map(p => p[1]))).toBe(Math.max(...values))
          expect(Math.min(...kept.map(p => p[1]))).toBe(Math.min(...values))
          expect(kept.every((p, i) => i === 0 || kept[i - 1]![0] < p[0])).toBe(true)
          expect(kept.every(([x, y]) => values[x] === y)).toBe(true)
        },
      ),
    )
  })

  it('leaves a gap where a whole bucket is not finite', () => {
    const points = [1, 2, 3, Number.NaN, Number.NaN, Number.NaN, 4, 9, 5].map((y, i): Point => [i, y])
    expect(decimate(points, 3)).toEqual([
      [0, 1],
      [2, 3],
      [3, Number.NaN],
      [6, 4],
      [7, 9],
    ])
  })
})

describe('quantile', () => {
  it('is the value below which the share lies', () => {
    const values = Array.from({ length: 100 }, (_, i) => 99 - i)
    expect([0, 0.01, 0.5, 1].map(share => quantile(values, share))).toEqual([0, 1, 50, 99])
    expect(quantile([Number.NaN], 0.5)).toBeNaN()
  })
})
