/**
 * Pictures from files, of any size, color and format, as the bytes `[height, width, channels]` a model takes. `sharp`
 * decodes JPEG, PNG, WebP, GIF, TIFF, AVIF and SVG; BMP and PBM, PGM, PPM are decoded here. All else, from alpha to
 * size, is done by the same code as on a page. `sharp` is loaded with the first picture, not with this module: it takes
 * longer to load than everything else together.
 */
import type { Stats } from 'node:fs'
import { type FileHandle, open, readFile, stat } from 'node:fs/promises'
import type { Raster } from '../augment/raster.ts'
import { resizeShorterSide } from '../augment/resize.ts'
import { fromInks, withChannels } from './channels.ts'
import { type DigitOptions, digitSide } from './digit.ts'
import { ImageError } from './errors.ts'
import { formatOf } from './pictureFile.ts'
import { type InputShape, type PrepareOptions, prepareRaster, subjectOf } from './prepare.ts'
import { loadSharp } from './sharp.node.ts'

/** Limits on files that are read. */
export interface ImageLimits {
  /** Largest number of pixels (width × height) that is decoded, 100 million by default. */
  readonly maxPixels?: number
}

/** A file's path, or its contents with a name for error messages. */
export type ImageSource = string | { readonly name: string; readonly bytes: Uint8Array }

/**
 * A picture as the input of a model; {@link prepareRaster} says how. Rotation by EXIF is undone, color profiles are
 * ignored.
 *
 * @throws ImageError when the file is not a usable picture, or no rule exists for such an input.
 */
export async function prepareImage(
  source: ImageSource,
  shape: InputShape,
  options: PrepareOptions & ImageLimits = {},
): Promise<Uint8Array> {
  subjectOf(shape, options)
  const { name, decode } = await openImage(source, options)
  return prepareRaster(name, await decode(), shape, options)
}

/**
 * The picture of a digit as a model's input `[28, 28, 1]`; `prepareGrayDigit` states the rules of polarity, size and
 * place.
 *
 * @throws ImageError when the file is not a usable picture, or shows no strokes.
 *
 * @example
 * const input = await prepareDigit('digit.png') // 784 bytes
 */
export const prepareDigit = (source: ImageSource, options: DigitOptions & ImageLimits = {}): Promise<Uint8Array> =>
  prepareImage(source, [digitSide, digitSide, 1], { ...options, subject: 'digit' })

/**
 * The picture of a piece of clothing as the input `[28, 28, 1]` of a model of Fashion-MNIST; otherwise as
 * {@link prepareDigit}.
 *
 * @throws ImageError when the file is not a usable picture, or shows nothing.
 */
export const prepareClothing = (source: ImageSource, options: DigitOptions & ImageLimits = {}): Promise<Uint8Array> =>
  prepareImage(source, [digitSide, digitSide, 1], { ...options, subject: 'clothing' })

/**
 * A picture as the input `[height, width, 3]` of a model of colored images: scaled so that it covers the input while
 * keeping its aspect, then cut to its center. Transparent parts become white.
 *
 * @throws ImageError when the file is not a usable picture.
 */
export const prepareColor = (
  source: ImageSource,
  size: { readonly height: number; readonly width: number },
  limits: ImageLimits = {},
): Promise<Uint8Array> => prepareImage(source, [size.height, size.width, 3], { ...limits, subject: 'picture' })

/** Options of {@link decodeRaster}. */
export interface DecodeOptions extends ImageLimits {
  /** 1 for gray, 3 for color. */
  readonly channels: number
  /** Pixels of the shorter side; the size in the file when absent. */
  readonly shorterSide?: number
}

/**
 * A picture at its own aspect: upright, 8 bits a channel, color or gray, transparent parts white.
 *
 * @throws ImageError when the file is not a usable picture; RangeError for channels other than 1 and 3.
 */
export async function decodeRaster(source: ImageSource, options: DecodeOptions): Promise<Raster> {
  const { channels, shorterSide } = options
  if (channels !== 1 && channels !== 3) throw new RangeError(`decode: channels (=${channels}) must be 1 or 3`)
  const { decode } = await openImage(source, options)
  const picture = withChannels(await decode(), channels)
  return shorterSide === undefined ? picture : resizeShorterSide(picture, shorterSide)
}

/**
 * Reads the header of a picture.
 * @throws ImageError when the file is not a picture, is empty, or is over the limit of pixels.
 */
export async function checkImage(path: string, limits: ImageLimits = {}): Promise<void> {
  const head = await firstBytes(path)
  if (head.length === 0) throw new ImageError(`${path}: is empty (0 bytes)`)
  // `sharp` reads only the header of a file; the formats that are decoded here are recognized by their first bytes.
  const format = formatOf(head)
  checkSize(path, format ? format.open(path, await readPicture(path)) : await sharpHeader(path, path), limits)
}

