/** Statistics for preprocessing against their formulas, and whitening's promise: the identity as covariance. */
import { beforeAll, describe, expect, it } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { imageDataset } from '../../src/data/arrays.ts'
import type { ImageDataset } from '../../src/data/dataset.ts'
import { symmetricEigen } from '../../src/data/eigen.ts'
import { mnist } from '../../src/data/mnist.node.ts'
import { splitDataset, subsetOf } from '../../src/data/split.ts'
import {
  channelStatistics,
  colorComponents,
  fitWhitening,
  meanImage,
  type WhiteningKind,
} from '../../src/data/statistics.ts'
import { input } from '../../src/graph/sources.ts'
import { flatten } from '../../src/nn/flatten.ts'
import { ImageClassifier } from '../../src/nn/imageClassifier.ts'
import { linear } from '../../src/nn/linear.ts'
import { inference, type Module } from '../../src/nn/module.ts'
import { standardize, whiten } from '../../src/nn/preprocess.ts'
import { sequential } from '../../src/nn/sequential.ts'
import { loadState } from '../../src/nn/state.ts'
import { sgd } from '../../src/optim/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import { decodeCheckpoint, encodeCheckpoint, tensorsOf } from '../../src/train/checkpoint.ts'
import { Evaluator } from '../../src/train/evaluate.ts'
import { Trainer } from '../../src/train/trainer.ts'

/** Colored images with correlated pixels. */
const random = new RandomSequence(8, 'statistics')
const colored = imageDataset({
  images: Array.from({ length: 200 }, () => {
    const base = random.integer(150)
    return Array.from({ length: 4 * 5 * 3 }, (_, i) => base + random.integer(60) + 20 * (i % 3))
  }),
  labels: Array.from({ length: 200 }, (_, k) => k % 2),
  shape: [4, 5, 3],
})

/** The output of a module for the images of a data set, one row an image. */
async function outputs(module: Module, { images, shape, labels }: ImageDataset): Promise<Float32Array[]> {
  const engine = createEngine({ threads: 1, precise: true })
  const count = labels.length
  const x = input('images', [count, ...shape], { dtype: 'u8', batched: true })
  const program = await engine.compile({
    outputs: { y: module.assignPaths().forward(x, inference()) },
    updates: new Map(),
  })
  const { y } = await program.run({ images })
  await engine.close()
  return Array.from({ length: count }, (_, k) =>
    (y as Float32Array).subarray((k * y.length) / count, ((k + 1) * y.length) / count),
  )
}

const meanOf = (rows: readonly Float32Array[], i: number) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length
function covarianceOf(rows: readonly Float32Array[]): number[][] {
  const size = rows[0]!.length
  const means = Array.from({ length: size }, (_, i) => meanOf(rows, i))
  return means.map((a, i) =>
    means.map((b, j) => rows.reduce((sum, row) => sum + (row[i]! - a) * (row[j]! - b), 0) / rows.length),
  )
}

describe('eigenvectors', () => {
  it.each([1, 2, 3, 10, 60])('of a random symmetric matrix of %i rows', n => {
    const a = new Float64Array(n * n)
    for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) a[i * n + j] = a[j * n + i] = random.uniform() - 0.5
    const { values, vectors } = symmetricEigen(a, n)
    for (let k = 0; k < n; k++) {
      const v = vectors.subarray(k * n, (k + 1) * n)
      if (k > 0) expect(values[k]).toBeLessThanOrEqual(values[k - 1]!)
      for (let i = 0; i < n; i++) {
        const product = v.reduce((sum, value, j) => sum + a[i * n + j]! * value, 0)
        expect(Math.abs(product - values[k]! * v[i]!)).toBeLessThan(1e-13 * n)
      }
      for (let other = 0; other <= k; other++) {
        const w = vectors.subarray(other * n, (other + 1) * n)
        const dot = v.reduce((sum, value, j) => sum + value * w[j]!, 0)
        expect(Math.abs(dot - Number(other === k))).toBeLessThan(1e-13 * n)
      }
    }
  })

  it('of the identity, of zeros, and of equal values', () => {
    expect([...symmetricEigen(Float64Array.of(1, 0, 0, 1), 2).values]).toEqual([1, 1])
    expect([...symmetricEigen(new Float64Array(9), 3).values]).toEqual([0, 0, 0])
    const { values, vectors } = symmetricEigen(Float64Array.of(2, 1, 1, 2), 2)
    expect(values[0]).toBeCloseTo(3, 14)
    expect(values[1]).toBeCloseTo(1, 14)
    expect(vectors[0]).toBeCloseTo(Math.SQRT1_2, 14)
  })
})

