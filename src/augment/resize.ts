/** Other sizes: pictures scaled whole, to a shorter side, to cover a size, and random resized crops. */
import type { RandomSequence } from '../random/philox.ts'
import { type Box, centerCropOf, crop } from './crop.ts'
import type { Raster } from './raster.ts'
import { type Resampling, resamplings, resize } from './resample.ts'
import { between, check, checkInterval, defineTransform, sizeOption, type Transform } from './transform.ts'

/**
 * Scales the whole picture so that its shorter side has `size` pixels; the longer is rounded down, as torchvision does.
 */
export function resizeShorterSide(image: Raster, side: number, resampling?: Resampling): Raster {
  const [height, width] = shorterSideSize(image, side)
  return resize(image, height, width, resampling)
}

/** The picture scaled so that it just covers a size (the other side is rounded down), and cut to its middle. */
export function cover(image: Raster, height: number, width: number, resampling?: Resampling): Raster {
  const fillsWidth = width * image.height >= height * image.width
  const scaled = fillsWidth
    ? resize(image, Math.trunc((width * image.height) / image.width), width, resampling)
    : resize(image, height, Math.trunc((height * image.width) / image.height), resampling)
  return centerCropOf(scaled, height, width)
}

/** `[height, width]` of a picture after its shorter side is scaled to `size` pixels. */
function shorterSideSize({ height, width }: Pick<Raster, 'height' | 'width'>, side: number): [number, number] {
  return height <= width
    ? [side, Math.max(1, Math.trunc((side * width) / height))]
    : [Math.max(1, Math.trunc((side * height) / width)), side]
}

/** Options of {@link scaleTo}. */
export interface ScaleToOptions {
  /** Pixels of the shorter side, or `[height, width]` of the result, whose aspect is then the size's. */
  readonly size: number | readonly [number, number]
  /** `bilinear` by default. */
  readonly interpolation?: Resampling
}

/** A transform that scales pictures to a size. @throws AugmentError for an invalid size or an unknown interpolation. */
export function scaleTo({ size, interpolation = 'bilinear' }: ScaleToOptions): Transform {
  const [height, width] = sizeOption('scaleTo', size)
  checkResampling('scaleTo', interpolation)
  if (typeof size === 'number') {
    return defineTransform('scaleTo', { size, interpolation }, image => resizeShorterSide(image, size, interpolation), {
      resultShape: ([h, w, channels]) => [...shorterSideSize({ height: h, width: w }, size), channels],
    })
  }
  return defineTransform(
    'scaleTo',
    { size: [height, width], interpolation },
    image => resize(image, height, width, interpolation),
    { resultShape: ([, , channels]) => [height, width, channels] },
  )
}

/** Options of {@link randomResizedCrop}. */
export interface RandomResizedCropOptions {
  /** Side of the result, or `[height, width]`. */
  readonly size: number | readonly [number, number]
  /** Fraction of the picture's area that is cut out, `[0.08, 1]` by default. */
  readonly scale?: readonly [number, number]
  /** Width over height of the cut, `[3/4, 4/3]` by default; its logarithm is uniformly distributed. */
  readonly ratio?: readonly [number, number]
  /** `bilinear` by default. */
  readonly interpolation?: Resampling
}

/**
 * A transform that cuts out a part of random size, shape and place and scales it (GoogLeNet's training, Szegedy et al.
 * 2015).
 * @throws AugmentError for options out of range.
 * @example randomResizedCrop({ size: 224 })
 */
export function randomResizedCrop(options: RandomResizedCropOptions): Transform {
  const { size, scale = [0.08, 1], ratio = [3 / 4, 4 / 3], interpolation = 'bilinear' } = options
  const [height, width] = sizeOption('randomResizedCrop', size)
  checkInterval('randomResizedCrop', 'scale', scale, [0, 1])
  checkInterval('randomResizedCrop', 'ratio', ratio, [0, Number.MAX_VALUE])
  checkResampling('randomResizedCrop', interpolation)
  check('randomResizedCrop', 'scale', scale, 'above 0', scale[0] > 0)
  check('randomResizedCrop', 'ratio', ratio, 'above 0', ratio[0] > 0)
  return defineTransform(
    'randomResizedCrop',
    { size: [height, width], scale, ratio, interpolation },
    (image, random) => resize(crop(image, resizedCropBox(image, random, scale, ratio)), height, width, interpolation),
    { resultShape: ([, , channels]) => [height, width, channels] },
  )
}

/**
 * The box of a random resized crop: ten tries, then the largest middle part of an allowed shape (torchvision's rule).
 */
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

function checkResampling(name: string, interpolation: Resampling): void {
  check(name, 'interpolation', interpolation, `one of ${resamplings.join(', ')}`, resamplings.includes(interpolation))
}
