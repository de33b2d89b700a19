/**
 * Maps as pictures, with one number per position; zero has the color of paper. The scale is symmetric about zero and
 * never stretched: a map of zeros is blank, and two maps with the same scale can be compared.
 */
import { diverging } from './colors.ts'
import type { ImageShape } from './png.ts'

/**
 * The largest absolute value of a map, or the bound that a given part of the values does not exceed: a few values in
 * maps of gradients are far larger than all others.
 * @param part share of the values within the scale, 1 by default
 * @returns 0 for a map of zeros; values that are not finite do not count
 */
export function scaleOf(values: ArrayLike<number>, part = 1): number {
  const sizes = Array.from(values, Math.abs).filter(Number.isFinite)
  if (sizes.length === 0) return 0
  return sizes.sort((a, b) => a - b)[Math.ceil(part * sizes.length) - 1]!
}

/**
 * A map in color, `[H, W, 3]` bytes: orange below zero, blue above, darker for larger absolute values.
 * @param values `[H, W]`
 * @param scale the absolute value drawn darkest, {@link scaleOf} by default; larger ones look the same
 */
export function heatMap(values: ArrayLike<number>, scale = scaleOf(values)): Uint8Array {
  const pixels = new Uint8Array(values.length * 3)
  for (let i = 0; i < values.length; i++) pixels.set(diverging(scale === 0 ? 0 : values[i]! / scale), 3 * i)
  return pixels
}

/**
 * A map over its picture, `[H, W, 3]` bytes: the picture in gray, colored according to the map. Where the map is zero,
 * the gray picture is unchanged.
 * @param picture bytes `[H, W, C]`, C = 1 or 3
 * @param values `[H, W]`
 * @throws RangeError when picture and map differ in size.
 */
export function overlay(
  picture: Uint8Array,
  [height, width, channels]: ImageShape,
  values: ArrayLike<number>,
  scale = scaleOf(values),
): Uint8Array {
  const area = height * width
  if (values.length !== area || picture.length !== area * channels) {
    throw new RangeError(`overlay: a map of ${values.length} numbers over a picture ${height} × ${width} × ${channels}`)
  }
  const pixels = new Uint8Array(area * 3)
  for (let i = 0; i < area; i++) {
    const gray = luminance(picture.subarray(i * channels, (i + 1) * channels))
    const value = scale === 0 ? 0 : Math.min(1, Math.max(-1, values[i]! / scale))
    const color = diverging(Math.sign(value) * (0.4 + 0.5 * Math.abs(value)))
    const share = 0.85 * Math.abs(value)
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = Math.round(gray * (1 - share) + color[c]! * share)
  }
  return pixels
}

/**
 * A signed map of three channels as a picture, `[H, W, 3]` bytes: mid-gray is 0, and 0 and 255 are ∓ the scale.
 * @param values `[3, H, W]`
 */
export function signedPicture(
  values: ArrayLike<number>,
  [height, width]: readonly [height: number, width: number],
  scale = scaleOf(values),
): Uint8Array {
  const area = height * width
  return Uint8Array.from({ length: area * 3 }, (_, at) => {
    const value = values[(at % 3) * area + Math.floor(at / 3)]!
    return scale === 0 ? 128 : Math.round(127.5 + 127.5 * Math.min(1, Math.max(-1, value / scale)))
  })
}

/**
 * A picture enlarged by a whole factor, each pixel a square.
 * @param picture bytes `[H, W, C]`
 */
export function enlarged(picture: Uint8Array, [height, width, channels]: ImageShape, factor: number): Uint8Array {
  const large = new Uint8Array(picture.length * factor * factor)
  for (let y = 0, at = 0; y < height * factor; y++) {
    for (let x = 0; x < width * factor; x++, at += channels) {
      const from = (Math.floor(y / factor) * width + Math.floor(x / factor)) * channels
      large.set(picture.subarray(from, from + channels), at)
    }
  }
  return large
}

/** Brightness of an RGB pixel (ITU-R BT.601), or the value of a gray one. */
const luminance = (pixel: Uint8Array): number =>
  pixel.length < 3 ? pixel[0]! : 0.299 * pixel[0]! + 0.587 * pixel[1]! + 0.114 * pixel[2]!