describe('channel statistics', () => {
  it('are those of MNIST that everyone uses', async () => {
    const { train } = await mnist()
    const { mean, std } = await channelStatistics(subsetOf(train))
    expect(mean[0]).toBeCloseTo(0.1307, 4)
    expect(std[0]).toBeCloseTo(0.3081, 4)
  })

  it('make every channel of mean 0 and deviation 1', async () => {
    const rows = await outputs(standardize(await channelStatistics(subsetOf(colored))), colored)
    for (let c = 0; c < 3; c++) {
      const values = rows.flatMap(row => [...row.subarray(c * 20, (c + 1) * 20)])
      const mean = values.reduce((a, b) => a + b, 0) / values.length
      expect(Math.abs(mean)).toBeLessThan(1e-5)
      expect(Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length)).toBeCloseTo(1, 5)
    }
  })

  it('are of the images of the subset and no others', async () => {
    const { train, validation } = splitDataset(colored, { validation: 0.5, seed: 1 })
    const [a, b] = [await channelStatistics(train), await channelStatistics(validation)]
    expect(a.mean).not.toEqual(b.mean)
    const all = await channelStatistics(subsetOf(colored))
    expect((a.mean[0]! + b.mean[0]!) / 2).toBeCloseTo(all.mean[0]!, 12)
    const limited = await channelStatistics(subsetOf(colored), { limit: 10 })
    expect(limited).toEqual(await channelStatistics(subsetOf(colored, 10)))
    await expect(channelStatistics(train, { limit: 0 })).rejects.toThrow('limit (=0)')
  })
})

describe('a mean image', () => {
  it('leaves every place of mean 0', async () => {
    const fitted = await meanImage(subsetOf(colored))
    expect(fitted.shape).toEqual([3, 4, 5])
    const rows = await outputs(standardize(fitted), colored)
    for (let i = 0; i < 60; i++) expect(Math.abs(meanOf(rows, i))).toBeLessThan(1e-6)
    // Channel 1, row 2, column 3 of the first image.
    const at = (2 * 5 + 3) * 3 + 1
    const mean = Array.from({ length: 200 }, (_, k) => colored.images[k * 60 + at]!).reduce((a, b) => a + b) / 200
    expect(rows[0]![20 + 13]).toBeCloseTo((colored.images[at]! - mean) / 255, 5)
  })
})

describe('principal components of colors', () => {
  it('are the eigenvectors of the covariance of RGB values', async () => {
    const { values, vectors } = await colorComponents(subsetOf(colored))
    const pixels = Array.from({ length: 4000 }, (_, i) =>
      Float32Array.from(colored.images.subarray(3 * i, 3 * i + 3), v => v / 255),
    )
    const covariance = covarianceOf(pixels)
    for (let k = 0; k < 3; k++) {
      for (let i = 0; i < 3; i++) {
        const product = covariance[i]!.reduce((sum, value, j) => sum + value * vectors[k]![j]!, 0)
        expect(product).toBeCloseTo(values[k]! * vectors[k]![i]!, 6)
      }
    }
    // Brightness is what varies most: all three in the same direction.
    expect(vectors[0].every(value => value > 0.5)).toBe(true)
  })

  it('are refused for gray images', async () => {
    const gray = imageDataset({ images: [[1]], labels: [0], shape: [1, 1, 1] })
    await expect(colorComponents(subsetOf(gray))).rejects.toThrow('color components need 3 channels, the images have 1')
  })
})

describe('whitening', () => {
  let digits: ImageDataset
  beforeAll(async () => {
    // The middles of digits: 8 × 8 pixels that all vary.
    const { train } = await mnist()
    const images = new Uint8Array(2000 * 64)
    for (let k = 0; k < 2000; k++) {
      for (let y = 0; y < 8; y++) {
        const from = k * 784 + (10 + y) * 28 + 10
        images.set(train.images.subarray(from, from + 8), k * 64 + y * 8)
      }
    }
    digits = imageDataset({ images, labels: train.labels.subarray(0, 2000), shape: [8, 8, 1] })
  })

  it.each<WhiteningKind>(['pca-whitening', 'zca'])('%s: the covariance is the identity', async kind => {
    const values = await fitWhitening(subsetOf(digits), { kind, eps: 0 })
    const covariance = covarianceOf(await outputs(whiten(values), digits))
    covariance.forEach((row, i) => {
      row.forEach((value, j) => {
        expect(Math.abs(value - Number(i === j))).toBeLessThan(2e-4)
      })
    })
  })

  it('pca: uncorrelated, with the variances that were found, largest first', async () => {
    const values = await fitWhitening(subsetOf(digits), { kind: 'pca' })
    const covariance = covarianceOf(await outputs(whiten(values), digits))
    covariance.forEach((row, i) => {
      row.forEach((value, j) => {
        expect(Math.abs(value - (i === j ? values.variances[i]! : 0))).toBeLessThan(1e-6)
      })
    })
    expect([...values.variances]).toEqual([...values.variances].sort((a, b) => b - a))
  })

  it('zca images resemble the images: it is the smallest change that whitens', async () => {
    const values = await fitWhitening(subsetOf(digits), { kind: 'zca', eps: 0.01 })
    const rows = await outputs(whiten(values), digits)
    for (const k of [0, 500, 1000]) {
      const original = digits.images.subarray(k * 64, (k + 1) * 64)
      const centered = Array.from(original, (value, i) => value / 255 - values.mean[i]!)
      const dot = centered.reduce((sum, value, i) => sum + value * rows[k]![i]!, 0)
      const norms = Math.hypot(...centered) * Math.hypot(...rows[k]!)
      expect(dot / norms).toBeGreaterThan(0.5)
    }
  })

  it('with fewer components keeps the directions of largest variance', async () => {
    const all = await fitWhitening(subsetOf(digits), { kind: 'pca' })
    const some = await fitWhitening(subsetOf(digits), { kind: 'pca', components: 5 })
    expect(some.matrix).toEqual(all.matrix.subarray(0, 5 * 64))
    expect((await outputs(whiten(some), digits))[0]).toHaveLength(5)
    await expect(fitWhitening(subsetOf(digits), { kind: 'pca', components: 65 })).rejects.toThrow(
      'components (=65) must be a whole number from 1 to 64',
    )
    await expect(fitWhitening(subsetOf(digits), { kind: 'zca', eps: -1 })).rejects.toThrow('eps (=-1)')
  })

  it('channels lie as the network sees them', async () => {
    const values = await fitWhitening(subsetOf(colored), { kind: 'zca', eps: 0 })
    expect(values.shape).toEqual([3, 4, 5])
    const covariance = covarianceOf(await outputs(whiten(values), colored))
    for (let i = 0; i < 60; i++) {
      for (let j = 0; j < 60; j++) expect(Math.abs(covariance[i]![j]! - Number(i === j))).toBeLessThan(1e-3)
    }
  })
})

