/**
 * Pictures from files, of any size, color and format that `sharp` decodes (PNG, JPEG, WebP, GIF, TIFF, AVIF, SVG), as the
 * bytes `[height, width, channels]` a model takes. `sharp` is loaded when the first picture is, not when this module is:
 * it takes longer to load than everything else together.
 */
import { readFile, stat } from 'node:fs/promises'
import { centerCropOf } from '../augment/crop.ts'
import type { Raster } from '../augment/raster.ts'
import { prepareGrayClothing } from './clothing.ts'
import { type DigitOptions, digitSide, type GrayImage, prepareGrayDigit } from './digit.ts'
import { ImageError } from './errors.ts'

/** Limits on what is read. */
export interface ImageLimits {
  /** Largest number of pixels (width × height) that is decoded, 100 million by default. */
  readonly maxPixels?: number
}

/** A file's path, or its contents with a name for error messages. */
export type ImageSource = string | { readonly name: string; readonly bytes: Uint8Array }

/**
 * The picture of a digit as a model's input `[28, 28, 1]`; {@link prepareGrayDigit} states the rules of polarity, size and
 * place. Rotation by EXIF is undone; transparent parts count as white paper, or as black when nothing shows on white.
 *
 * @throws ImageError when the file is no usable picture, or shows no strokes.
 *
 * @example
 * const input = await prepareDigit('digit.png') // 784 bytes
 */
export async function prepareDigit(source: ImageSource, options: DigitOptions & ImageLimits = {}): Promise<Uint8Array> {
  return prepareObject(source, options, prepareGrayDigit)
}

/**
 * The picture of a piece of clothing as the input `[28, 28, 1]` of a model of Fashion-MNIST; otherwise as {@link prepareDigit}.
 *
 * @throws ImageError when the file is no usable picture, or nothing is to be seen on it.
 */
export async function prepareClothing(
  source: ImageSource,
  options: DigitOptions & ImageLimits = {},
): Promise<Uint8Array> {
  return prepareObject(source, options, prepareGrayClothing)
}

/**
 * A picture as the input `[height, width, 3]` of a model of colored images: scaled so that it covers the input while
 * keeping its aspect, then cut to its center. Transparent parts become white.
 *
 * @throws ImageError when the file is no usable picture.
 */
export async function prepareColor(
  source: ImageSource,
  size: { readonly height: number; readonly width: number },
  limits: ImageLimits = {},
): Promise<Uint8Array> {
  return cover(source, [size.height, size.width, 3], limits)
}

/** How {@link prepareImage} reads a picture. */
export interface PrepareOptions extends DigitOptions, ImageLimits {
  /**
   * What is on it: a `digit` ({@link prepareDigit}), `clothing` ({@link prepareClothing}), or anything: a `picture`, which is
   * scaled so that it covers the input and cut to its center. By default inputs `[28, 28, 1]` are digits, all others pictures.
   */
  readonly subject?: 'digit' | 'clothing' | 'picture'
  /**
   * Of a `picture`: its shorter side is scaled to so many pixels before the center is cut out, as image folders are read
   * for evaluation; by default no more is cut than the aspect demands.
   */
  readonly shorterSide?: number
}

/**
 * A picture as the input of a model.
 *
 * @throws ImageError when the file is no usable picture, or there is no rule for such an input.
 */
export async function prepareImage(
  source: ImageSource,
  shape: readonly [height: number, width: number, channels: number],
  options: PrepareOptions = {},
): Promise<Uint8Array> {
  const [height, width, channels] = shape
  const isDigitSize = channels === 1 && height === digitSide && width === digitSide
  const { subject = isDigitSize ? 'digit' : 'picture', shorterSide } = options
  if (subject !== 'picture' && isDigitSize) {
    return subject === 'digit' ? prepareDigit(source, options) : prepareClothing(source, options)
  }
  if (subject !== 'picture' || (channels !== 1 && channels !== 3)) {
    const expected = subject === 'picture' ? '[H, W, 1] or [H, W, 3]' : '[28, 28, 1]'
    const what = subject === 'clothing' ? subject : `a ${subject}`
    throw new ImageError(`no rule to make ${what} into an input of shape [${shape.join(', ')}]: expected ${expected}`)
  }
  if (shorterSide === undefined) return cover(source, [height, width, channels], options)
  return centerCropOf(await decodeRaster(source, { ...options, channels, shorterSide }), height, width).pixels
}

/** How {@link decodeRaster} gives a picture. */
export interface DecodeOptions extends ImageLimits {
  /** 1 for gray, 3 for color. */
  readonly channels: number
  /** Pixels of the shorter side; the size of the file when absent. */
  readonly shorterSide?: number
}

/**
 * A picture at its own aspect: upright, 8 bits a channel, sRGB or gray, transparent parts white. JPEGs are decoded at a
 * fraction of their size when that is enough, which is several times faster.
 *
 * @throws ImageError when the file is no usable picture; RangeError for channels other than 1 and 3.
 */
