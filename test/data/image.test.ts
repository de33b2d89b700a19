/** Pictures of digits in every disguise come back as MNIST has them; files that are no pictures are refused by name. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp, { type SharpOptions } from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compose } from '../../src/augment/compose.ts'
import { centerCrop } from '../../src/augment/crop.ts'
import {
  createLoader,
  type ImageDataset,
  ImageError,
  imageFolder,
  mnist,
  prepareClothing,
  prepareColor,
  prepareDigit,
  prepareGrayDigit,
  prepareImage,
  subsetOf,
} from '../../src/data/index.node.ts'
import { writePicture } from './pictures.ts'

const side = 28
let digits: ImageDataset
let folder: string
beforeAll(async () => {
  digits = (await mnist()).test
  folder = mkdtempSync(join(tmpdir(), 'fovea-image-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const digit = (index: number) => digits.images.slice(index * side * side, (index + 1) * side * side)
const negative = (pixels: Uint8Array) => pixels.map(value => 255 - value)
const gray = (pixels: Uint8Array) => sharp(pixels, { raw: { width: side, height: side, channels: 1 } })
const prepared = (bytes: Uint8Array, options = {}) => prepareDigit({ name: 'picture', bytes }, options)

/** Correlation of two pictures [28, 28], the second moved by (dx, dy). */
function correlation(a: Uint8Array, b: Uint8Array, dx: number, dy: number): number {
  let [count, sumA, sumB, sumAB, sumAA, sumBB] = [0, 0, 0, 0, 0, 0]
  for (let y = 1; y < side - 1; y++) {
    for (let x = 1; x < side - 1; x++) {
      const p = a[y * side + x]!
      const q = b[(y + dy) * side + x + dx]!
      count++
      sumA += p
      sumB += q
      sumAB += p * q
      sumAA += p * p
      sumBB += q * q
    }
  }
  const covariance = sumAB - (sumA * sumB) / count
  return covariance / Math.sqrt((sumAA - sumA ** 2 / count) * (sumBB - sumB ** 2 / count))
}

/** Likeness up to one pixel of position: the center of mass is placed by whole pixels. */
function likeness(a: Uint8Array, b: Uint8Array): number {
  const shifts = [-1, 0, 1]
  return Math.max(...shifts.flatMap(dx => shifts.map(dy => correlation(a, b, dx, dy))))
}

describe('a picture of 28 × 28 pixels is used as it is', () => {
  const index = 4

  it.each<[string, (pixels: Uint8Array) => Promise<Buffer>]>([
    ['gray PNG', pixels => gray(pixels).toColourspace('b-w').png().toBuffer()],
    ['color PNG', pixels => gray(pixels).toColourspace('srgb').png().toBuffer()],
    ['palette PNG', pixels => gray(pixels).png({ palette: true }).toBuffer()],
    ['opaque PNG with alpha', pixels => gray(pixels).toColourspace('srgb').ensureAlpha().png().toBuffer()],
    ['lossless WebP', pixels => gray(pixels).webp({ lossless: true }).toBuffer()],
    ['TIFF', pixels => gray(pixels).tiff({ compression: 'lzw' }).toBuffer()],
    ['GIF', pixels => gray(pixels).gif().toBuffer()],
    [
      '16-bit PNG',
      pixels =>
        sharp(
          Uint16Array.from(pixels, value => value * 257),
          {
            raw: { width: side, height: side, channels: 1, depth: 'ushort' },
          } as SharpOptions,
        )
          .toColourspace('grey16')
          .png()
          .toBuffer(),
    ],
  ])('%s, light or dark strokes', async (_format, encode) => {
    expect(await prepared(await encode(digit(index)))).toEqual(digit(index))
    expect(await prepared(await encode(negative(digit(index))))).toEqual(digit(index))
  })

  it('and JPEG, as nearly as JPEG keeps it', async () => {
    const result = await prepared(
      await gray(negative(digit(index)))
        .jpeg({ quality: 95 })
        .toBuffer(),
    )
    expect(correlation(result, digit(index), 0, 0)).toBeGreaterThan(0.99)
  })

  it('unless its polarity is stated', async () => {
    const png = await gray(digit(index)).png().toBuffer()
    expect(await prepared(png, { invert: false })).toEqual(digit(index))
    const dark = await gray(negative(digit(index)))
      .png()
      .toBuffer()
    expect(await prepared(dark, { invert: true })).toEqual(digit(index))
    await expect(prepared(dark, { invert: false })).rejects.toThrow(/no strokes found/)
  })

  it('upright when EXIF says it lies on its side', async () => {
    const onItsSide = await gray(negative(digit(index)))
      .rotate(270)
      .toColourspace('b-w')
      .raw()
      .toBuffer()
    const jpeg = await gray(onItsSide).jpeg({ quality: 95 }).withMetadata({ orientation: 6 }).toBuffer()
    expect(correlation(await prepared(jpeg), digit(index), 0, 0)).toBeGreaterThan(0.99)
  })

  it('drawn on transparency, in black or in white', async () => {
    const drawn = (ink: number) => {
      const rgba = new Uint8Array(side * side * 4)
      for (const [i, level] of digit(index).entries()) rgba.set([ink, ink, ink, level], 4 * i)
      return sharp(rgba, { raw: { width: side, height: side, channels: 4 } })
        .png()
        .toBuffer()
    }
    for (const ink of [0, 255]) {
      const result = await prepared(await drawn(ink))
      expect(
        result.every((value, i) => Math.abs(value - digit(index)[i]!) <= 1),
        `ink ${ink}`,
      ).toBe(true)
    }
  })
})

