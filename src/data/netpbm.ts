/**
 * Portable pixmaps (PBM, PGM, PPM: `P1` to `P6`), plain and raw, of up to 16 bits a value. A value v of at most m
 * becomes 255 · v / m, rounded, as Pillow computes color; so does gray of more than 8 bits, which Pillow clips at 255.
 */
import { blankRaster, type Raster, roundHalfEven } from '../augment/raster.ts'
import { ImageError } from './errors.ts'
import type { PictureFile } from './pictureFormat.ts'

/** True when a file begins like a pixmap: `P1` … `P6` and a space. */
export const isNetpbm = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x50 && bytes[1]! >= 0x31 && bytes[1]! <= 0x36 && isSpace(bytes[2])

/** Reads a pixmap's header. @throws ImageError when it is broken. */
export function openNetpbm(name: string, bytes: Uint8Array): PictureFile {
  const kind = bytes[1]! - 0x30
  const reader = new Tokens(name, bytes, 2)
  const width = reader.number()
  const height = reader.number()
  const isBits = kind === 1 || kind === 4
  const most = isBits ? 1 : reader.number()
  if (width < 1 || height < 1 || most < 1 || most > 65535) {
    throw new ImageError(`${name}: pixmap of ${width} × ${height} pixels with values up to ${most}`)
  }
  const shape = [height, width, kind === 3 || kind === 6 ? 3 : 1] as const
  return {
    width,
    height,
    decode: () => {
      if (kind <= 3) return plain(reader, shape, isBits, most)
      return isBits ? packed(name, bytes, reader.at, shape) : raw(name, bytes, reader.at, shape, most)
    },
  }
}

type Shape = readonly [height: number, width: number, channels: 1 | 3]

/** Values written as decimal numbers; for bits, 1 is black and the digits need no space between them. */
function plain(reader: Tokens, shape: Shape, isBits: boolean, most: number): Raster {
  const out = blankRaster(shape)
  for (let i = 0; i < out.pixels.length; i++) {
    out.pixels[i] = isBits ? 255 * (1 - reader.bit()) : toByte(reader.number(most), most)
  }
  return out
}

/** Eight pixels a byte, the first in the highest bit, 1 is black; each row begins at a whole byte. */
function packed(name: string, bytes: Uint8Array, offset: number, shape: Shape): Raster {
  const [height, width] = shape
  const stride = Math.ceil(width / 8)
  if (bytes.length < offset + stride * height) throw cut(name)
  const out = blankRaster(shape)
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to++) {
      const bit = (bytes[offset + y * stride + (x >> 3)]! >> (7 - (x & 7))) & 1
      out.pixels[to] = 255 * (1 - bit)
    }
  }
  return out
}

/** Values of one byte, or of two bytes with the higher first. */
function raw(name: string, bytes: Uint8Array, offset: number, shape: Shape, most: number): Raster {
  const out = blankRaster(shape)
  const size = most < 256 ? 1 : 2
  if (bytes.length < offset + out.pixels.length * size) throw cut(name)
  for (let i = 0; i < out.pixels.length; i++) {
    const at = offset + i * size
    const value = size === 1 ? bytes[at]! : 256 * bytes[at]! + bytes[at + 1]!
    out.pixels[i] = toByte(Math.min(value, most), most)
  }
  return out
}

const toByte = (value: number, most: number): number => (most === 255 ? value : roundHalfEven((value / most) * 255))

const cut = (name: string): ImageError =>
  new ImageError(`${name}: cannot be decoded, it is truncated or broken: the pixmap ends before its pixels do`)

/** Space, tab, line feed, vertical tab, form feed, carriage return. */
const isSpace = (byte: number | undefined): boolean => byte === 0x20 || (byte !== undefined && byte >= 9 && byte <= 13)

/** Numbers between spaces and comments, which go from # to the end of the line. */
class Tokens {
  /** Position of the next byte. */
  at: number
  readonly #name: string
  readonly #bytes: Uint8Array

  constructor(name: string, bytes: Uint8Array, at: number) {
    this.#name = name
    this.#bytes = bytes
    this.at = at
  }

  /** The next number; the space after it is consumed too. @throws ImageError when it is missing or above `most` */
  number(most = 2 ** 31): number {
    this.#skip()
    let value = 0
    let byte = this.#bytes[this.at]
    if (byte === undefined) throw cut(this.#name)
    while (byte !== undefined && !isSpace(byte) && byte !== 0x23) {
      value = 10 * value + this.#digit(byte)
      if (value > most) throw new ImageError(`${this.#name}: the pixmap has a value above ${most}`)
      byte = this.#bytes[++this.at]
    }
    if (isSpace(byte)) this.at++
    return value
  }

  /** The next 0 or 1. @throws ImageError when it is missing */
  bit(): number {
    this.#skip()
    const byte = this.#bytes[this.at++]
    if (byte === undefined) throw cut(this.#name)
    const value = this.#digit(byte)
    if (value > 1) throw new ImageError(`${this.#name}: the pixmap has ${value} where 0 or 1 is expected`)
    return value
  }

  #digit(byte: number): number {
    if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
    throw new ImageError(`${this.#name}: the pixmap has '${String.fromCharCode(byte)}' where a number is expected`)
  }

  #skip(): void {
    const bytes = this.#bytes
    while (isSpace(bytes[this.at]) || bytes[this.at] === 0x23) {
      if (bytes[this.at] === 0x23)
        while (this.at < bytes.length && bytes[this.at] !== 10 && bytes[this.at] !== 13) this.at++
      else this.at++
    }
  }
}
