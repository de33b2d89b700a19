/**
 * Windows bitmaps (BMP): 1 to 32 bits a pixel, with palettes, run lengths (RLE4, RLE8) and bit fields, bottom-up and
 * top-down, headers from OS/2 to version 5. Values are as Pillow reads them; unlike Pillow, any bit fields are read.
 */
import { blankRaster, type Raster } from '../augment/raster.ts'
import { ImageError } from './errors.ts'
import type { PictureFile } from './pictureFormat.ts'

/** True when a file begins like a bitmap: `BM`. */
export const isBmp = (bytes: Uint8Array): boolean => bytes[0] === 0x42 && bytes[1] === 0x4d

/** Reads a bitmap's header. @throws ImageError when it is broken or of an unsupported kind. */
export function openBmp(name: string, bytes: Uint8Array): PictureFile {
  const header = readHeader(name, bytes)
  return { width: header.width, height: header.height, decode: () => decode(name, bytes, header) }
}

/** Storage of the pixels. */
const compressions = { 0: 'none', 1: 'RLE8', 2: 'RLE4', 3: 'fields' } as const

interface Header {
  readonly width: number
  readonly height: number
  readonly topDown: boolean
  /** Bits of a pixel. */
  readonly bits: number
  readonly compression: (typeof compressions)[keyof typeof compressions]
  /** Bits of red, green, blue and alpha in a pixel of 16 or 32 bits; 0 for alpha when it is absent. */
  readonly fields: readonly [red: number, green: number, blue: number, alpha: number]
  /** `[colors, 3]` red, green, blue; empty for more than 8 bits. */
  readonly palette: Uint8Array
  /** Position of the first pixel. */
  readonly offset: number
}

/** Sizes of the supported headers: OS/2 version 1, Windows 3 to 5, OS/2 version 2. */
const headerSizes = [12, 40, 52, 56, 64, 108, 124]

function readHeader(name: string, bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const size = bytes.length < 18 ? 0 : view.getUint32(14, true)
  if (!headerSizes.includes(size)) throw new ImageError(`${name}: BMP with a header of ${size} bytes is not read`)
  if (bytes.length < 14 + size) throw cut(name)
  const u16 = (at: number): number => view.getUint16(14 + at, true)
  const u32 = (at: number): number => view.getUint32(14 + at, true)
  const isOld = size === 12
  const width = isOld ? u16(4) : u32(4)
  const signedHeight = isOld ? u16(6) : view.getInt32(14 + 8, true)
  const height = Math.abs(signedHeight)
  if (width === 0 || width >= 2 ** 31 || height === 0) {
    throw new ImageError(`${name}: BMP of ${width} × ${height} pixels`)
  }
  const bits = u16(isOld ? 10 : 14)
  const method = isOld ? 0 : u32(16)
  const compression = compressions[method as keyof typeof compressions]
  const fits = { none: [1, 2, 4, 8, 16, 24, 32], RLE8: [8], RLE4: [4], fields: [16, 32] }
  if (compression === undefined || !fits[compression].includes(bits) || (size === 64 && method === 3)) {
    throw new ImageError(`${name}: BMP with ${bits} bits a pixel and compression ${method} is not read`)
  }
  // The masks follow a header of 40 bytes.
  const masksEnd = compression === 'fields' && size === 40 ? 14 + 40 + 12 : 14 + size
  if (bytes.length < masksEnd) throw cut(name)
  const masks = [40, 44, 48].map(at => (compression === 'fields' ? u32(at) : 0))
  const alpha = compression === 'fields' && size >= 56 ? u32(52) : 0
  const entry = isOld ? 3 : 4
  const colors = bits > 8 ? 0 : (isOld ? 0 : u32(32)) || 1 << bits
  const paletteEnd = masksEnd + colors * entry
  const palette = new Uint8Array(3 * 2 ** Math.min(bits, 8))
  for (let k = 0; k < Math.min(colors, palette.length / 3); k++) {
    for (let c = 0; c < 3; c++) palette[3 * k + c] = bytes[masksEnd + entry * k + 2 - c] ?? 0
  }
  const offset = view.getUint32(10, true)
  return {
    width,
    height,
    topDown: signedHeight < 0,
    bits,
    compression,
    fields: fieldsOf(bits, [masks[0]!, masks[1]!, masks[2]!, alpha]),
    palette,
    // Some writers forget that the palette comes before the pixels.
    offset: offset === masksEnd || offset === 0 ? paletteEnd : offset,
  }
}

/** The masks of a file, or the usual ones when it has none. */
function fieldsOf(bits: number, masks: Header['fields']): Header['fields'] {
  if (masks.some(mask => mask !== 0)) return masks
  return bits === 16 ? [0x7c00, 0x3e0, 0x1f, 0] : [0xff0000, 0xff00, 0xff, 0]
}

