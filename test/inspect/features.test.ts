/** Features as points, and judging answers: numpy's numbers, and what holds exactly. */
import { describe, expect, test } from 'vitest'
import {
  type Captured,
  calibration,
  linearCka,
  mostConfused,
  nearestNeighbors,
  principalComponents,
  topLosses,
} from '../../src/inspect/index.ts'
import { departure, fixtures, type Stored } from './network.ts'

const captured = ({ shape, data }: Stored): Captured => ({ shape, values: Float32Array.from(data) })
const { cosines, cka, points, variances, shares, ...stored } = fixtures.features
const [x, y] = [captured(stored.x), captured(stored.y)]

describe('neighbors', () => {
  test('are in the order of numpy’s cosines', () => {
    const order = [...cosines.keys()].slice(1).sort((a, b) => cosines[b]! - cosines[a]!)
    const found = nearestNeighbors(x, 0, 4)
    expect(found.map(({ image }) => image)).toEqual(order.slice(0, 4))
    expect(
      departure(
        found.map(({ similarity }) => similarity),
        order.slice(0, 4).map(k => cosines[k]!),
      ),
    ).toBeLessThan(1e-12)
  })
  test('of an image that there is not are an error', () => {
    expect(() => nearestNeighbors(x, 12)).toThrow('nearestNeighbors: image (=12) must be a whole number in 0 … 11')
  })
})

describe('linear CKA', () => {
  test('is numpy’s', () => expect(linearCka(x, y)).toBeCloseTo(cka, 12))
  test('of a layer with itself is 1, and scaling or mirroring features changes nothing', () => {
    expect(linearCka(x, x)).toBeCloseTo(1, 14)
    const scaled = { shape: x.shape, values: x.values.map((value, i) => (i % 5 < 2 ? -4 : 4) * value) }
    expect(linearCka(x, scaled)).toBeCloseTo(1, 14)
  })
  test('of features of other images is an error', () => {
    expect(() => linearCka(x, { shape: [2, 1], values: Float32Array.of(1, 2) })).toThrow(
      'features of 12 and of 2 images',
    )
  })
})

describe('principal components', () => {
  test('are numpy’s', () => {
    const found = principalComponents(x, 3)
    expect(departure(found.points, points.data)).toBeLessThan(1e-8)
    expect(departure(found.variances, variances)).toBeLessThan(1e-12)
    expect(departure(found.shares, shares)).toBeLessThan(1e-12)
  })
  test('are the same whether there are fewer features or fewer images', () => {
    // Features that are always zero change nothing, but there are then more of them than images.
    const [images, size] = [x.shape[0]!, x.values.length / x.shape[0]!]
    const wide = { shape: [images, 3 * images], values: new Float32Array(3 * images * images) }
    for (let n = 0; n < images; n++) wide.values.set(x.values.subarray(n * size, (n + 1) * size), 3 * images * n)
    expect(size).toBeLessThan(images)
    const [few, many] = [principalComponents(x, 3), principalComponents(wide, 3)]
    expect(departure(many.points, [...few.points])).toBeLessThan(1e-8)
    expect(departure(many.variances, [...few.variances])).toBeLessThan(1e-12)
    expect(departure(many.shares, [...few.shares])).toBeLessThan(1e-12)
  })
  test('beyond the number of images are an error', () => {
    expect(() => principalComponents(x, 12)).toThrow('components (=12) must be a whole number in 1 … 11')
  })
})

describe('calibration', () => {
  const { probability, right, ece, largestError } = fixtures.calibration
  const predicted = right.map(() => 0)
  const labels = right.map(hit => (hit ? 0 : 1))
  test('has numpy’s errors, and bins that hold all images', () => {
    const found = calibration({ predicted, probability }, labels, 10)
    expect(departure([found.ece, found.largestError], [ece, largestError])).toBeLessThan(1e-12)
    expect(found.bins.reduce((sum, { count }) => sum + count, 0)).toBe(200)
    expect(found.bins[0]).toMatchObject({ from: 0, to: 0.1, count: 0 })
  })
  test('of probabilities at the edges of bins: a bin has its upper edge', () => {
    const { bins } = calibration({ predicted: [0, 0, 0], probability: [0, 0.5, 1] }, [0, 0, 0], 2)
    expect(bins.map(({ count }) => count)).toEqual([2, 1])
  })
  test('needs a label for each answer', () => {
    expect(() => calibration({ predicted, probability }, [1])).toThrow('1 labels for answers [200]')
  })
})

test('the largest losses come first, with both probabilities', () => {
  const answers = {
    predicted: [1, 0, 1],
    probability: [0.9, 0.6, 0.8],
    losses: [Math.log(10), Math.log(2), Math.log(5)],
  }
  const [first, second] = topLosses(answers, [0, 0, 0], 2)
  expect(first).toMatchObject({ image: 0, label: 0, predicted: 1, predictedProbability: 0.9 })
  expect(first!.labelProbability).toBeCloseTo(0.1, 15)
  expect(second!.image).toBe(2)
})

test('the classes that are confused most come first, right answers not at all', () => {
  expect(
    mostConfused(
      [
        [8, 2, 0],
        [5, 5, 0],
        [1, 0, 3],
      ],
      2,
    ),
  ).toEqual([
    { label: 1, predicted: 0, count: 5, share: 0.5 },
    { label: 0, predicted: 1, count: 2, share: 0.2 },
  ])
})
