/**
 * The smallest PNG writer that does the job: 8-bit pixels, no filter, deflate's "stored" blocks, so that the core
 * needs no compressor. For the tiny images of a report (28×28, a 5×5 filter), compression would hardly help.
 *
 * PNG (Portable Network Graphics) Specification, W3C, 2nd edition; RFC 1950 (zlib), RFC 1951 (deflate).
 */

/** Rows, columns, channels. */
export type ImageShape = readonly [height: number, width: number, channels: number]

/**
 * Encodes an image as a PNG file.
 *
 * @param pixels `[H, W, C]` bytes, row by row; C = 1 (gray), 3 (RGB) or 4 (RGBA).
 * @throws RangeError when the shape is not an image's or the number of bytes does not fit it.
 */
export function encodePng(pixels: Uint8Array, shape: ImageShape): Uint8Array<ArrayBuffer> {
  const [height, width, channels] = shape
  const colorType = [undefined, 0, undefined, 2, 6][channels]
  if (colorType === undefined) throw new RangeError(`image: expected 1, 3 or 4 channels, got ${channels}`)
  for (const size of [height, width]) {
    if (!Number.isInteger(size) || size < 1)
      throw new RangeError(`image: size ${height} × ${width} must be whole numbers ≥ 1`)
  }
  const stride = width * channels
  if (pixels.length !== height * stride) {
    throw new RangeError(
      `image: ${height} × ${width} × ${channels} needs ${height * stride} bytes, got ${pixels.length}`,
    )
  }

  // Each row begins with its filter type: 0, none.
  const rows = new Uint8Array(height * (stride + 1))
  for (let y = 0; y < height; y++) {
    rows.set(pixels.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1)
  }
  const header = [...uint32(width), ...uint32(height), 8, colorType, 0, 0, 0]
  return concatenate([
    [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    chunk('IHDR', Uint8Array.from(header)),
    chunk('IDAT', zlibStored(rows)),
    chunk('IEND', new Uint8Array(0)),
  ])
}

/** The image as a `data:` URL that an `<img>` or an SVG `<image>` shows without a network. */
export function pngDataUrl(pixels: Uint8Array, shape: ImageShape): string {
  const bytes = encodePng(pixels, shape)
  let binary = ''
  for (let i = 0; i < bytes.length; i += 4096) binary += String.fromCharCode(...bytes.subarray(i, i + 4096))
  return `data:image/png;base64,${btoa(binary)}`
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = concatenate([Array.from(type, c => c.charCodeAt(0)), data])
  return concatenate([uint32(data.length), body, uint32(crc32(body))])
}

/** A zlib stream of stored blocks: each has at most 65,535 bytes, its length and the length's complement. */
function zlibStored(data: Uint8Array): Uint8Array {
  const parts: ArrayLike<number>[] = [[0x78, 0x01]]
  for (let start = 0; start < data.length; start += 65535) {
    const block = data.subarray(start, start + 65535)
    const n = block.length
    const isLast = start + n === data.length ? 1 : 0
    parts.push([isLast, n & 255, n >> 8, ~n & 255, (~n >> 8) & 255], block)
  }
  parts.push(uint32(adler32(data)))
  return concatenate(parts)
}

function adler32(data: Uint8Array): number {
  let a = 1
  let b = 0
  for (const byte of data) {
    a = (a + byte) % 65521
    b = (b + a) % 65521
  }
  return b * 65536 + a
}

function crc32(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}

function uint32(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
}

function concatenate(parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}
