/** A picture in memory, in the form that every transform of this folder takes and returns: bytes, pixel by pixel. */
import { AugmentError } from './errors.ts'

/** Pixels `u8 [height, width, channels]`, row-major. */
export interface Raster {
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly pixels: Uint8Array
}

/** `[height, width, channels]`. */
export type RasterShape = readonly [height: number, width: number, channels: number]

/** Bytes as a canvas or a file gives them. */
export type Bytes = Uint8Array | Uint8ClampedArray

/** True for an array of bytes. */
export const isBytes = (values: unknown): values is Bytes =>
  values instanceof Uint8Array || values instanceof Uint8ClampedArray

/** The same bytes, not copied, in the type that everything here takes. */
export const plainBytes = (bytes: Bytes): Uint8Array =>
  bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)

/**
 * The fault of a value that should be the pixels of `count` pictures, and the remedy; undefined when it is as
 * many bytes as they have.
 */
export function pixelProblem(pixels: unknown, shape: RasterShape, count = 1): string | undefined {
  const [height, width, channels] = shape
  const expected = count * height * width * channels
  if (!isBytes(pixels)) return `expected ${expected} bytes 0 … 255 in a Uint8Array, got ${described(pixels)}`
  if (pixels.length === expected) return undefined
  const what = count === 1 ? 'a picture' : `${count} pictures`
  const problem = `${pixels.length} bytes given for ${what} of [${shape.join(', ')}], expected ${expected}`
  if (channels === 4 || pixels.length !== count * height * width * 4) return problem
  const channelTest = channels === 3 ? 'i % 4 < 3' : 'i % 4 === 0'
  return `${problem}; they look like RGBA, as a canvas gives it: keep ${channels} of every 4 by bytes.filter((_, i) => ${channelTest})`
}

/** Describes a value that is not bytes, and how to turn it into bytes. */
function described(values: unknown): string {
  if (typeof values !== 'object' || values === null) return String(values)
  const type = values.constructor?.name ?? 'object'
  const name = `${/^[AEIOU]/.test(type) ? 'an' : 'a'} ${type}`
  if ('data' in values) return `${name}: give its \`data\``
  return 'length' in values
    ? `${name}; numbers from 0 to 1 become bytes by Uint8Array.from(numbers, x => Math.round(255 * x))`
    : name
}

/**
 * A picture of bytes and their shape; the bytes are not copied.
 * @throws AugmentError when they are not bytes, or their number does not match the shape.
 * @example raster(dataset.images.subarray(0, 3072), [32, 32, 3])
 */
export function raster(pixels: Bytes, shape: RasterShape): Raster {
  const [height, width, channels] = shape
  for (const size of [height, width, channels]) {
    if (!Number.isInteger(size) || size < 1)
      throw new AugmentError(`raster: shape [${height}, ${width}, ${channels}] must be whole numbers ≥ 1`)
  }
  const problem = pixelProblem(pixels, shape)
  if (problem !== undefined) throw new AugmentError(`raster: ${problem}`)
  return { height, width, channels, pixels: plainBytes(pixels) }
}

/**
 * A picture that was made elsewhere.
 * @throws AugmentError when its pixels are not bytes, or their number does not match its shape.
 */
export const checkedRaster = (image: Raster): Raster => raster(image.pixels, shapeOf(image))

/** A new picture of zeros. */
export function blankRaster([height, width, channels]: RasterShape): Raster {
  return { height, width, channels, pixels: new Uint8Array(height * width * channels) }
}

/** The shape of a picture. */
export const shapeOf = ({ height, width, channels }: Raster): RasterShape => [height, width, channels]

/** The color that fills what a transform leaves empty: one number 0 … 255 for all channels, or one per channel. */
export type Fill = number | readonly number[]

/**
 * A fill as one byte per channel.
 * @throws AugmentError when it has another number of channels, or a value is not a byte.
 */
export function fillBytes(name: string, fill: Fill, channels: number): Uint8Array {
  const values = typeof fill === 'number' ? new Array<number>(channels).fill(fill) : fill
  if (values.length !== channels) {
    throw new AugmentError(`${name}: fill has ${values.length} channels, the picture ${channels}`)
  }
  return Uint8Array.from(values)
}

/** A number as a byte: rounded, and clamped to 0 … 255. */
export const toByte = (value: number): number => (value <= 0 ? 0 : value >= 255 ? 255 : Math.round(value))

/** A number rounded; halves to the even neighbor, as Python and PyTorch round. */
export function roundHalfEven(value: number): number {
  const down = Math.floor(value)
  if (value - down !== 0.5) return Math.round(value)
  return down % 2 === 0 ? down : down + 1
}
