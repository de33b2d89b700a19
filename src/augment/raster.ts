/** A picture in memory, as every transform of this folder takes and gives it: bytes, pixel by pixel. */
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

/**
 * A picture of bytes and their shape; the bytes are not copied.
 * @throws AugmentError when the number of bytes does not fit the shape.
 * @example raster(dataset.images.subarray(0, 3072), [32, 32, 3])
 */
export function raster(pixels: Uint8Array, [height, width, channels]: RasterShape): Raster {
  for (const size of [height, width, channels]) {
    if (!Number.isInteger(size) || size < 1)
      throw new AugmentError(`raster: no such shape: [${height}, ${width}, ${channels}]`)
  }
  if (pixels.length !== height * width * channels) {
    throw new AugmentError(
      `raster: [${height}, ${width}, ${channels}] needs ${height * width * channels} bytes, got ${pixels.length}`,
    )
  }
  return { height, width, channels, pixels }
}

/** A new picture of zeros. */
export function blankRaster([height, width, channels]: RasterShape): Raster {
  return { height, width, channels, pixels: new Uint8Array(height * width * channels) }
}

/** The shape of a picture. */
export const shapeOf = ({ height, width, channels }: Raster): RasterShape => [height, width, channels]

/** The color that fills what a transform leaves empty: one number 0 … 255 for all channels, or one a channel. */
export type Fill = number | readonly number[]

/**
 * A fill as one byte a channel.
 * @throws AugmentError when it has another number of channels, or a value is no byte.
 */
export function fillBytes(name: string, fill: Fill, channels: number): Uint8Array {
  const values = typeof fill === 'number' ? new Array<number>(channels).fill(fill) : fill
  if (values.length !== channels) {
    throw new AugmentError(`${name}: fill has ${values.length} channels, the picture ${channels}`)
  }
  return Uint8Array.from(values)
}

/** A number as a byte: rounded, and kept in 0 … 255. */
export const toByte = (value: number): number => (value <= 0 ? 0 : value >= 255 ? 255 : Math.round(value))
