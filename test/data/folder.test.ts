/** Image folders: labels by sub-folder, any size and format, broken files named and refused or skipped. */
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compose } from '../../src/augment/compose.ts'
import { centerCropOf } from '../../src/augment/crop.ts'
import { horizontalFlip } from '../../src/augment/flip.ts'
import { mixup } from '../../src/augment/mix.ts'
import { raster } from '../../src/augment/raster.ts'
import { randomResizedCrop, resizeShorterSide } from '../../src/augment/resize.ts'
import type { BatchSource } from '../../src/data/batches.ts'
import { createLoader } from '../../src/data/createLoader.ts'
import { imageFolder } from '../../src/data/folder.node.ts'
import { describeOthers } from '../../src/data/otherFiles.ts'
import { splitDataset, subsetOf } from '../../src/data/split.ts'
import { temporaryFolder } from '../support/fovea.ts'
import { writePicture, writePictures } from './pictures.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(async () => {
  folder = temporaryFolder()
  await writePictures(folder.path)
})
afterEach(() => folder.remove())

const shape = [16, 16, 3] as const

/** Every batch of an epoch. */
async function epochOf(source: BatchSource, epoch = 1): Promise<{ images: number[]; labels: number[] }[]> {
  source.startEpoch(epoch)
  const found: { images: number[]; labels: number[] }[] = []
  for (let batch = 0; batch < source.batches; batch++) {
    const size = source.sizeOf(batch)
    const images = new Uint8Array(size * source.shape[0] * source.shape[1] * source.shape[2])
    const labels = source.softLabels ? new Float32Array(size * source.dataset.classes.length) : new Int32Array(size)
    expect(await source.fill(batch, images, labels)).toBe(size)
    found.push({ images: [...images], labels: [...labels] })
  }
  await source.close?.()
  return found
}

