/** Data sets from arrays: what is accepted, and what each wrong array is told. */
import { expect, it } from 'vitest'
import { DatasetError, type ImageArrays, imageDataset } from '../../src/data/index.ts'

it('takes one array per image', () => {
  const dataset = imageDataset({ images: [[0, 255], Uint8Array.of(3, 4)], labels: [2, 0], shape: [1, 2, 1] })
  expect(dataset).toMatchObject({ name: 'images', shape: [1, 2, 1], classes: ['0', '1', '2'] })
  expect([...dataset.images]).toEqual([0, 255, 3, 4])
  expect([...dataset.labels]).toEqual([2, 0])
})

it('takes all pixels in one array and does not copy it', () => {
  const images = Uint8Array.of(1, 2, 3, 4, 5, 6)
  const dataset = imageDataset({
    name: 'rgb',
    images,
    labels: Int32Array.of(0, 1),
    shape: [1, 1, 3],
    classes: ['a', 'b'],
  })
  expect(dataset.images).toBe(images)
  expect(dataset.classes).toEqual(['a', 'b'])
  // As a canvas has them.
  const clamped = Uint8ClampedArray.from(images)
  const same = imageDataset({ images: clamped, labels: [0, 1], shape: [1, 1, 3] })
  expect(same.images).toEqual(images)
  expect(same.images.buffer).toBe(clamped.buffer)
})

const good: ImageArrays = { name: 'tiny', images: [[1], [2]], labels: [0, 1], shape: [1, 1, 1], classes: ['a', 'b'] }

it.each<[string, Partial<ImageArrays>, RegExp]>([
  ['fewer images than labels', { images: [[1]] }, /tiny: 1 images, but there are 2 labels/],
  [
    'bytes for no whole number of images',
    { images: new Uint8Array(3), shape: [1, 2, 1] },
    /tiny: 3 bytes given for 2 pictures of \[1, 2, 1\], expected 4 \(there are 2 labels\)/,
  ],
  [
    'RGBA for gray',
    { images: new Uint8ClampedArray(16), shape: [1, 2, 1] },
    /16 bytes given for 2 pictures of \[1, 2, 1\], expected 4; they look like RGBA, .*filter\(\(_, i\) => i % 4 === 0\)/,
  ],
  [
    'floats in one array',
    { images: new Float32Array(2) as never },
    /expected 2 bytes 0 … 255 in a Uint8Array, got a Float32Array/,
  ],
  ['an image of another size', { images: [[1], [2, 3]] }, /image 1 has 2 values, expected 1/],
  ['a pixel above 255', { images: [[1], [256]] }, /value 256 of image 1/],
  ['a fractional pixel', { images: [[0.5], [2]] }, /value 0\.5 of image 0/],
  ['a label without class', { labels: [0, 2] }, /label 2 of image 1 is out of range, expected 0 … 1/],
  ['a negative label', { labels: [-1, 0] }, /label -1 of image 0 must be a whole number/],
  ['a label that is no number', { labels: [Number.NaN, 0] }, /label NaN/],
  ['no images', { images: [], labels: [] }, /tiny: no images/],
  ['an axis of 0', { shape: [0, 1, 1] }, /shape must be \[height, width, channels\].*got \[0, 1, 1\]/],
])('refuses %s', (_what, change, message) => {
  expect(() => imageDataset({ ...good, ...change })).toThrow(DatasetError)
  expect(() => imageDataset({ ...good, ...change })).toThrow(message)
})

it('does not invent a hundred thousand classes', () => {
  expect(() => imageDataset({ images: [[1]], labels: [123456], shape: [1, 1, 1] })).toThrow(/give `classes`/)
})
