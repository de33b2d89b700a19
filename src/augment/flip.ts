/** Mirror images. */
import type { RandomSequence } from '../random/philox.ts'
import { blankRaster, type Raster, shapeOf } from './raster.ts'
import { check, checkProbability, defineTransform, type Transform } from './transform.ts'

/** A picture with left and right exchanged. */
export function flipHorizontally(image: Raster): Raster {
  const { height, width, channels, pixels } = image
  const out = blankRaster(shapeOf(image))
  for (let y = 0; y < height; y++) {
    const row = y * width * channels
    for (let x = 0; x < width; x++) {
      const from = row + (width - 1 - x) * channels
      const to = row + x * channels
      for (let c = 0; c < channels; c++) out.pixels[to + c] = pixels[from + c]!
    }
  }
  return out
}

/** A picture with top and bottom exchanged. */
export function flipVertically(image: Raster): Raster {
  const { height, width, channels, pixels } = image
  const out = blankRaster(shapeOf(image))
  const row = width * channels
  for (let y = 0; y < height; y++) {
    const from = (height - 1 - y) * row
    out.pixels.set(pixels.subarray(from, from + row), y * row)
  }
  return out
}

/** Options of {@link verticalFlip}. */
export interface FlipOptions {
  /** Probability that a picture is mirrored, ½ by default. */
  readonly probability?: number
}

/** Options of {@link horizontalFlip}. */
export interface HorizontalFlipOptions extends FlipOptions {
  /**
   * Mirror every picture in every other epoch, so that two epochs show both sides of it; chance, by `probability`, only
   * decides whether the first epoch mirrors it (Jordan 2024). False by default: every epoch draws anew.
   */
  readonly alternate?: boolean
}

/**
 * A transform that exchanges left and right at random. Refused for digits and letters, whose mirror images are other
 * symbols or none.
 * @throws AugmentError when the probability is not in 0 … 1.
 */
export function horizontalFlip({ probability = 0.5, alternate = false }: HorizontalFlipOptions = {}): Transform {
  checkProbability('horizontalFlip', probability)
  check('horizontalFlip', 'alternate', alternate, 'true or false', typeof alternate === 'boolean')
  const isMirrored = (random: RandomSequence): boolean => {
    if (!alternate) return random.uniform() < probability
    return random.atStep(0).uniform() < probability !== (random.step % 2 === 1)
  }
  return defineTransform(
    'horizontalFlip',
    { probability, alternate },
    (image, random) => (isMirrored(random) ? flipHorizontally(image) : image),
    { risk: 'mirrors pictures' },
  )
}

/**
 * A transform that exchanges top and bottom at random; refused as {@link horizontalFlip} is.
 * @throws AugmentError as it does.
 */
export function verticalFlip({ probability = 0.5 }: FlipOptions = {}): Transform {
  checkProbability('verticalFlip', probability)
  return defineTransform(
    'verticalFlip',
    { probability },
    (image, random) => (random.uniform() < probability ? flipVertically(image) : image),
    { risk: 'mirrors pictures' },
  )
}