describe('a folder of pictures', () => {
  it('has a class for each sub-folder and pictures at any depth, of every format', async () => {
    const data = await imageFolder(folder.path, { shape })
    expect(data.classes).toEqual(['dark', 'light'])
    expect(data.symbols).toBe(false)
    expect(data.files).toHaveLength(12)
    expect(data.files.slice(0, 6)).toEqual(
      ['0.png', '1.jpeg', '2.webp', 'deep/er/3.png', 'deep/er/4.jpeg', 'deep/er/5.webp'].map(name =>
        join('dark', name),
      ),
    )
    expect([...data.labels]).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    expect([data.ignored, data.ignoredEndings, data.outside]).toEqual([1, { '.txt': 1 }, 0])
    for (let k = 0; k < 12; k++) {
      const { height, width, channels, pixels } = await data.read(k)
      expect([Math.min(height, width), channels]).toEqual([18, 3])
      const red = pixels[3 * (9 * width + 9)]!
      expect(Math.abs(red - (k < 6 ? 10 * k : 100 + 10 * k))).toBeLessThanOrEqual(3)
    }
  })

  it('has every format that torchvision reads, whatever the case of the ending', async () => {
    const { files } = JSON.parse(
      readFileSync(new URL('../fixtures/pillow/pictures.json', import.meta.url), 'utf8'),
    ) as {
      readonly files: readonly { readonly name: string; readonly file: string }[]
    }
    const endings = ['.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp']
    const written = endings
      .flatMap(ending => [ending, ending.toUpperCase()])
      .map((ending, k) => {
        // Files of a kind, whichever of its endings they get.
        const kind = ending.toLowerCase().replace('jpeg', 'jpg').replace('tiff', 'tif')
        const { file } = files.find(({ name }) => name.endsWith(kind))!
        mkdirSync(join(folder.path, 'many', 'all'), { recursive: true })
        writeFileSync(join(folder.path, 'many', 'all', `${k}${ending}`), Buffer.from(file, 'base64'))
        return join('all', `${k}${ending}`)
      })
    const data = await imageFolder(join(folder.path, 'many'), { shape: [8, 8, 3], check: 'pixels' })
    expect([...data.files].sort()).toEqual(written.sort())
    expect(data.ignored).toBe(0)
  })

  it('counts what it leaves out, by ending, and pictures that are of no class', async () => {
    const names = ['light/a.heic', 'light/b.HEIC', 'light/deep/c.heic', 'dark/README', 'dark/constructor', 'labels.csv']
    for (const name of names) writeFileSync(join(folder.path, name), '')
    await writePicture(join(folder.path, 'lost.png'), 20, 20, 90)
    const data = await imageFolder(folder.path, { shape })
    expect([data.ignored, data.ignoredEndings]).toEqual([
      7,
      { '.heic': 3, '.txt': 1, README: 1, constructor: 1, '.csv': 1 },
    ])
    expect(data.outside).toBe(1)
    expect(describeOthers(data.ignoredEndings)).toBe(
      '7 files that are not pictures (.heic, .csv, .txt, README, constructor)',
    )
    expect(describeOthers({ '.txt': 1 })).toBe('1 file that is not a picture (.txt)')
    expect(describeOthers({ a: 1, b: 1, c: 1, d: 1, e: 1, f: 9 })).toBe(
      '14 files that are not pictures (f, a, b, c, d, …)',
    )
  })

  it('gives batches of the right shape and labels, shuffled, every picture once', async () => {
    const data = await imageFolder(folder.path, { shape })
    const batches = await epochOf(createLoader(subsetOf(data), { batchSize: 5, seed: 1 }))
    expect(batches.map(({ labels }) => labels.length)).toEqual([5, 5, 2])
    const reds = batches.flatMap(({ images, labels }) =>
      labels.map((label, k) => {
        const red = images[k * 768]!
        expect(red < 100 ? 0 : 1).toBe(label)
        return Math.round(red / 10)
      }),
    )
    expect([...reds].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 16, 17, 18, 19, 20, 21])
    expect(reds).not.toEqual([0, 1, 2, 3, 4, 5, 16, 17, 18, 19, 20, 21])
  })

  it('without augmentation is scaled and cut to the middle', async () => {
    const data = await imageFolder(folder.path, { shape, shorterSide: 20 })
    const [{ images }] = await epochOf(createLoader(subsetOf(data), { batchSize: 1, shuffle: false }))
    const { data: pixels, info } = await sharp(join(folder.path, 'dark/0.png'))
      .raw()
      .toBuffer({ resolveWithObject: true })
    const whole = raster(new Uint8Array(pixels), [info.height, info.width, 3])
    expect(images).toEqual([...centerCropOf(resizeShorterSide(whole, 20), 16, 16).pixels])
  })

  it('is gray where the model takes one channel, and upright as EXIF says', async () => {
    const picture = sharp(readFileSync(join(folder.path, 'dark/1.jpeg')))
    writeFileSync(join(folder.path, 'dark/turned.jpg'), await picture.withMetadata({ orientation: 6 }).toBuffer())
    const data = await imageFolder(folder.path, { shape: [16, 16, 1], shorterSide: 21 })
    const turned = await data.read(data.files.indexOf(join('dark', 'turned.jpg')))
    expect([turned.height, turned.width, turned.channels]).toEqual([30, 21, 1])
    // The gradient that went to the right now goes down.
    expect(turned.pixels[29 * 21 + 10]).toBeGreaterThan(turned.pixels[10]! + 15)
  })

  it('augments the same way in every epoch of the same number, and mixes labels', async () => {
    const data = await imageFolder(folder.path, { shape })
    const augment = compose([randomResizedCrop({ size: 16 }), horizontalFlip(), mixup({ alpha: 1 })])
    const loader = () => createLoader(subsetOf(data), { batchSize: 6, seed: 4, augment })
    const first = await epochOf(loader())
    expect(first.flatMap(({ labels }) => labels).some(value => value > 0.01 && value < 0.99)).toBe(true)
    const other = loader()
    const second = await epochOf(other, 2)
    expect(second).not.toEqual(first)
    expect(await epochOf(other, 1)).toEqual(first)
  })

  it('can be split', async () => {
    const { train, validation } = splitDataset(await imageFolder(folder.path, { shape }), { validation: 4, seed: 1 })
    expect([train.indices.length, validation.indices.length]).toEqual([8, 4])
    expect(await epochOf(createLoader(validation, { batchSize: 4, shuffle: false }))).toHaveLength(1)
  })
})

