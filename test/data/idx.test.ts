/** IDX files: parsing without copying, and every way such a file can be wrong. */
import { describe, expect, it } from 'vitest'
import { DatasetError, idxDataset, parseIdx } from '../../src/data/index.ts'
import { idxBytes } from './writeIdx.ts'

const named = (bytes: Uint8Array, name = 'file') => ({ name, bytes })

describe('parseIdx', () => {
  it('gives shape and elements, which are a view of the file', () => {
    const bytes = idxBytes([2, 1, 3], [1, 2, 3, 4, 5, 6])
    const { shape, values } = parseIdx(named(bytes))
    expect(shape).toEqual([2, 1, 3])
    expect([...values]).toEqual([1, 2, 3, 4, 5, 6])
    expect(values.buffer).toBe(bytes.buffer)
  })

  it('reads a file that lies inside a larger buffer', () => {
    const bytes = new Uint8Array(20)
    bytes.set(idxBytes([2], [7, 8]), 3)
    expect([...parseIdx(named(bytes.subarray(3, 13))).values]).toEqual([7, 8])
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(0), /file: truncated, expected at least 4 bytes of header, got 0/],
    ['another magic number', Uint8Array.of(0x89, 0x50, 0x4e, 0x47), /file: not an IDX file \(0x89504e47, expected/],
    ['a compressed file', Uint8Array.of(0x1f, 0x8b, 8, 0), /gzip, decompress it first/],
    ['a web page', new TextEncoder().encode('<!DOCTYPE html>'), /looks like a web page/],
    ['32-bit floats', idxBytes([1], [0, 0, 0, 0], 0x0d), /type 32-bit float \(0x0d\) are not supported/],
    ['an unknown type', idxBytes([1], [0], 0x42), /0x42 is not an element type/],
    ['no axes', idxBytes([], []), /no axes/],
    ['a cut header', idxBytes([2, 3, 4], []).subarray(0, 10), /expected 16 bytes of header for 3 axes, got 10/],
    ['cut elements', idxBytes([2, 3], [1, 2, 3, 4, 5]), /truncated, expected 18 bytes for shape \[2, 3\], got 17/],
    ['extra elements', idxBytes([2], [1, 2, 3]), /too long, expected 10 bytes for shape \[2\], got 11/],
    ['sizes that overflow', idxBytes([4e9, 4e9, 4e9], []), /truncated, expected 6\.4e\+28 bytes/],
  ])('refuses %s', (_what, bytes, message) => {
    expect(() => parseIdx(named(bytes))).toThrow(DatasetError)
    expect(() => parseIdx(named(bytes))).toThrow(message)
  })
})

describe('idxDataset', () => {
  const classes = ['zero', 'one', 'two']
  const images = named(idxBytes([2, 1, 2], [1, 2, 3, 4]), 'images')
  const make = (labels: Uint8Array, pixels = images) =>
    idxDataset({ name: 'tiny', images: pixels, labels: named(labels, 'labels'), classes })

  it('joins images and labels, without copying the pixels', () => {
    const dataset = make(idxBytes([2], [2, 0]))
    expect(dataset).toMatchObject({ name: 'tiny', shape: [1, 2, 1], classes })
    expect([...dataset.labels]).toEqual([2, 0])
    expect([...dataset.images]).toEqual([1, 2, 3, 4])
    expect(dataset.images.buffer).toBe(images.bytes.buffer)
  })

  it('takes images with channels', () => {
    expect(make(idxBytes([1], [0]), named(idxBytes([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]))).shape).toEqual([1, 2, 3])
  })

  it.each<[string, () => unknown, RegExp]>([
    ['another number of labels', () => make(idxBytes([3], [0, 1, 2])), /labels: 3 labels for the 2 images of images/],
    ['a label without class', () => make(idxBytes([2], [0, 3])), /label 3 of image 1 is out of range, expected 0 … 2/],
    ['labels of two axes', () => make(idxBytes([2, 1], [0, 1])), /expected labels of shape \[count\], got \[2, 1\]/],
    ['labels as images', () => make(idxBytes([2], [0, 1]), named(idxBytes([2], [0, 1]))), /expected images of shape/],
    ['no images', () => make(idxBytes([0], []), named(idxBytes([0, 28, 28], []))), /tiny: no images/],
    ['images without pixels', () => make(idxBytes([2], [0, 1]), named(idxBytes([2, 0, 5], []))), /shape must be/],
  ])('refuses %s', (_what, run, message) => {
    expect(run).toThrow(DatasetError)
    expect(run).toThrow(message)
  })
})
