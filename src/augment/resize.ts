/**
 * Other sizes: bilinear interpolation with antialiasing, as Pillow and torchvision resize, and random resized crops.
 *
 * Each new pixel is a weighted mean of the pixels under a triangle around its place; the triangle is as wide as two
 * pixels when growing, and widens with the factor when shrinking, so that nothing is skipped.
 */
import type { RandomSequence } from '../random/philox.ts'
import { type Box, centerCropOf, crop } from './crop.ts'
import { blankRaster, type Raster } from './raster.ts'
import { between, check, checkInterval, defineTransform, sizeOption, type Transform } from './transform.ts'

/** The whole picture at another size. */
export function resize(image: Raster, height: number, width: number): Raster {
  if (height === image.height && width === image.width) return image
  const { channels, pixels } = image
  const columns = taps(image.width, width)
  const rows = taps(image.height, height)
  const narrow = new Float32Array(image.height * width * channels)
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < width; x++) {
      const { first, weights } = columns[x]!
      for (let c = 0; c < channels; c++) {
        let sum = 0
        let from = (y * image.width + first) * channels + c
        for (let k = 0; k < weights.length; k++, from += channels) sum += weights[k]! * pixels[from]!
        narrow[(y * width + x) * channels + c] = sum
      }
    }
  }
  const out = blankRaster([height, width, channels])
  const row = width * channels
  for (let y = 0; y < height; y++) {
    const { first, weights } = rows[y]!
    for (let i = 0; i < row; i++) {
      let sum = 0
      let from = first * row + i
      for (let k = 0; k < weights.length; k++, from += row) sum += weights[k]! * narrow[from]!
      out.pixels[y * row + i] = sum + 0.5
    }
  }
  return out
}

/** The whole picture scaled so that its shorter side has so many pixels; the longer is rounded down, as torchvision does. */
export function resizeShorterSide(image: Raster, side: number): Raster {
  const { height, width } = image
  return height <= width
    ? resize(image, side, Math.max(1, Math.trunc((side * width) / height)))
    : resize(image, Math.max(1, Math.trunc((side * height) / width)), side)
}

/** The picture scaled so that it just covers a size, and cut to its middle. */
export function cover(image: Raster, height: number, width: number): Raster {
  const scale = Math.max(height / image.height, width / image.width)
  const scaled = resize(
    image,
    Math.max(height, Math.round(image.height * scale)),
    Math.max(width, Math.round(image.width * scale)),
  )
  return centerCropOf(scaled, height, width)
}

/** Options of {@link scaleTo}. */
export interface ScaleToOptions {
  /** Pixels of the shorter side, or `[height, width]` of the result, whose aspect is then the size's. */
  readonly size: number | readonly [number, number]
}

/** A transform that scales pictures to a size. @throws AugmentError for a size that is none. */
export function scaleTo({ size }: ScaleToOptions): Transform {
  const [height, width] = sizeOption('scaleTo', size)
  if (typeof size === 'number') {
    return defineTransform('scaleTo', { size }, image => resizeShorterSide(image, size), {
      resultShape: ([h, w, channels]) =>
        h <= w
          ? [size, Math.max(1, Math.trunc((size * w) / h)), channels]
          : [Math.max(1, Math.trunc((size * h) / w)), size, channels],
    })
  }
  return defineTransform('scaleTo', { size: [height, width] }, image => resize(image, height, width), {
    resultShape: ([, , channels]) => [height, width, channels],
  })
}

/** Options of {@link randomResizedCrop}. */
export interface RandomResizedCropOptions {
  /** Side of the result, or `[height, width]`. */
  readonly size: number | readonly [number, number]
  /** Share of the picture's area that is cut out, `[0.08, 1]` by default. */
  readonly scale?: readonly [number, number]
  /** Width over height of the cut, `[3/4, 4/3]` by default; its logarithm is what is equally likely. */
  readonly ratio?: readonly [number, number]
}

/**
 * A transform that cuts out a part of random size, shape and place and scales it (GoogLeNet's training, Szegedy et al. 2015).
 * @throws AugmentError for options out of range.
 * @example randomResizedCrop({ size: 224 })
 */
export function randomResizedCrop(options: RandomResizedCropOptions): Transform {
  const { size, scale = [0.08, 1], ratio = [3 / 4, 4 / 3] } = options
  const [height, width] = sizeOption('randomResizedCrop', size)
  checkInterval('randomResizedCrop', 'scale', scale, [0, 1])
  checkInterval('randomResizedCrop', 'ratio', ratio, [0, Number.MAX_VALUE])
  check('randomResizedCrop', 'scale', scale, 'above 0', scale[0] > 0)
  check('randomResizedCrop', 'ratio', ratio, 'above 0', ratio[0] > 0)
  return defineTransform(
    'randomResizedCrop',
    { size: [height, width], scale, ratio },
    (image, random) => resize(crop(image, resizedCropBox(image, random, scale, ratio)), height, width),
    { resultShape: ([, , channels]) => [height, width, channels] },
  )
}

/** The box of a random resized crop: ten tries, then the largest middle part of an allowed shape (torchvision's rule). */
export function resizedCropBox(
  { height, width }: Pick<Raster, 'height' | 'width'>,
  random: RandomSequence,
  scale: readonly [number, number],
  ratio: readonly [number, number],
): Box {
  const logRatio = [Math.log(ratio[0]), Math.log(ratio[1])] as const
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * between(random, scale)
    const aspect = Math.exp(between(random, logRatio))
    const w = Math.round(Math.sqrt(area * aspect))
    const h = Math.round(Math.sqrt(area / aspect))
    if (w < 1 || h < 1 || w > width || h > height) continue
    return { top: random.integer(height - h + 1), left: random.integer(width - w + 1), height: h, width: w }
  }
  const aspect = Math.min(Math.max(width / height, ratio[0]), ratio[1])
  const w = aspect > width / height ? width : Math.max(1, Math.round(height * aspect))
  const h = aspect > width / height ? Math.max(1, Math.round(width / aspect)) : height
  return { top: (height - h) >> 1, left: (width - w) >> 1, height: h, width: w }
}

/** For every new place the old places it is made of; weights sum to 1. */
function taps(from: number, to: number): { readonly first: number; readonly weights: Float64Array }[] {
  const scale = from / to
  const reach = Math.max(scale, 1)
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale
    const first = Math.max(0, Math.trunc(center - reach + 0.5))
    const last = Math.min(from, Math.trunc(center + reach + 0.5))
    const weights = Float64Array.from({ length: last - first }, (_, k) =>
      Math.max(0, 1 - Math.abs(first + k + 0.5 - center) / reach),
    )
    const sum = weights.reduce((a, b) => a + b, 0)
    return { first, weights: weights.map(weight => weight / sum) }
  })
}
