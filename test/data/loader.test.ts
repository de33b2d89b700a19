/** Batches: every image once an epoch, the order a function of seed and epoch, bytes copied where they belong. */
import { describe, expect, it } from 'vitest'
import {
  BatchLoader,
  type ImageDataset,
  imageDataset,
  type LoaderOptions,
  splitDataset,
  subsetOf,
} from '../../src/data/index.ts'

/** Images [1, 2, 1] with pixels (i, 255 − i) and label i. */
const count = 103
const dataset = imageDataset({
  name: 'tiny',
  images: Array.from({ length: count }, (_, i) => [i, 255 - i]),
  labels: Array.from({ length: count }, (_, i) => i),
  shape: [1, 2, 1],
})
const subset = subsetOf(dataset)

/** The labels of every batch of an epoch, checking that each image is the one of its label. */
function batchesOf(loader: BatchLoader): number[][] {
  const images = new Uint8Array(loader.batchSize * 2)
  const labels = new Int32Array(loader.batchSize)
  return Array.from({ length: loader.batches }, (_, batch) => {
    const size = loader.fill(batch, images, labels)
    expect(size).toBe(loader.sizeOf(batch))
    for (let i = 0; i < size; i++) expect([images[2 * i], images[2 * i + 1]]).toEqual([labels[i], 255 - labels[i]!])
    return [...labels.subarray(0, size)]
  })
}

const shuffled = (options: Partial<LoaderOptions> = {}) =>
  new BatchLoader(subset, { batchSize: 10, seed: 7, ...options })

describe('an epoch', () => {
  it('has every image once; the last batch has the rest', () => {
    const loader = shuffled()
    loader.startEpoch(1)
    const batches = batchesOf(loader)
    expect(loader.batches).toBe(11)
    expect(batches.map(batch => batch.length)).toEqual([10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 3])
    expect(batches.flat().sort((a, b) => a - b)).toEqual([...dataset.labels])
    expect(batches.flat()).not.toEqual([...dataset.labels])
    expect([...loader.order]).toEqual(batches.flat())
  })

  it('has full batches only when the last is dropped, and leaves other images out in every epoch', () => {
    const whole = shuffled()
    const loader = shuffled({ dropLast: true })
    expect([loader.batches, loader.samples]).toEqual([10, 100])
    const leftOut = [1, 2].map(epoch => {
      whole.startEpoch(epoch)
      loader.startEpoch(epoch)
      const batches = batchesOf(loader)
      expect(batches).toEqual(batchesOf(whole).slice(0, 10))
      const seen = new Set(batches.flat())
      return [...dataset.labels].filter(label => !seen.has(label))
    })
    expect(leftOut.map(images => images.length)).toEqual([3, 3])
    expect(leftOut[0]).not.toEqual(leftOut[1])
    expect(() => loader.sizeOf(10)).toThrow('tiny: no batch 10 in an epoch of 10 batches')
    expect(shuffled({ batchSize: 103, dropLast: true }).batches).toBe(1)
    expect(() => shuffled({ batchSize: 104, dropLast: true })).toThrow(
      'tiny: dropLast leaves no batch: 103 images do not fill one of batchSize (=104); choose a smaller one',
    )
  })

  it('has an order that seed and epoch alone decide, whatever came before', () => {
    const loader = shuffled()
    loader.startEpoch(1)
    const first = batchesOf(loader)
    loader.startEpoch(2)
    const second = batchesOf(loader)
    expect(second).not.toEqual(first)

    const resumed = shuffled()
    resumed.startEpoch(2)
    expect(batchesOf(resumed)).toEqual(second)
    resumed.startEpoch(1)
    expect(batchesOf(resumed)).toEqual(first)

    const other = shuffled({ seed: 8 })
    other.startEpoch(1)
    expect(batchesOf(other)).not.toEqual(first)
  })

  it('has the same images in the same order for every batch size', () => {
    const small = shuffled({ batchSize: 1 })
    const large = shuffled({ batchSize: 1000 })
    small.startEpoch(3)
    large.startEpoch(3)
    expect(large.batches).toBe(1)
    expect(batchesOf(large).flat()).toEqual(batchesOf(small).flat())
  })

  it('without shuffling has the order of the subset, from the start', () => {
    const loader = new BatchLoader(subset, { batchSize: 50, shuffle: false })
    expect(batchesOf(loader).flat()).toEqual([...dataset.labels])
    loader.startEpoch(5)
    expect(batchesOf(loader).flat()).toEqual([...dataset.labels])
  })

  it('of a subset has its images only, and leaves the subset alone', () => {
    const { train, validation } = splitDataset(dataset, { validation: 0.3, seed: 1 })
    const before = [...train.indices]
    const loader = new BatchLoader(train, { batchSize: 16, seed: 0 })
    loader.startEpoch(1)
    const seen = batchesOf(loader).flat()
    expect(seen.length).toBe(train.indices.length)
    for (const index of validation.indices) expect(seen).not.toContain(index)
    expect([...train.indices]).toEqual(before)
  })
})