function decode(name: string, bytes: Uint8Array, header: Header): Raster {
  if (header.compression === 'RLE8' || header.compression === 'RLE4') {
    return colored(runs(name, bytes, header), header)
  }
  const { width, height, bits, offset } = header
  const stride = 4 * Math.ceil((width * bits) / 32)
  if (bytes.length < offset + stride * (height - 1) + Math.ceil((width * bits) / 8)) throw cut(name)
  if (bits <= 8) return colored(indices(bytes, stride, header), header)
  return bits === 24 ? threeBytes(bytes, stride, header) : fields(bytes, stride, header)
}

const cut = (name: string): ImageError =>
  new ImageError(`${name}: cannot be decoded, it is truncated or broken: the BMP ends before its pixels do`)

/** Position of row `y`, counted from the top, in the file. */
const storedRow = ({ height, topDown }: Header, y: number): number => (topDown ? y : height - 1 - y)

/** Palette indices, `[height, width]`, of pixels of up to 8 bits. */
function indices(bytes: Uint8Array, stride: number, header: Header): Uint8Array {
  const { width, height, bits, offset } = header
  const found = new Uint8Array(width * height)
  const perByte = 8 / bits
  const mask = (1 << bits) - 1
  for (let y = 0; y < height; y++) {
    const row = offset + storedRow(header, y) * stride
    for (let x = 0; x < width; x++) {
      const shift = 8 - bits * (1 + (x % perByte))
      found[y * width + x] = (bytes[row + Math.floor(x / perByte)]! >> shift) & mask
    }
  }
  return found
}

/** Palette indices, `[height, width]`, of run-length encoded pixels; skipped pixels are 0. */
function runs(name: string, bytes: Uint8Array, header: Header): Uint8Array {
  const { width, height } = header
  const found = new Uint8Array(width * height)
  const perByte = header.compression === 'RLE4' ? 2 : 1
  let at = header.offset
  let x = 0
  let row = 0
  const next = (): number => {
    if (at >= bytes.length) throw cut(name)
    return bytes[at++]!
  }
  const put = (value: number): void => {
    if (x < width && row < height) found[storedRow(header, row) * width + x] = value
    x++
  }
  /** Pixel `k` of the pixels in a byte. */
  const part = (byte: number, k: number): number => (perByte === 1 ? byte : k % 2 === 0 ? byte >> 4 : byte & 15)
  while (row < height) {
    const count = next()
    const value = next()
    if (count > 0) {
      for (let k = 0; k < count; k++) put(part(value, k))
    } else if (value === 0) {
      row++
      x = 0
    } else if (value === 1) {
      break
    } else if (value === 2) {
      x += next()
      row += next()
    } else {
      let byte = 0
      for (let k = 0; k < value; k++) {
        if (k % perByte === 0) byte = next()
        put(part(byte, k))
      }
      // Literal pixels fill whole words.
      if (Math.ceil(value / perByte) % 2 === 1) at++
    }
    if (row === height - 1 && x >= width) break
  }
  return found
}

/** The colors of a palette, or gray levels when all of them are gray. */
function colored(places: Uint8Array, { width, height, palette }: Header): Raster {
  const isGray = palette.every((value, i) => value === palette[i - (i % 3)])
  const channels = isGray ? 1 : 3
  const out = blankRaster([height, width, channels])
  places.forEach((place, i) => {
    for (let c = 0; c < channels; c++) out.pixels[i * channels + c] = palette[3 * place + c]!
  })
  return out
}

function threeBytes(bytes: Uint8Array, stride: number, header: Header): Raster {
  const { width, height, offset } = header
  const out = blankRaster([height, width, 3])
  for (let y = 0, to = 0; y < height; y++) {
    const row = offset + storedRow(header, y) * stride
    for (let from = row; from < row + 3 * width; from += 3, to += 3) {
      for (let c = 0; c < 3; c++) out.pixels[to + c] = bytes[from + 2 - c]!
    }
  }
  return out
}

/** Pixels of 16 or 32 bits. */
function fields(bytes: Uint8Array, stride: number, header: Header): Raster {
  const { width, height, bits, offset } = header
  const channels = header.fields[3] === 0 ? 3 : 4
  const out = blankRaster([height, width, channels])
  const shifts = header.fields.map(mask => (mask === 0 ? 0 : 31 - Math.clz32(mask & -mask)))
  const largest = header.fields.map((mask, c) => Math.max(1, mask >>> shifts[c]!))
  for (let y = 0, to = 0; y < height; y++) {
    let at = offset + storedRow(header, y) * stride
    for (let x = 0; x < width; x++, to += channels) {
      let pixel = bytes[at]! | (bytes[at + 1]! << 8)
      if (bits === 32) pixel |= (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
      at += bits / 8
      for (let c = 0; c < channels; c++) {
        // Truncated, not rounded, as in Pillow's widening from 5 bits to 8.
        out.pixels[to + c] = Math.trunc((((pixel & header.fields[c]!) >>> shifts[c]!) * 255) / largest[c]!)
      }
    }
  }
  return out
}
