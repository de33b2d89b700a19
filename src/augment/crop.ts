/** Cutting a picture: anywhere, beyond its border, from its middle, at random with padding. */
import { AugmentError } from './errors.ts'
import { blankRaster, type Fill, fillBytes, type Raster, roundHalfEven } from './raster.ts'
import { check, checkFill, defineTransform, sizeOption, type Transform } from './transform.ts'

/** A rectangle of a picture, in pixels; may begin before 0 and end after the last row or column. */
export interface Box {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

/**
 * Pixels beyond the border: one color, the nearest pixel, or the picture mirrored (without or with the last row twice).
 */
export type Border = 'constant' | 'edge' | 'reflect' | 'symmetric'

/** Names of the borders. */
const borders: readonly Border[] = ['constant', 'edge', 'reflect', 'symmetric']

/**
 * The part of a picture in a box.
 *
 * @param options.border the values outside, `constant` by default
 * @param options.fill its color for `constant`, 0 by default
 * @throws AugmentError when a mirrored border would have to be larger than the picture.
 * @example crop(image, { top: 2, left: 0, height: 28, width: 28 })
 */
export function crop(
  image: Raster,
  box: Box,
  options: { readonly border?: Border; readonly fill?: Fill } = {},
): Raster {
  const { border = 'constant', fill = 0 } = options
  const { top, left, height, width } = box
  const { channels, pixels } = image
  const out = blankRaster([height, width, channels])
  const inside = top >= 0 && left >= 0 && top + height <= image.height && left + width <= image.width
  if (inside || border === 'constant') {
    const color = inside ? undefined : fillBytes('crop', fill, channels)
    if (color?.some(value => value !== 0)) paint(out.pixels, color)
    copyOverlap(image, box, out)
    return out
  }
  const rows = sourceIndices(top, height, image.height, border)
  const columns = sourceIndices(left, width, image.width, border)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (rows[y]! * image.width + columns[x]!) * channels
      const to = (y * width + x) * channels
      for (let c = 0; c < channels; c++) out.pixels[to + c] = pixels[from + c]!
    }
  }
  return out
}

/** The middle of a picture, as torchvision cuts it; around a smaller picture is a black border. */
export function centerCropOf(image: Raster, height: number, width: number): Raster {
  const top = middleOf(image.height, height)
  const left = middleOf(image.width, width)
  const out = blankRaster([height, width, image.channels])
  copyOverlap(image, { top, left, height, width }, out)
  return out
}

/** Copies the part of a box inside the picture; `out` is the box, and keeps its pixels outside the picture. */
function copyOverlap({ height, width, channels, pixels }: Raster, box: Box, out: Raster): void {
  const first = Math.max(0, -box.left)
  const last = Math.min(box.width, width - box.left)
  for (let y = Math.max(0, -box.top); y < Math.min(box.height, height - box.top) && first < last; y++) {
    const from = ((box.top + y) * width + box.left + first) * channels
    out.pixels.set(pixels.subarray(from, from + (last - first) * channels), (y * box.width + first) * channels)
  }
}

/** Start of the middle part of a side. Half a pixel too many goes to the even side of a cut, to the end of a border. */
const middleOf = (side: number, length: number): number =>
  length <= side ? roundHalfEven((side - length) / 2) : -Math.floor((length - side) / 2)

/** Options of {@link centerCrop}. */
export interface CenterCropOptions {
  /** Side of the result, or `[height, width]`. */
  readonly size: number | readonly [number, number]
}

/**
 * A transform that cuts the middle out, and adds a black border to a smaller picture.
 * @throws AugmentError for an invalid size.
 */
export function centerCrop({ size }: CenterCropOptions): Transform {
  const [height, width] = sizeOption('centerCrop', size)
  return defineTransform('centerCrop', { size: [height, width] }, image => centerCropOf(image, height, width), {
    resultShape: ([, , channels]) => [height, width, channels],
  })
}

/** Options of {@link randomCrop}. */
export interface RandomCropOptions {
  /** Side of the result, or `[height, width]`. */
  readonly size: number | readonly [number, number]
  /** Pixels added on each side before cutting, 0 by default. */
  readonly padding?: number
  /** Values of the added pixels, `constant` by default. */
  readonly border?: Border
  /** Color of constant ones, 0 by default. */
  readonly fill?: Fill
}

/**
 * A transform that cuts a random part out of a picture after padding it, every place equally likely. With 4 pixels of
 * padding it is what CIFAR networks are trained with (He et al. 2016, section 4.2); a 224 crop of 256 is AlexNet's.
 * @throws AugmentError for options out of range, and when applied to a picture that is too small.
 * @example randomCrop({ size: 32, padding: 4 })
 */
export function randomCrop({ size, padding = 0, border = 'constant', fill = 0 }: RandomCropOptions): Transform {
  const [height, width] = sizeOption('randomCrop', size)
  check('randomCrop', 'padding', padding, 'a whole number of at least 0', Number.isInteger(padding) && padding >= 0)
  check('randomCrop', 'border', border, `one of ${borders.join(', ')}`, borders.includes(border))
  checkFill('randomCrop', fill)
  const options = { size: [height, width], padding, border, fill }
  return defineTransform(
    'randomCrop',
    options,
    (image, random) => {
      refuseSmall('randomCrop', image, { height, width, padding })
      const top = random.integer(image.height + 2 * padding - height + 1) - padding
      const left = random.integer(image.width + 2 * padding - width + 1) - padding
      return crop(image, { top, left, height, width }, { border, fill })
    },
    { resultShape: ([, , channels]) => [height, width, channels] },
  )
}

/** @throws AugmentError when a picture is too small for a crop. */
export function refuseSmall(
  name: string,
  image: Raster,
  { height, width, padding = 0 }: { readonly height: number; readonly width: number; readonly padding?: number },
): void {
  if (image.height + 2 * padding >= height && image.width + 2 * padding >= width) return
  const padded = padding > 0 ? ` with ${padding} pixels of padding` : ''
  throw new AugmentError(
    `${name}: cannot cut ${height} × ${width} from a picture of ${image.height} × ${image.width}${padded}`,
  )
}

/** Source of the pixels of a cut line. */
function sourceIndices(start: number, length: number, size: number, border: Border): Int32Array {
  const reach = Math.max(-start, start + length - size)
  const most = border === 'reflect' ? size - 1 : size
  if (border !== 'edge' && reach > most) {
    throw new AugmentError(`crop: a ${border} border of ${reach} pixels is larger than the picture allows (${most})`)
  }
  return Int32Array.from({ length }, (_, i) => {
    const at = start + i
    if (at >= 0 && at < size) return at
    if (border === 'edge') return at < 0 ? 0 : size - 1
    const twice = border === 'symmetric' ? 1 : 0
    return at < 0 ? -at - twice : 2 * size - 2 - at + twice
  })
}

/** Fills pixels with a color. */
export function paint(pixels: Uint8Array, color: Uint8Array): void {
  if (color.every(value => value === color[0])) {
    pixels.fill(color[0]!)
    return
  }
  for (let i = 0; i < pixels.length; i += color.length) pixels.set(color, i)
}