describe('fill', () => {
  it('writes into shared memory and leaves what lies behind the batch', () => {
    const loader = new BatchLoader(subset, { batchSize: 2, shuffle: false })
    const images = new Uint8Array(new SharedArrayBuffer(16), 3, 6).fill(9)
    const labels = new Int32Array(3).fill(-1)
    expect(loader.fill(50, images, labels)).toBe(2)
    expect([...images]).toEqual([100, 155, 101, 154, 9, 9])
    expect([...labels]).toEqual([100, 101, -1])
    expect(loader.fill(51, images, labels)).toBe(1)
    expect([...images]).toEqual([102, 153, 101, 154, 9, 9])
  })

  it.each<[string, (loader: BatchLoader) => unknown, RegExp]>([
    [
      'a batch too far',
      loader => loader.fill(11, new Uint8Array(99), new Int32Array(99)),
      /tiny: no batch 11 in an epoch of 11/,
    ],
    ['a negative batch', loader => loader.sizeOf(-1), /no batch -1/],
    [
      'small images',
      loader => loader.fill(0, new Uint8Array(19), new Int32Array(10)),
      /needs 20 bytes and 10 labels, got 19 and 10/,
    ],
    ['small labels', loader => loader.fill(0, new Uint8Array(20), new Int32Array(9)), /got 20 and 9/],
    ['no epoch', loader => loader.fill(0, new Uint8Array(20), new Int32Array(10)), /call startEpoch/],
  ])('refuses %s', (what, run, message) => {
    const loader = shuffled()
    if (what !== 'no epoch') loader.startEpoch(1)
    expect(() => run(loader)).toThrow(message)
  })

  it.each([0, -1, 2.5, Number.NaN])('refuses a batch size of %d', batchSize => {
    expect(() => shuffled({ batchSize })).toThrow(/batchSize/)
  })

  it.each<[string, Partial<ImageDataset>, readonly number[], string]>([
    [
      'a label without class',
      { labels: Int32Array.of(0, 2) },
      [0, 1],
      'mine: label 2 of image 1 is out of range, expected 0 … 1',
    ],
    ['a label below zero', { labels: Int32Array.of(-1, 0) }, [0], 'mine: label -1 of image 0 is out of range'],
    ['an image that is not there', {}, [0, 2], 'mine: image 2 does not exist, expected 0 … 1'],
    ['pixels that are no bytes', { images: new Float32Array(4) as never }, [0], 'mine: expected 4 bytes 0 … 255'],
    [
      'too few pixels',
      { images: new Uint8Array(3) },
      [0],
      'mine: 3 bytes given for 2 pictures of [1, 2, 1], expected 4',
    ],
  ])('refuses a data set of one’s own with %s', (_, change, indices, message) => {
    const mine = {
      name: 'mine',
      images: new Uint8Array(4),
      labels: Int32Array.of(0, 1),
      shape: [1, 2, 1] as const,
      classes: ['a', 'b'],
    }
    const loaderOf = (dataset: ImageDataset, chosen: readonly number[]) =>
      new BatchLoader({ dataset, indices: Int32Array.from(chosen) }, { batchSize: 1, seed: 0 })
    expect(loaderOf(mine, [0, 1]).batches).toBe(2)
    expect(() => loaderOf({ ...mine, ...change }, indices)).toThrow(message)
  })

  it('cuts images to their middle when the options give a smaller shape', () => {
    const images = [Uint8Array.from({ length: 12 }, (_, i) => i), Uint8Array.from({ length: 12 }, (_, i) => 100 + i)]
    const large = imageDataset({ name: 'large', images, labels: [0, 1], shape: [3, 4, 1] })
    const loader = new BatchLoader(subsetOf(large), { batchSize: 2, shuffle: false, shape: [1, 2, 1] })
    const pixels = new Uint8Array(4)
    expect(loader.fill(0, pixels, new Int32Array(2))).toBe(2)
    expect([...pixels]).toEqual([5, 6, 105, 106])
  })

  it('refuses images smaller than the shape of the options', () => {
    const loader = new BatchLoader(subset, { batchSize: 2, shuffle: false, shape: [2, 2, 1] })
    expect(() => loader.fill(0, new Uint8Array(8), new Int32Array(2))).toThrow(
      'cannot cut 2 × 2 from a picture of 1 × 2',
    )
  })

  it('refuses to shuffle without a seed', () => {
    expect(() => new BatchLoader(subset, { batchSize: 1 })).toThrow(/needs a seed/)
  })
})

it('refuses images and labels that are none', () => {
  const options = { batchSize: 2, shuffle: false }
  const wrong = { ...dataset, labels: Int32Array.from(dataset.labels, label => (label === 5 ? 103 : label)) }
  expect(() => new BatchLoader(subsetOf(wrong), options)).toThrow(
    'tiny: label 103 of image 5 is out of range, expected 0 … 102',
  )
  expect(() => new BatchLoader({ dataset, indices: Int32Array.of(0, 103) }, options)).toThrow(
    'tiny: image 103 does not exist, expected 0 … 102',
  )
})
