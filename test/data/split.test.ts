/** Subsets and splits: disjoint, complete, stratified, the same for the same seed, without copying pixels. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DatasetError, imageDataset, type Subset, splitDataset, subsetOf } from '../../src/data/index.ts'

const datasetOf = (count: number) =>
  imageDataset({ name: 'tiny', images: new Uint8Array(count), labels: new Int32Array(count), shape: [1, 1, 1] })

/** Classes of the given sizes, one after another. */
const classesOf = (sizes: readonly number[]) =>
  imageDataset({
    images: new Uint8Array(sum(sizes)),
    labels: sizes.flatMap((size, label) => new Array<number>(size).fill(label)),
    shape: [1, 1, 1],
  })

/** Images of each class in a subset. */
function countsOf({ dataset, indices }: Subset): number[] {
  const counts = new Array<number>(dataset.classes.length).fill(0)
  for (const index of indices) counts[dataset.labels[index]!]!++
  return counts
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
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

it('takes all images, and never more than there are', () => {
  expect([...subsetOf(datasetOf(3)).indices]).toEqual([0, 1, 2])
  expect([...subsetOf(datasetOf(2), 3).indices]).toEqual([0, 1])
  expect(() => subsetOf(datasetOf(2), 0)).toThrow(/limit \(=0\)/)
  expect(() => subsetOf(datasetOf(2), 1.5)).toThrow(/limit \(=1\.5\)/)
})

describe('of images that come class by class, as a folder gives them,', () => {
  const folders = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 2, maxLength: 12 })

  it('a subset has its share of every class, by largest remainder', () => {
    fc.assert(
      fc.property(folders, fc.nat(), fc.nat(), (sizes, limited, seed) => {
        const total = sum(sizes)
        const limit = 1 + (limited % total)
        const counts = countsOf(subsetOf(classesOf(sizes), limit, seed))
        expect(sum(counts)).toBe(limit)
        // In whole numbers: class k is due sizes[k] · limit / total images. Where each is due one at least, nothing else counts.
        if (sizes.some(size => size * limit < total)) return
        const rest = counts.map((count, k) => {
          const floor = Math.floor((sizes[k]! * limit) / total)
          expect([floor, floor + 1]).toContain(count)
          return { isUp: count > floor, remainder: sizes[k]! * limit - floor * total }
        })
        const smallestUp = Math.min(...rest.filter(({ isUp }) => isUp).map(({ remainder }) => remainder))
        const largestDown = Math.max(...rest.filter(({ isUp }) => !isUp).map(({ remainder }) => remainder))
        expect(largestDown).toBeLessThanOrEqual(smallestUp)
      }),
    )
  })

  it('a subset has every class as soon as it is large enough for that', () => {
    fc.assert(
      fc.property(folders, fc.nat(), fc.nat(), (sizes, more, seed) => {
        const limit = Math.min(sizes.length + (more % 20), sum(sizes))
        for (const count of countsOf(subsetOf(classesOf(sizes), limit, seed))) expect(count).toBeGreaterThanOrEqual(1)
      }),
    )
    expect(countsOf(subsetOf(classesOf([1000, 1, 2]), 10)).slice(1)).toEqual([1, 1])
    expect(sum(countsOf(subsetOf(classesOf([5, 5, 5]), 2)).map(count => Math.min(1, count)))).toBe(2)
  })

  it('a split has every class in both parts where there are two of it, and one of a kind is trained on', () => {
    fc.assert(
      fc.property(folders, fc.nat(), fc.nat(), (sizes, heldBack, seed) => {
        const pairs = sizes.filter(size => size > 1).length
        const room = sum(sizes) - sizes.length - pairs
        fc.pre(pairs > 0 && room >= 0)
        const held = pairs + (heldBack % (room + 1))
        const { train, validation } = splitDataset(classesOf(sizes), { validation: held, seed })
        expect(countsOf(validation).map(count => count > 0)).toEqual(sizes.map(size => size > 1))
        expect(countsOf(train).every(count => count > 0)).toBe(true)
        expect(countsOf(train).map((count, k) => count + countsOf(validation)[k]!)).toEqual(sizes)
      }),
    )
  })

  it('a split has the shares of the whole in both parts', () => {
    const { train, validation } = splitDataset(classesOf([500, 300, 200]), { validation: 0.1, seed: 7 })
    expect(countsOf(validation)).toEqual([50, 30, 20])
    expect(countsOf(train)).toEqual([450, 270, 180])
  })

  it('a larger subset contains a smaller one of the same seed', () => {
    const data = classesOf(new Array<number>(10).fill(40))
    const [small, middle, large] = [15, 50, 333].map(limit => subsetOf(data, limit, 3).indices)
    expect(small!.every(index => middle!.includes(index))).toBe(true)
    expect(middle!.every(index => large!.includes(index))).toBe(true)
  })

  it('the seed decides, and every image of a class is as likely as the others', () => {
    const data = classesOf([30, 10])
    expect(subsetOf(data, 12, 1)).toEqual(subsetOf(data, 12, 1))
    expect(subsetOf(data, 12, 2)).not.toEqual(subsetOf(data, 12, 1))
    const counts = new Array<number>(40).fill(0)
    for (let seed = 0; seed < 4000; seed++) for (const index of subsetOf(data, 12, seed).indices) counts[index]!++
    // 9 of 30 and 3 of 10: 4000 draws of probability 0.3, mean 1200, deviation 29; five deviations.
    for (const count of counts) expect(Math.abs(count - 1200)).toBeLessThan(145)
  })
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