describe('a picture of any other size is brought to the size and place of MNIST', () => {
  it.each<[string, least: number, (pixels: Uint8Array) => Promise<Buffer>]>([
    [
      '7 times as large, dark on light, JPEG',
      0.9,
      async pixels => gray(negative(pixels)).resize(196, 196, { kernel: 'lanczos3' }).jpeg({ quality: 80 }).toBuffer(),
    ],
    ['40 times as large', 0.9, async pixels => gray(pixels).resize(1120, 1120, { kernel: 'cubic' }).png().toBuffer()],
    [
      'of pale ink on gray paper',
      0.9,
      async pixels =>
        sharp(await gray(negative(pixels)).resize(300, 300).png().toBuffer())
          .linear(0.4, 60)
          .jpeg({ quality: 60 })
          .toBuffer(),
    ],
    [
      'in the corner of a wide sheet',
      0.97,
      async pixels =>
        sharp(await gray(negative(pixels)).png().toBuffer())
          .extend({ top: 3, left: 5, right: 90, bottom: 50, background: '#ffffff' })
          .png()
          .toBuffer(),
    ],
    [
      'red on yellow',
      0.9,
      async pixels => {
        const rgb = new Uint8Array(pixels.length * 3)
        for (const [i, level] of pixels.entries()) rgb.set([255 - level / 4, 240 - level * 0.9, 60], 3 * i)
        return sharp(rgb, { raw: { width: side, height: side, channels: 3 } })
          .resize(150, 150)
          .png()
          .toBuffer()
      },
    ],
    ['smaller: 20 pixels', 0.85, async pixels => gray(pixels).resize(20, 20).png().toBuffer()],
  ])('%s', async (_what, least, encode) => {
    for (let index = 0; index < 20; index++) {
      const result = await prepared(await encode(digit(index)))
      expect(result.length).toBe(side * side)
      expect(likeness(result, digit(index)), `digit ${index}`).toBeGreaterThan(least)
    }
  })

  it('keeps the strokes of a thin pen visible', async () => {
    const seven = '<path d="M300 200 L700 200 L450 800" fill="none" stroke="#123" stroke-width="4"/>'
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="1000">${seven}</svg>`
    const result = await prepared(Buffer.from(svg))
    expect(Math.max(...result)).toBe(255)
    expect(result.filter(value => value > 100).length).toBeGreaterThan(20)
  })

  it('keeps the aspect: a vertical line stays one', () => {
    const pixels = new Uint8Array(100 * 300).fill(255)
    for (let y = 50; y < 250; y++) pixels.fill(0, y * 100 + 80, y * 100 + 90)
    const result = prepareGrayDigit({ name: 'line', width: 100, height: 300, pixels })
    const ink = [...result.keys()].filter(i => result[i]! > 0)
    expect(ink.length).toBe(20)
    expect(new Set(ink.map(i => i % side))).toEqual(new Set([14]))
    // Rows 5 … 24: the center of mass of 20 equal rows is at 9.5, and 14.5 is as near to 14 as whole pixels come.
    expect(Math.floor(ink[0]! / side)).toBe(5)
  })
})

describe('a file that shows no digit is refused by name', () => {
  const paper = (width: number, height: number, background = '#fefefe') =>
    sharp({ create: { width, height, channels: 3, background } })
      .png()
      .toBuffer()
  const save = (name: string, bytes: Uint8Array | string) => {
    const path = join(folder, name)
    writeFileSync(path, bytes)
    return path
  }

  it.each<[string, () => Promise<string> | string, RegExp]>([
    ['missing', () => join(folder, 'none.png'), /none\.png: no such file/],
    [
      'a folder',
      () => {
        mkdirSync(join(folder, 'folder.png'))
        return join(folder, 'folder.png')
      },
      /folder\.png: is a folder/,
    ],
    ['empty', () => save('empty.png', ''), /empty\.png: is empty/],
    ['text', () => save('text.png', 'seven'), /text\.png: not an image that can be read/],
    [
      'a truncated PNG',
      async () => save('cut.png', (await gray(digit(0)).resize(200).png().toBuffer()).subarray(0, 1500)),
      /cut\.png: cannot be decoded, it is truncated or broken/,
    ],
    [
      'a truncated JPEG',
      async () => save('cut.jpg', (await gray(digit(0)).resize(400).jpeg().toBuffer()).subarray(0, 3000)),
      /cut\.jpg: cannot be decoded, it is truncated or broken/,
    ],
    ['blank', async () => save('blank.png', await paper(100, 80)), /blank\.png: no strokes found/],
    [
      'blank of 28 × 28',
      async () => save('blank28.png', await paper(side, side, '#000')),
      /blank28\.png: no strokes found/,
    ],
    [
      'blank with noise',
      async () => {
        const noise = Uint8Array.from({ length: 1e4 }, (_, i) => 180 + ((i * 2654435761) % 17))
        return save(
          'noise.png',
          await sharp(noise, { raw: { width: 100, height: 100, channels: 1 } })
            .png()
            .toBuffer(),
        )
      },
      /noise\.png: no strokes found/,
    ],
    [
      'transparent',
      async () =>
        save(
          'clear.png',
          await sharp({ create: { width: 30, height: 30, channels: 4, background: '#0000' } })
            .png()
            .toBuffer(),
        ),
      /clear\.png: no strokes found/,
    ],
    ['one pixel', async () => save('dot.png', await paper(1, 1)), /dot\.png: 1 × 1 pixels are too few/],
    [
      'too large',
      async () => save('large.png', await paper(2000, 1001)),
      /large\.png: 2000 × 1001 pixels are over the limit of 2 million/,
    ],
  ])('%s', async (_what, make, message) => {
    const path = await make()
    const attempt = prepareDigit(path, { maxPixels: 2_000_000 })
    await expect(attempt).rejects.toThrow(ImageError)
    await expect(attempt).rejects.toThrow(message)
  })

  it('has a limit of 100 million pixels by default', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="12000" height="9000"><rect width="5" height="5"/></svg>'
    await expect(prepareDigit(save('vast.svg', svg))).rejects.toThrow(
      /12000 × 9000 pixels are over the limit of 100 million/,
    )
  })
})

describe('a picture of clothes is brought to the size and place of Fashion-MNIST', () => {
  /** Dark trousers, 30 wide and 60 high, on light ground: two legs of different gray. */
  const trousers = (left: number, top: number): Uint8Array => {
    const pixels = new Uint8Array(120 * 100).fill(240)
    for (let y = top; y < top + 60; y++) {
      for (let x = left; x < left + 30; x++) {
        if (y < top + 10 || x < left + 10 || x >= left + 20) pixels[y * 120 + x] = x < left + 15 ? 40 : 140
      }
    }
    return pixels
  }
  const shape = [28, 28, 1] as const
  const read = async (pixels: Uint8Array) => {
    const bytes = await sharp(pixels, { raw: { width: 120, height: 100, channels: 1 } })
      .png()
      .toBuffer()
    return prepareImage({ name: 'trousers', bytes }, shape, { subject: 'clothing' })
  }

  it('28 pixels high, in the middle wherever it was, and as dark as it was', async () => {
    const result = await read(trousers(10, 20))
    expect(await read(trousers(80, 35))).toEqual(result)
    const columns = Array.from({ length: 28 }, (_, x) => Math.max(...result.filter((_, i) => i % 28 === x)))
    // Half as wide as high: 14 columns in the middle.
    expect(columns.map(value => value > 0)).toEqual(columns.map((_, x) => x >= 7 && x < 21))
    // Negated levels above the ground: 240 − 40 and 240 − 140, not stretched to 255.
    expect([result[8], result[27 * 28 + 8], result[19], result[27 * 28 + 19]]).toEqual([200, 200, 100, 100])
    // Between the legs is nothing.
    expect(result[20 * 28 + 13]).toBe(0)
  })

  it('as it is when it has 28 × 28 pixels, apart from polarity', async () => {
    // A gray border around something darker and something lighter: it can be read both ways.
    const inside = (i: number): boolean => i % 28 > 0 && i % 28 < 27 && i > 28 && i < 27 * 28
    const pixels = Uint8Array.from({ length: 784 }, (_, i) => (inside(i) ? (i % 28 < 14 ? 20 + (i % 7) : 240) : 128))
    const bytes = await sharp(pixels, { raw: { width: 28, height: 28, channels: 1 } })
      .png()
      .toBuffer()
    const source = { name: 'small', bytes }
    expect(await prepareClothing(source, { invert: false })).toEqual(pixels)
    expect(await prepareClothing(source, { invert: true })).toEqual(pixels.map(value => 255 - value))
  })

  it('and nothing but paper is refused', async () => {
    await expect(read(new Uint8Array(120 * 100).fill(240))).rejects.toThrow('trousers: no strokes found')
    await expect(prepareImage('any.png', [32, 32, 1], { subject: 'clothing' })).rejects.toThrow(
      'no rule to make clothing into an input of shape [32, 32, 1]: expected [28, 28, 1]',
    )
  })
})

describe('a picture for a model of colored images', () => {
  it('is cut to its center and scaled', async () => {
    // Left third red, middle green, right blue.
    const rgb = new Uint8Array(90 * 30 * 3)
    for (let i = 0; i < 90 * 30; i++) rgb[3 * i + Math.floor((i % 90) / 30)] = 255
    const bytes = await sharp(rgb, { raw: { width: 90, height: 30, channels: 3 } })
      .png()
      .toBuffer()
    const result = await prepareImage({ name: 'stripes', bytes }, [10, 10, 3])
    expect(result.length).toBe(300)
    for (let i = 0; i < 100; i++) {
      expect(result[3 * i + 1], `pixel ${i}`).toBeGreaterThan(i % 10 === 0 || i % 10 === 9 ? 150 : 250)
    }
  })

  it('may be gray, and transparent parts are white', async () => {
    const bytes = await sharp({ create: { width: 9, height: 30, channels: 4, background: '#0000' } })
      .png()
      .toBuffer()
    expect(new Set(await prepareColor({ name: 'clear', bytes }, { height: 4, width: 6 }))).toEqual(new Set([255]))
    const ashes = await gray(new Uint8Array(784).fill(77)).toColourspace('b-w').png().toBuffer()
    expect(await prepareColor({ name: 'ash', bytes: ashes }, { height: 2, width: 2 })).toEqual(
      new Uint8Array(12).fill(77),
    )
  })

  it('may be asked for in gray, and at any size', async () => {
    const rgb = Uint8Array.from({ length: 60 * 30 * 3 }, (_, i) => [90, 90, 90][i % 3]!)
    const bytes = await sharp(rgb, { raw: { width: 60, height: 30, channels: 3 } })
      .png()
      .toBuffer()
    expect(await prepareImage({ name: 'ash', bytes }, [32, 32, 1])).toEqual(new Uint8Array(1024).fill(90))
    const digitSized = await prepareImage({ name: 'ash', bytes }, [28, 28, 1], { subject: 'picture' })
    expect(digitSized).toEqual(new Uint8Array(784).fill(90))
  })

  it('is what evaluation sees of an image folder, when its shorter side is given', async () => {
    const file = join(folder, 'photos', 'one', 'a.jpeg')
    await writePicture(file, 90, 170, 200)
    const photos = await imageFolder(join(folder, 'photos'), { shape: [32, 32, 3] })
    const batch = new Uint8Array(32 * 32 * 3)
    const augment = compose([centerCrop({ size: 32 })])
    await createLoader(subsetOf(photos), { batchSize: 1, shuffle: false, seed: 0, augment }).fill(
      0,
      batch,
      new Int32Array(1),
    )
    const { shorterSide } = photos.decoding
    expect(shorterSide).toBe(37)
    expect(await prepareImage(file, [32, 32, 3], { shorterSide })).toEqual(batch)
    expect(await prepareImage(file, [32, 32, 3])).not.toEqual(batch)
  })

  it('of another shape is refused', async () => {
    await expect(prepareImage('any.png', [32, 32, 2])).rejects.toThrow(
      'no rule to make a picture into an input of shape [32, 32, 2]: expected [H, W, 1] or [H, W, 3]',
    )
  })
})
