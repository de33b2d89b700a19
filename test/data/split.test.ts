/** Splits: disjoint, complete, the same for the same seed, without copying pixels. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DatasetError, imageDataset, splitDataset, subsetOf } from '../../src/data/index.ts'

const datasetOf = (count: number) =>
  imageDataset({ name: 'tiny', images: new Uint8Array(count), labels: new Int32Array(count), shape: [1, 1, 1] })

const sorted = (values: Iterable<number>) => [...values].sort((a, b) => a - b)

it('puts every image into exactly one part, in the order of the data set', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(), fc.integer(), (count, held, seed) => {
      const wanted = held % count
      const dataset = datasetOf(count)
      const { train, validation } = splitDataset(dataset, { validation: wanted, seed })
      expect(train.dataset).toBe(dataset)
      expect(validation.indices.length).toBe(wanted)
      expect(sorted([...train.indices, ...validation.indices])).toEqual(sorted(dataset.labels.keys()))
      expect(sorted(train.indices)).toEqual([...train.indices])
      expect(sorted(validation.indices)).toEqual([...validation.indices])
    }),
  )
})

it('is decided by the seed', () => {
  const dataset = datasetOf(1000)
  const held = (seed: number) => [...splitDataset(dataset, { validation: 100, seed }).validation.indices]
  expect(held(1)).toEqual(held(1))
  expect(held(2)).not.toEqual(held(1))
})

it('holds every image back equally often', () => {
  const dataset = datasetOf(20)
  const counts = new Array<number>(20).fill(0)
  for (let seed = 0; seed < 4000; seed++) {
    for (const index of splitDataset(dataset, { validation: 5, seed }).validation.indices) counts[index]!++
  }
  // 4000 draws of probability 1/4: mean 1000, deviation 27; five deviations.
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(137)
})

it('takes a share, a count, or nothing', () => {
  const sizes = (validation: number) => {
    const split = splitDataset(datasetOf(60), { validation, seed: 0 })
    return [split.train.indices.length, split.validation.indices.length]
  }
  expect(sizes(0.1)).toEqual([54, 6])
  expect(sizes(0.125)).toEqual([52, 8])
  expect(sizes(1)).toEqual([59, 1])
  expect(sizes(25)).toEqual([35, 25])
  expect(sizes(0)).toEqual([60, 0])
})

it('splits a subset again', () => {
  const first = splitDataset(datasetOf(50), { validation: 10, seed: 3 })
  const second = splitDataset(first.train, { validation: 10, seed: 4 })
  expect(second.train.indices.length).toBe(30)
  const all = [...first.validation.indices, ...second.validation.indices, ...second.train.indices]
  expect(sorted(all)).toEqual(sorted(new Array(50).keys()))
})

it('takes the first images of a data set', () => {
  expect([...subsetOf(datasetOf(5), 3).indices]).toEqual([0, 1, 2])
  expect([...subsetOf(datasetOf(2), 3).indices]).toEqual([0, 1])
  expect(() => subsetOf(datasetOf(2), 0)).toThrow(/limit \(=0\)/)
})

it.each([
  [-0.1, /validation \(=-0\.1\) must be/],
  [2.5, /validation \(=2\.5\) must be/],
  [Number.NaN, /validation \(=NaN\) must be/],
  [10, /leaves none of the 10 images/],
  [0.99, /leaves none of the 10 images/],
])('refuses validation %d', (validation, message) => {
  expect(() => splitDataset(datasetOf(10), { validation, seed: 0 })).toThrow(DatasetError)
  expect(() => splitDataset(datasetOf(10), { validation, seed: 0 })).toThrow(message)
})
