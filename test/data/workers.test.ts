/** Worker threads, on the built package: the same batches for any number of them, failures, and an end. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  centerCrop,
  cifarAugmentation,
  colorJitter,
  compose,
  customTransform,
  cutmix,
  gaussianNoise,
  horizontalFlip,
  mixup,
  randomCrop,
  randomResizedCrop,
  randomRotation,
} from 'fovea/augment'
import {
  type BatchSource,
  createLoader,
  type ImageCollection,
  imageDataset,
  imageFolder,
  type LoaderFactory,
  type LoaderOptions,
  type Subset,
  subsetOf,
  workerLoader,
} from 'fovea/data'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../support/fovea.ts'
import { writePictures } from './pictures.ts'

const folder = temporaryFolder()
beforeAll(() => writePictures(folder.path))
afterAll(() => folder.remove())

const photos = imageDataset({
  name: 'photos',
  images: Uint8Array.from({ length: 37 * 12 * 12 * 3 }, (_, i) => (i * i + i / 7) % 256),
  labels: Array.from({ length: 37 }, (_, k) => k % 3),
  shape: [12, 12, 3],
  classes: ['ant', 'bee', 'cat'],
})

/** All batches of epochs 1, 2 and 1 again. */
async function epochsOf(source: BatchSource): Promise<number[][]> {
  const found: number[][] = []
  try {
    for (const epoch of [1, 2, 1]) {
      source.startEpoch(epoch)
      for (let batch = 0; batch < source.batches; batch++) {
        const size = source.sizeOf(batch)
        const images = new Uint8Array(size * source.shape[0] * source.shape[1] * source.shape[2])
        const labels = source.softLabels ? new Float32Array(size * source.dataset.classes.length) : new Int32Array(size)
        await source.fill(batch, images, labels)
        found.push([...images, ...labels])
      }
    }
  } finally {
    await source.close?.()
  }
  return found
}

const makers: readonly [name: string, loader: LoaderFactory][] = [
  ['one worker', workerLoader({ workers: 1, ahead: 1 })],
  ['two workers', workerLoader({ workers: 2 })],
  ['three workers, three ahead', workerLoader({ workers: 3, ahead: 3 })],
]

describe('batches of any number of workers are those of none', () => {
  const augment = compose([
    randomCrop({ size: 10, padding: 2 }),
    horizontalFlip(),
    randomRotation({ degrees: 20 }),
    colorJitter({ brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 }),
    gaussianNoise({ sigma: 0.02 }),
    mixup({ alpha: 0.4 }),
    cutmix({ probability: 0.5 }),
  ])
  const options: LoaderOptions = { batchSize: 8, seed: 9, augment }

  it.each(makers)('from memory: %s', async (_, make) => {
    expect(await epochsOf(make(subsetOf(photos), options))).toEqual(
      await epochsOf(createLoader(subsetOf(photos), options)),
    )
  })

  it.each(makers)('without a last batch that is not full: %s', async (_, make) => {
    const dropping = { ...options, dropLast: true }
    const batches = await epochsOf(make(subsetOf(photos), dropping))
    expect(batches).toEqual(await epochsOf(createLoader(subsetOf(photos), dropping)))
    expect(batches).toHaveLength(3 * Math.floor(37 / 8))
  })

  it.each(makers)('from files: %s', async (_, make) => {
    const files = subsetOf(await imageFolder(folder.path, { shape: [16, 16, 3] }))
    const pipeline = compose([randomResizedCrop({ size: 16 }), ...augment.transforms.slice(1), ...augment.mixes])
    const given = { batchSize: 5, seed: 2, augment: pipeline }
    expect(await epochsOf(make(files, given))).toEqual(await epochsOf(createLoader(files, given)))
  })

  it('cut to the middle', async () => {
    const cut: LoaderOptions = { batchSize: 8, shuffle: false, shape: [6, 8, 3] }
    const batches = await epochsOf(createLoader(subsetOf(photos), cut))
    const cropping = compose([centerCrop({ size: [6, 8] })])
    expect(batches).toEqual(
      await epochsOf(createLoader(subsetOf(photos), { batchSize: 8, shuffle: false, seed: 0, augment: cropping })),
    )
    expect(await epochsOf(workerLoader({ workers: 2 })(subsetOf(photos), cut))).toEqual(batches)
    const files = subsetOf(await imageFolder(folder.path, { shape: [16, 16, 3] }))
    expect(await epochsOf(workerLoader({ workers: 2 })(files, cut))).toEqual(await epochsOf(createLoader(files, cut)))
  })

  it('with files that cannot be read', async () => {
    writeFileSync(join(folder.path, 'dark', 'fake.jpg'), 'text')
    const reported: string[] = []
    const files = await imageFolder(folder.path, {
      shape: [16, 16, 3],
      corrupt: 'skip',
      check: 'names',
      onSkip: ({ message }) => reported.push(message),
    })
    const given = { batchSize: 5, seed: 2 }
    const expected = await epochsOf(createLoader(subsetOf(files), given))
    expect(await epochsOf(workerLoader({ workers: 2 })(subsetOf(files), given))).toEqual(expected)
    expect(reported).toHaveLength(2)
    const strict = await imageFolder(folder.path, { shape: [16, 16, 3], check: 'names' })
    await expect(epochsOf(workerLoader({ workers: 2 })(subsetOf(strict), given))).rejects.toThrow(
      /fake\.jpg: not an image/,
    )
  })
})

