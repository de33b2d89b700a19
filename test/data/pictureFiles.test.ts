/** Picture files of every kind, decoded to the last bit as Pillow decodes them, and damaged ones refused as it refuses them. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { type RasterShape, raster } from '../../src/augment/raster.ts'
import { resize } from '../../src/augment/resample.ts'
import { ImageError } from '../../src/data/errors.ts'
import { checkImage, decodeRaster, prepareImage } from '../../src/data/image.node.ts'
import { formatOf } from '../../src/data/pictureFile.ts'
import { prepareRaster } from '../../src/data/prepare.ts'

interface PictureFixture {
  readonly name: string
  readonly file: string
  readonly height: number
  readonly width: number
  readonly color: string
  readonly gray: string
}

/** Where, how many bytes are taken out, which are put in. */
type Edit = readonly [at: number, remove: number, insert: readonly number[]]

interface Damaged {
  readonly name: string
  readonly file: string
  readonly edits: readonly { readonly edit: Edit; readonly verdict: string }[]
}

const fixtures = JSON.parse(readFileSync(new URL('../fixtures/pillow/pictures.json', import.meta.url), 'utf8')) as {
  readonly files: readonly PictureFixture[]
  readonly damaged: readonly Damaged[]
}

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))
/** Whether a format is decoded here, not by `sharp`. */
const isOwn = ({ file }: PictureFixture): boolean => formatOf(bytesOf(file)) !== undefined

describe('the pixels of Pillow', () => {
  it.each(fixtures.files.map(file => [file.name, file] as const))('%s', async (name, picture) => {
    const source = { name, bytes: bytesOf(picture.file) }
    const { height, width } = picture
    const color = await decodeRaster(source, { channels: 3 })
    expect(color).toEqual(raster(bytesOf(picture.color), [height, width, 3]))
    const gray = await decodeRaster(source, { channels: 1 })
    expect(gray).toEqual(raster(bytesOf(picture.gray), [height, width, 1]))
  })

  it.each(['color alpha.png', 'gray.jpg', 'inks.tif', 'palette, as Pillow writes it.bmp', 'raw to 100.ppm'])(
    'at another size, too, alpha laid on white first: %s',
    async name => {
      const { file, color, height, width } = fixtures.files.find(given => given.name === name)!
      const whole = raster(bytesOf(color), [height, width, 3])
      for (const shorterSide of [4, 18, 25]) {
        const found = await decodeRaster({ name, bytes: bytesOf(file) }, { channels: 3, shorterSide })
        expect(found).toEqual(resize(whole, shorterSide, Math.trunc((shorterSide * width) / height)))
      }
    },
  )
})

describe('a ramp of eight levels', () => {
  const levels = Uint8Array.from({ length: 64 * 3 }, (_, i) => 32 * (Math.floor(i / 3) % 8))
  /** Pillow's bilinear: a quarter and three quarters between neighbors, the border as it is. No shift. */
  const doubled = [0, 8, 24, 40, 56, 72, 88, 104, 120, 136, 152, 168, 184, 200, 216, 224]

  it.each<[string, () => Promise<Uint8Array> | Uint8Array]>([
    ['decodeRaster', async () => (await decodeRaster(await file(), { channels: 3, shorterSide: 16 })).pixels],
    ['prepareImage', async () => prepareImage(await file(), [16, 16, 3])],
    ['prepareRaster', () => prepareRaster('ramp', raster(levels, [8, 8, 3]), [16, 16, 3])],
    ['resize', () => resize(raster(levels, [8, 8, 3]), 16, 16).pixels],
  ])('is enlarged by %s as Pillow enlarges it', async (_, enlarge) => {
    const expected = Array.from({ length: 16 }, () => doubled.flatMap(level => [level, level, level])).flat()
    expect([...(await enlarge())]).toEqual(expected)
  })

  const file = async () => ({
    name: 'ramp.png',
    bytes: await sharp(levels, { raw: { width: 8, height: 8, channels: 3 } })
      .png()
      .toBuffer(),
  })
})

describe('the input of a model', () => {
  it.each<[number, RasterShape]>([
    [1, [8, 5, 1]],
    [2, [8, 5, 3]],
    [3, [5, 30, 3]],
    [4, [20, 20, 1]],
    [4, [28, 28, 1]],
  ])('of a picture with %i channels is the same from a file and from pixels: %j', async (channels, shape) => {
    const pixels = Uint8Array.from({ length: 40 * 31 * channels }, (_, i) => (i * 2654435761) >>> 24)
    const bytes = await sharp(pixels, { raw: { width: 31, height: 40, channels: channels as 1 | 2 | 3 | 4 } })
      .png()
      .toBuffer()
    const fromFile = await prepareImage({ name: 'noise.png', bytes }, shape)
    expect(prepareRaster('noise', raster(pixels, [40, 31, channels]), shape)).toEqual(fromFile)
  })

  it('is refused when its shorter side would leave it uncovered, or there is no such picture', () => {
    const image = raster(new Uint8Array(60), [4, 5, 3])
    expect(() => prepareRaster('small', image, [8, 8, 3], { shorterSide: 6 })).toThrow(
      'small: shorterSide 6: cannot cut 8 × 8 from a picture of 6 × 7',
    )
    expect(() => prepareRaster('deep', raster(new Uint8Array(100), [4, 5, 5]), [8, 8, 3])).toThrow(
      'deep: the picture has 5 channels, expected 1 (gray), 2 (gray, alpha), 3 (color) or 4 (color, alpha)',
    )
  })
})