describe('broken files', () => {
  const truncated = () => join(folder.path, 'light', 'a-cut.jpeg')
  beforeEach(async () => {
    writeFileSync(join(folder.path, 'dark', 'fake.jpg'), 'this is text')
    writeFileSync(join(folder.path, 'dark', 'empty.png'), '')
    symlinkSync('nowhere', join(folder.path, 'light', 'link.png'))
    await writePicture(truncated(), 200, 300, 200)
    writeFileSync(truncated(), readFileSync(truncated()).subarray(0, 1500))
  })

  it('are refused, each by name and reason', async () => {
    const refused = imageFolder(folder.path, { shape })
    await expect(refused).rejects.toThrow(/3 of 16 pictures cannot be read/)
    await expect(refused).rejects.toThrow(/empty\.png: is empty \(0 bytes\)/)
    await expect(refused).rejects.toThrow(/fake\.jpg: not an image that can be read/)
    await expect(refused).rejects.toThrow(/link\.png: cannot be read/)
    await expect(refused).rejects.not.toThrow(/a-cut/)
    await expect(imageFolder(folder.path, { shape, check: 'pixels' })).rejects.toThrow(
      /4 of 16 [\s\S]*a-cut\.jpeg: cannot be decoded, it is truncated or broken/,
    )
  })

  it('are skipped and listed when asked', async () => {
    const seen: number[] = []
    const data = await imageFolder(folder.path, {
      shape,
      corrupt: 'skip',
      check: 'pixels',
      onProgress: (done, total) => seen.push(done / total),
    })
    expect(data.skipped.map(({ file }) => file)).toEqual(
      ['dark/empty.png', 'dark/fake.jpg', 'light/a-cut.jpeg', 'light/link.png'].map(name => join(...name.split('/'))),
    )
    expect(data.files).toHaveLength(12)
    expect(seen.at(-1)).toBe(1)
  })

  it('are told when a class has nothing else', async () => {
    for (const name of ['a.png', 'b.png', 'c.txt']) {
      mkdirSync(join(folder.path, 'dim'), { recursive: true })
      writeFileSync(join(folder.path, 'dim', name), 'no picture')
    }
    await expect(imageFolder(folder.path, { shape, corrupt: 'skip' })).rejects.toThrow(
      /dim: the class has no pictures, only 2 that cannot be read and 1 file that is not a picture \(\.txt\)$/,
    )
  })

  it('that turn out broken when read end the epoch with their name', async () => {
    rmSync(join(folder.path, 'light', 'link.png'))
    rmSync(join(folder.path, 'dark', 'fake.jpg'))
    rmSync(join(folder.path, 'dark', 'empty.png'))
    const data = await imageFolder(folder.path, { shape })
    await expect(epochOf(createLoader(subsetOf(data), { batchSize: 4, seed: 1 }))).rejects.toThrow(
      /a-cut\.jpeg: cannot be/,
    )
  })

  it('or are replaced by the next of the epoch, and reported once', async () => {
    const reported: string[] = []
    const data = await imageFolder(folder.path, {
      shape,
      corrupt: 'skip',
      check: 'names',
      onSkip: ({ message }) => reported.push(message),
    })
    expect(data.files).toHaveLength(16)
    const augment = compose([randomResizedCrop({ size: 16 }), mixup()])
    const loader = createLoader(subsetOf(data), { batchSize: 4, seed: 1, augment })
    const first = await epochOf(loader)
    expect(first.map(({ labels }) => labels.length)).toEqual([8, 8, 8, 8])
    expect(reported).toHaveLength(4)
    for (const name of ['fake.jpg', 'empty.png', 'link.png', 'a-cut.jpeg']) {
      expect(reported.filter(message => message.includes(name))).toHaveLength(1)
    }
    expect(await epochOf(createLoader(subsetOf(data), { batchSize: 4, seed: 1, augment }))).toEqual(first)
    // That was another loader; this one has reported all of them.
    await epochOf(loader, 2)
    expect(reported).toHaveLength(8)
    // Without mixing, every image still has the label of what is on it.
    for (const { images, labels } of await epochOf(createLoader(subsetOf(data), { batchSize: 4, seed: 1 }))) {
      labels.forEach((label, k) => {
        expect(images[k * 768]! < 100 ? 0 : 1).toBe(label)
      })
    }
  })

  it('when all are broken, says so', async () => {
    const { path } = folder
    const data = await imageFolder(path, { shape, corrupt: 'skip', check: 'names' })
    for (const file of data.files) {
      rmSync(join(path, file))
      writeFileSync(join(path, file), 'gone')
    }
    const loader = createLoader(subsetOf(data), { batchSize: 4, seed: 1 })
    await expect(epochOf(loader)).rejects.toThrow(/too many images in a row cannot be read/)
  })
})