export async function decodeRaster(source: ImageSource, options: DecodeOptions): Promise<Raster> {
  const { channels, shorterSide } = options
  if (channels !== 1 && channels !== 3) throw new RangeError(`decode: channels (=${channels}) must be 1 or 3`)
  const picture = await openImage(source, options)
  const { width, height, pixels } = await decode(picture, '#ffffff', image => {
    const size = { width: shorterSide, height: shorterSide, fit: 'outside', kernel: 'linear' } as const
    return (shorterSide === undefined ? image : image.resize(size)).toColourspace(channels === 1 ? 'b-w' : 'srgb')
  })
  if (pixels.length !== width * height * channels) {
    throw new ImageError(`${picture.name}: has ${pixels.length / (width * height)} channels, expected ${channels}`)
  }
  return { width, height, channels, pixels }
}

/** Reads the header of a picture. @throws ImageError when the file is none, empty, or over the limit of pixels. */
export async function checkImage(path: string, limits: ImageLimits = {}): Promise<void> {
  const { size } = await stat(path).catch((error: Error) => {
    throw new ImageError(`${path}: cannot be read: ${error.message}`)
  })
  if (size === 0) throw new ImageError(`${path}: is empty (0 bytes)`)
  const { default: sharp } = await import('sharp')
  const { width, height } = await sharp(path, { limitInputPixels: false })
    .metadata()
    .catch((error: Error) => {
      throw new ImageError(`${path}: not an image that can be read: ${reason(error)}`)
    })
  const { maxPixels = defaultMaxPixels } = limits
  if (width * height > maxPixels) {
    throw new ImageError(`${path}: ${width} × ${height} pixels are over the limit of ${maxPixels / 1e6} million`)
  }
}

async function prepareObject(
  source: ImageSource,
  options: DigitOptions & ImageLimits,
  prepare: (image: GrayImage, options: DigitOptions) => Uint8Array,
): Promise<Uint8Array> {
  const picture = await openImage(source, options)
  try {
    return prepare(await decodeGray(picture, '#ffffff'), options)
  } catch (error) {
    if (!(error instanceof ImageError && picture.hasAlpha)) throw error
    return prepare(await decodeGray(picture, '#000000'), options)
  }
}

/** Scaled to cover the input, cut to its center. */
async function cover(
  source: ImageSource,
  [height, width, channels]: readonly [height: number, width: number, channels: 1 | 3],
  limits: ImageLimits,
): Promise<Uint8Array> {
  const picture = await openImage(source, limits)
  const { pixels } = await decode(picture, '#ffffff', image =>
    image
      .resize({ height, width, fit: 'cover', position: 'centre', kernel: 'linear' })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb'),
  )
  return pixels
}

/** Largest file that is read at all. */
const maxFileBytes = 2 ** 30
const defaultMaxPixels = 100_000_000

type Sharp = import('sharp').Sharp

interface Picture {
  readonly name: string
  readonly hasAlpha: boolean
  /** A fresh pipeline on the same bytes. */
  readonly open: () => Sharp
}

/** Reads a file and its header; everything that can be said about it before decoding is said here. */
async function openImage(source: ImageSource, { maxPixels = defaultMaxPixels }: ImageLimits): Promise<Picture> {
  const { name, bytes } = typeof source === 'string' ? { name: source, bytes: await readPicture(source) } : source
  if (bytes.length === 0) throw new ImageError(`${name}: is empty (0 bytes)`)
  const { default: sharp } = await import('sharp')
  const { width, height, hasAlpha } = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch((error: Error) => {
      throw new ImageError(
        `${name}: not an image that can be read (PNG, JPEG, WebP, GIF, TIFF, AVIF or SVG): ${reason(error)}`,
      )
    })
  if (width * height > maxPixels) {
    throw new ImageError(`${name}: ${width} × ${height} pixels are over the limit of ${maxPixels / 1e6} million`)
  }
  return { name, hasAlpha, open: () => sharp(bytes, { limitInputPixels: maxPixels }) }
}

async function readPicture(path: string): Promise<Uint8Array> {
  try {
    const about = await stat(path)
    if (about.isDirectory()) throw new ImageError(`${path}: is a folder, expected an image file`)
    if (!about.isFile()) throw new ImageError(`${path}: is not a regular file`)
    if (about.size > maxFileBytes)
      throw new ImageError(`${path}: ${about.size} bytes are over the limit of ${maxFileBytes}`)
    return await readFile(path)
  } catch (error) {
    if (error instanceof ImageError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new ImageError(code === 'ENOENT' ? `${path}: no such file` : `${path}: cannot be read: ${message}`)
  }
}

async function decodeGray(picture: Picture, paper: string): Promise<GrayImage> {
  return decode(picture, paper, image => image.toColourspace('b-w'))
}

/** Decodes to 8 bits a channel, upright, on paper of a color. */
async function decode(picture: Picture, paper: string, convert: (image: Sharp) => Sharp): Promise<GrayImage> {
  const { name } = picture
  const upright = picture.open().autoOrient().flatten({ background: paper })
  try {
    const { data, info } = await convert(upright).raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
    const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length)
    return { name, width: info.width, height: info.height, pixels }
  } catch (error) {
    throw new ImageError(`${name}: cannot be decoded, it is truncated or broken: ${reason(error as Error)}`)
  }
}

/** The first line of a decoder's message. */
const reason = (error: Error) => error.message.split('\n')[0]!