describe('damaged JPEGs', () => {
  it.each(fixtures.damaged.map(damaged => [damaged.name, damaged] as const))(
    '%s: are refused where Pillow refuses, and read to the same pixels where it reads',
    async (_, { file, edits }) => {
      const whole = bytesOf(file)
      const otherVerdicts: Edit[] = []
      for (const { edit, verdict } of edits) {
        const [at, remove, insert] = edit
        const found = await verdictOf(
          Uint8Array.from([...whole.subarray(0, at), ...insert, ...whole.subarray(at + remove)]),
        )
        if (found === 'refused' || verdict === 'refused') {
          if (found !== verdict) otherVerdicts.push(edit)
        } else expect(found, JSON.stringify(edit)).toBe(verdict)
      }
      // libvips reads on past a few markers that Pillow's libjpeg takes for the end of a broken stream, and gives up earlier
      // where intervals between restarts are missing. Files that are merely cut off get the same verdict.
      expect(otherVerdicts.length / edits.length).toBeLessThan(0.015)
      expect(otherVerdicts.filter(([at, remove]) => at + remove >= whole.length)).toEqual([])
    },
  )

  async function verdictOf(bytes: Uint8Array): Promise<string> {
    try {
      const { pixels } = await decodeRaster({ name: 'damaged', bytes }, { channels: 3 })
      return createHash('sha1').update(pixels).digest('hex')
    } catch (error) {
      expect(error).toBeInstanceOf(ImageError)
      return 'refused'
    }
  }
})

describe('files that are decoded here', () => {
  const own = fixtures.files.filter(isOwn)

  it('are BMP, PBM, PGM and PPM', () => {
    expect(new Set(own.map(({ name }) => name.split('.').at(-1)))).toEqual(new Set(['bmp', 'pbm', 'pgm', 'ppm']))
  })

  it.each(own.map(file => [file.name, file] as const))('are refused when cut off: %s', async (name, { file }) => {
    const bytes = bytesOf(file)
    const decode = (length: number) => decodeRaster({ name, bytes: bytes.subarray(0, length) }, { channels: 3 })
    // Rows of bitmaps are filled up to four bytes, of which the last row's may be missing; pixmaps may lack the end of
    // their last number or comment.
    for (let length = 1; length < bytes.length - 12; length += 7) {
      await expect(decode(length), `${length} bytes`).rejects.toThrow(ImageError)
    }
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['a header of another size', header({ size: 16 }), /x: BMP with a header of 16 bytes is not read/],
    ['bits that do not exist', header({ bits: 7 }), /x: BMP with 7 bits a pixel and compression 0 is not read/],
    ['a JPEG inside', header({ compression: 4 }), /x: BMP with 24 bits a pixel and compression 4 is not read/],
    ['no pixels', header({ width: 0 }), /x: BMP of 0 × 4 pixels/],
    ['too many pixels', header({ width: 1e6, height: 1e6 }), /x: 1000000 × 1000000 pixels are over the limit/],
    ['nothing behind the header', header({}), /x: cannot be decoded, it is truncated or broken: the BMP ends/],
    ['no number', text('P5 7 x 255\n'), /x: the pixmap has 'x' where a number is expected/],
    ['no values', text('P5 7 5 0\n'), /x: pixmap of 7 × 5 pixels with values up to 0/],
    ['a value that is too large', text('P2 1 1 7 8'), /x: the pixmap has a value above 7/],
    ['a bit that is none', text('P1 2 1 12'), /x: the pixmap has 2 where 0 or 1 is expected/],
    ['nothing but a header', text('P6 7 5 255\n'), /x: cannot be decoded, it is truncated or broken: the pixmap ends/],
  ])('are refused with %s', async (_, bytes, message) => {
    const attempt = decodeRaster({ name: 'x', bytes }, { channels: 3 })
    await expect(attempt).rejects.toThrow(ImageError)
    await expect(attempt).rejects.toThrow(message)
  })

  it('have their size checked without being decoded', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fovea-pictures-'))
    try {
      const path = join(folder, 'vast.bmp')
      writeFileSync(path, header({ width: 20_000, height: 20_000 }))
      await expect(checkImage(path)).rejects.toThrow(/20000 × 20000 pixels are over the limit of 100 million/)
      writeFileSync(path, bytesOf(own[0]!.file))
      await checkImage(path)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

const text = (contents: string): Uint8Array => new TextEncoder().encode(contents)

/** A bitmap of 5 × 4 pixels, without the pixels. */
function header({ size = 40, width = 5, height = 4, bits = 24, compression = 0 }): Uint8Array {
  const view = new DataView(new ArrayBuffer(54))
  view.setUint16(0, 0x4d42, true)
  view.setUint32(10, 54, true)
  view.setUint32(14, size, true)
  view.setInt32(18, width, true)
  view.setInt32(22, height, true)
  view.setUint16(28, bits, true)
  view.setUint32(30, compression, true)
  return new Uint8Array(view.buffer)
}