describe('the classes of a further folder', () => {
  it('are found by name, not by place, and may have no folder or no pictures', async () => {
    const val = join(folder.path, 'val')
    await writePicture(join(val, 'light', 'a.png'), 20, 20, 200)
    mkdirSync(join(val, 'dim'))
    const data = await imageFolder(val, { shape, classes: ['dark', 'dim', 'light'] })
    expect(data.classes).toEqual(['dark', 'dim', 'light'])
    expect([...data.labels]).toEqual([2])
  })

  it('are refused when there are others, or no pictures at all', async () => {
    const val = join(folder.path, 'val')
    mkdirSync(join(val, 'dark'), { recursive: true })
    await expect(imageFolder(val, { shape, classes: ['dark', 'light'] })).rejects.toThrow(/val: has no pictures/)
    await writePicture(join(val, 'dog', 'a.png'), 20, 20, 200)
    await expect(imageFolder(val, { shape, classes: ['dark', 'light'] })).rejects.toThrow(
      /val\/dog: is not among the classes \(dark, light\)$/,
    )
  })

  // Systems differ in how they write é: as one character (NFC), or as e and an accent (NFD).
  const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301']

  it('are the same when their letters are composed in another way', async () => {
    const [train, val] = [join(folder.path, 'train'), join(folder.path, 'val')]
    await writePicture(join(train, decomposed, 'a.png'), 20, 20, 200)
    await writePicture(join(train, 'bar', 'a.png'), 20, 20, 200)
    await writePicture(join(val, composed, 'a.png'), 20, 20, 200)
    const { classes, files } = await imageFolder(train, { shape })
    expect(classes).toEqual(['bar', composed])
    expect(files[1]).toBe(join(decomposed, 'a.png'))
    expect([...(await imageFolder(val, { shape, classes })).labels]).toEqual([1])
    expect([...(await imageFolder(val, { shape, classes: ['bar', decomposed] })).labels]).toEqual([1])
  })

  it('are not two in one folder', async () => {
    const both = join(folder.path, 'both')
    await writePicture(join(both, composed, 'a.png'), 20, 20, 200)
    await writePicture(join(both, decomposed, 'a.png'), 20, 20, 200)
    await expect(imageFolder(both, { shape })).rejects.toThrow(
      `both/${composed}: two sub-folders have this name; they differ only in how its letters are composed`,
    )
  })

  it('that differ in upper and lower case are two', async () => {
    const cased = join(folder.path, 'cased')
    await writePicture(join(cased, 'Dark', 'a.png'), 20, 20, 200)
    await writePicture(join(cased, 'dark', 'a.png'), 20, 20, 200)
    expect((await imageFolder(cased, { shape })).classes).toEqual(['Dark', 'dark'])
  })
})

describe('refuses', () => {
  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['a missing folder', () => imageFolder('nowhere', { shape }), /nowhere: no such folder/],
    [
      'a file',
      () => imageFolder(join(folder.path, 'dark/0.png'), { shape }),
      /0\.png: is a file, expected a folder of classes/,
    ],
    [
      'a folder without sub-folders',
      () => imageFolder(join(folder.path, 'dark/deep/er'), { shape }),
      /has no sub-folders; expected one for each class/,
    ],
    [
      'a class without a folder, where it is to be trained on',
      () => imageFolder(folder.path, { shape, classes: ['dark', 'light', 'dim'], emptyClasses: 'refuse' }),
      /dim: the class has no pictures/,
    ],
    [
      'a class of which nothing is a picture',
      () => {
        mkdirSync(join(folder.path, 'dim'))
        for (const name of ['a.heic', 'b.heic', 'c.txt']) writeFileSync(join(folder.path, 'dim', name), '')
        return imageFolder(folder.path, { shape })
      },
      /dim: the class has no pictures, only 3 files that are not pictures \(\.heic, \.txt\)/,
    ],
    [
      'a folder of no class, naming one that differs in upper and lower case',
      () => imageFolder(folder.path, { shape, classes: ['Dark', 'light'] }),
      /dark: is not among the classes \(Dark, light\); Dark differs from it in upper and lower case only/,
    ],
    ['a class twice', () => imageFolder(folder.path, { shape, classes: ['dark', 'dark'] }), /classes has dark twice/],
    ['two channels', () => imageFolder(folder.path, { shape: [8, 8, 2] }), /1 or 3 channels, the shape has 2/],
    [
      'a side that is too short',
      () => imageFolder(folder.path, { shape, shorterSide: 12 }),
      /shorterSide \(=12\) must be at least 16/,
    ],
    [
      'too many pixels',
      () => imageFolder(folder.path, { shape, maxPixels: 610 }),
      /640 pixels are over the limit|660 pixels|\d+ × \d+ pixels are over the limit/,
    ],
  ])('%s', async (_, run, message) => {
    await expect(run()).rejects.toThrow(message)
  })

  it('a pipeline that ends in another size', async () => {
    const data = await imageFolder(folder.path, { shape })
    const loader = createLoader(subsetOf(data), { batchSize: 4, seed: 1, augment: compose([horizontalFlip()]) })
    await expect(epochOf(loader)).rejects.toThrow(
      /augmentation made a picture of \[\d+, \d+, 3\], the model takes \[16, 16, 3\]/,
    )
  })
})