/** Largest file that is read. */
const maxFileBytes = 2 ** 30
const defaultMaxPixels = 100_000_000

interface OpenImage {
  readonly name: string
  /** The pixels, upright: gray or color, with alpha or without. @throws ImageError */
  readonly decode: () => Promise<Raster>
}

/** Reads a file and its header, and makes every check that needs no decoding. */
async function openImage(source: ImageSource, limits: ImageLimits): Promise<OpenImage> {
  const { name, bytes } = typeof source === 'string' ? { name: source, bytes: await readPicture(source) } : source
  if (bytes.length === 0) throw new ImageError(`${name}: is empty (0 bytes)`)
  const file = formatOf(bytes)?.open(name, bytes)
  if (file) {
    checkSize(name, file, limits)
    return { name, decode: async () => file.decode() }
  }
  const header = await sharpHeader(name, bytes)
  checkSize(name, header, limits)
  return { name, decode: () => decodeWithSharp(name, bytes, header) }
}

function checkSize(
  name: string,
  { width, height }: { readonly width: number; readonly height: number },
  { maxPixels = defaultMaxPixels }: ImageLimits,
): void {
  if (width * height <= maxPixels) return
  throw new ImageError(`${name}: ${width} × ${height} pixels are over the limit of ${maxPixels / 1e6} million`)
}

type Metadata = import('sharp').Metadata

async function sharpHeader(name: string, source: string | Uint8Array): Promise<Metadata> {
  const sharp = await loadSharp()
  try {
    return await sharp(source, { limitInputPixels: false, failOn: 'truncated' }).metadata()
  } catch (error) {
    throw new ImageError(
      `${name}: not an image that can be read (JPEG, PNG, WebP, GIF, TIFF, AVIF, SVG, BMP, PBM, PGM or PPM): ${reason(error as Error)}`,
    )
  }
}

async function decodeWithSharp(
  name: string,
  bytes: Uint8Array,
  { format, space, hasAlpha }: Metadata,
): Promise<Raster> {
  const sharp = await loadSharp()
  // Warnings about JPEGs are mostly of no consequence, and Pillow's libjpeg decodes past them to the same pixels; in
  // other formats they mean missing or broken pixels.
  const failOn = format === 'jpeg' ? 'truncated' : 'warning'
  const image = sharp(bytes, { limitInputPixels: false, ignoreIcc: true, failOn }).autoOrient()
  const isInks = space === 'cmyk'
  // Asked for gray, `sharp` would drop alpha, and round 16 bits where it truncates those of color.
  const isGray = space === 'b-w' && !hasAlpha
  if (isInks) image.pipelineColourspace('cmyk')
  image.toColourspace(isInks ? 'cmyk' : isGray ? 'b-w' : 'srgb')
  try {
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
    const { width, height, channels } = info
    const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length)
    const decoded = { width, height, channels, pixels }
    return isInks ? fromInks(decoded) : decoded
  } catch (error) {
    throw new ImageError(`${name}: cannot be decoded, it is truncated or broken: ${reason(error as Error)}`)
  }
}

async function readPicture(path: string): Promise<Uint8Array> {
  try {
    const { size } = await regularFile(path)
    if (size > maxFileBytes) throw new ImageError(`${path}: ${size} bytes are over the limit of ${maxFileBytes}`)
    return await readFile(path)
  } catch (error) {
    if (error instanceof ImageError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new ImageError(code === 'ENOENT' ? `${path}: no such file` : `${path}: cannot be read: ${message}`)
  }
}

/**
 * The status of a file; to open a pipe or a device could wait for ever.
 * @throws ImageError when it is anything else than a file
 */
async function regularFile(path: string): Promise<Stats> {
  const about = await stat(path)
  if (about.isDirectory()) throw new ImageError(`${path}: is a folder, expected an image file`)
  if (!about.isFile()) throw new ImageError(`${path}: is not a regular file`)
  return about
}

/** Enough of a file to tell its format. @throws ImageError when it cannot be read */
async function firstBytes(path: string): Promise<Uint8Array> {
  let file: FileHandle | undefined
  try {
    await regularFile(path)
    file = await open(path)
    const { buffer, bytesRead } = await file.read(new Uint8Array(8), 0, 8, 0)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    if (error instanceof ImageError) throw error
    throw new ImageError(`${path}: cannot be read: ${(error as Error).message}`)
  } finally {
    await file?.close()
  }
}

/** The first line of a decoder's message. */
const reason = (error: Error) => error.message.split('\n')[0]!