describe('a checkpoint', () => {
  it.each([
    [
      'a mean image',
      async () => standardize(await meanImage(subsetOf(colored))),
      () => standardize({ shape: [3, 4, 5] }),
    ],
    [
      'mean and deviation',
      async () => standardize(await channelStatistics(subsetOf(colored))),
      () => standardize({ shape: [3, 1, 1] }),
    ],
    [
      'whitening',
      async () => whiten(await fitWhitening(subsetOf(colored), { kind: 'pca-whitening', components: 30 })),
      () => whiten({ shape: [3, 4, 5], kind: 'pca-whitening', components: 30 }),
    ],
  ])('holds %s, training leaves it alone, and a new model gets it back', async (what, fitted, empty) => {
    const network = () => sequential(flatten(), linear(what === 'whitening' ? 30 : 60, 2))
    const preprocessing = await fitted()
    const model = new ImageClassifier(preprocessing, network()).initialize(1)
    const before = [...preprocessing.variables().values()].map(({ value }) => value.slice())
    const engine = createEngine({ threads: 1 })
    const trainer = new Trainer({ model, train: subsetOf(colored), engine, optimizer: sgd({ lr: 0.01 }), epochs: 2 })
    for await (const _ of trainer.run());
    expect([...preprocessing.variables().values()].map(({ value }) => value)).toEqual(before)
    const encoded = await encodeCheckpoint({ ...(await trainer.snapshot()), recipe: {} })
    const read = await decodeCheckpoint(encoded)
    expect([...read.tensors.keys()].filter(path => path.startsWith('model.normalize.')).length).toBe(2)
    const other = new ImageClassifier(empty(), network()).initialize(2)
    loadState(other, tensorsOf(read, 'model'))
    const image = colored.images.subarray(0, 60)
    const expected = await new Evaluator(engine, model, [4, 5, 3]).predict(image)
    expect(await new Evaluator(engine, other, [4, 5, 3]).predict(image)).toEqual(expected)
    await engine.close()
  })
})

describe('refuses', () => {
  const bytes = input('images', [2, 4, 5, 3], { dtype: 'u8' })
  it.each<[string, () => unknown, RegExp]>([
    ['nothing', () => standardize({}), /give mean, or its shape/],
    [
      'a mean of another size',
      () => standardize({ shape: [3, 4, 5], mean: [1, 2, 3] }),
      /mean has 3 numbers, expected \[3, 4, 5\]: 60/,
    ],
    ['a deviation of 0', () => standardize({ mean: [0], std: [0] }), /std \(=0\) must be positive/],
    [
      'a matrix of another size',
      () => whiten({ shape: [1, 2, 2], kind: 'pca', matrix: [1, 2, 3] }),
      /matrix: 3 values do not fit \[K, 4\]/,
    ],
    [
      'images of another size',
      () => standardize({ shape: [3, 8, 8] }).forward(bytes, inference()),
      /expected images u8 \[N, 8, 8, 3\], got u8 \[2, 4, 5, 3\]/,
    ],
    [
      'numbers',
      () => whiten({ shape: [3, 4, 5], kind: 'zca' }).forward(input('x', [2, 4, 5, 3]), inference()),
      /got f32 \[2, 4, 5, 3\]/,
    ],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(message)
  })
})