describe('a loader with workers', () => {
  const train = subsetOf(photos)

  it('can be closed in the middle and used again', async () => {
    const loader = workerLoader({ workers: 2 })(train, { batchSize: 8, seed: 1 })
    const take = async (batch: number) => {
      const images = new Uint8Array(8 * 432)
      await loader.fill(batch, images, new Int32Array(8))
      return [...images]
    }
    loader.startEpoch(1)
    const first = await take(0)
    await loader.close?.()
    expect(await take(0)).toEqual(first)
    // A jump backwards and forwards is allowed as well.
    const third = await take(3)
    await take(1)
    expect(await take(3)).toEqual(third)
    await loader.close?.()
  })

  it('passes on what augmentation throws', async () => {
    const loader = workerLoader({ workers: 1 })(train, {
      batchSize: 8,
      seed: 1,
      augment: compose([randomCrop({ size: 13 })]),
    })
    await expect(epochsOf(loader)).rejects.toThrow('randomCrop: cannot cut 13 × 13 from a picture of 12 × 12')
  })

  it.each<[string, (subset: Subset) => unknown, RegExp]>([
    ['no worker', () => workerLoader({ workers: 0 }), /workers \(=0\) must be a whole number of at least 1/],
    [
      'a function as a transform',
      subset =>
        workerLoader()(subset, { batchSize: 1, seed: 0, augment: compose([customTransform('mine', image => image)]) }),
      /mine is a function of your own/,
    ],
    [
      'images that only this thread can read',
      ({ dataset: { name, labels, shape, classes }, indices }) => {
        const dataset: ImageCollection = { name, labels, shape, classes }
        return workerLoader()({ dataset, indices }, { batchSize: 1, seed: 0 })
      },
      /photos: worker threads need images in memory or an image folder/,
    ],
    [
      'mirror images of digits',
      ({ dataset, indices }) =>
        workerLoader()(
          { dataset: { ...dataset, symbols: true }, indices },
          { batchSize: 1, seed: 0, augment: cifarAugmentation() },
        ),
      /horizontalFlip mirrors pictures/,
    ],
  ])('refuses %s', (_, run, message) => {
    expect(() => run(train)).toThrow(message)
  })

  it('lets a process end that forgot to close it', async () => {
    const { execFile } = await import('node:child_process')
    const { promisify } = await import('node:util')
    const program = `
      import { imageDataset, subsetOf, workerLoader } from 'fovea/data'
      const data = imageDataset({ images: new Uint8Array(400), labels: new Array(100).fill(0), shape: [2, 2, 1] })
      const loader = workerLoader({ workers: 2 })(subsetOf(data), { batchSize: 10, seed: 1 })
      loader.startEpoch(1)
      console.log(await loader.fill(0, new Uint8Array(40), new Int32Array(10)))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      cwd: new URL('../..', import.meta.url),
      timeout: 20_000,
    })
    expect(stdout).toBe('10\n')
  })
})
