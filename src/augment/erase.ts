/**
 * Removes parts of a picture, so that a network does not rely on one of them: cutout (DeVries and Taylor 2017) and
 * random erasing (Zhong et al. 2017).
 */
import type { RandomSequence } from '../random/philox.ts'
import type { Box } from './crop.ts'
import { blankRaster, type Fill, fillBytes, type Raster, shapeOf } from './raster.ts'
import {
  between,
  check,
  checkFill,
  checkInterval,
  checkProbability,
  defineTransform,
  type Transform,
} from './transform.ts'

/** A picture with a box of one color; the part of the box outside the picture is ignored. */
export function erase(image: Raster, box: Box, fill: Fill = 0): Raster {
  const color = fillBytes('erase', fill, image.channels)
  return eraseWith(image, box, at => color[at % image.channels]!)
}

/** Options of {@link cutout}. */
export interface CutoutOptions {
  /** Side of the square in pixels: 16 for CIFAR-10, 8 for CIFAR-100 in the paper. */
  readonly size: number
  /** Its color, 0 by default. The paper's is the mean of the training set, which is 0 after normalization. */
  readonly fill?: Fill
  /** Probability that a picture is erased, 1 by default. */
  readonly probability?: number
}

/**
 * A transform that erases a square around a random pixel; near a border, part of the square is lost.
 * @throws AugmentError for options out of range.
 * @example cutout({ size: 16, fill: [125, 123, 114] })
 */
export function cutout({ size, fill = 0, probability = 1 }: CutoutOptions): Transform {
  check('cutout', 'size', size, 'a whole number of at least 1', Number.isInteger(size) && size >= 1)
  checkFill('cutout', fill)
  checkProbability('cutout', probability)
  return defineTransform('cutout', { size, fill, probability }, (image, random) => {
    if (random.uniform() >= probability) return image
    const top = random.integer(image.height) - (size >> 1)
    const left = random.integer(image.width) - (size >> 1)
    return erase(image, { top, left, height: size, width: size }, fill)
  })
}

/** Options of {@link randomErasing}. */
export interface RandomErasingOptions {
  /** Probability that a picture is erased, ½ by default. */
  readonly probability?: number
  /** Fraction of the picture's area, `[0.02, 0.33]` by default. */
  readonly scale?: readonly [number, number]
  /** Height over width, `[0.3, 3.3]` by default; its logarithm is uniformly distributed. */
  readonly ratio?: readonly [number, number]
  /** A color, or `'random'` for a random value in every place; 0 by default. */
  readonly fill?: Fill | 'random'
}

/** A transform that erases a random rectangle. @throws AugmentError for options out of range. */
export function randomErasing(options: RandomErasingOptions = {}): Transform {
  const { probability = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], fill = 0 } = options
  checkProbability('randomErasing', probability)
  checkInterval('randomErasing', 'scale', scale, [0, 1])
  checkInterval('randomErasing', 'ratio', ratio, [Number.MIN_VALUE, Number.MAX_VALUE])
  if (fill !== 'random') checkFill('randomErasing', fill)
  return defineTransform('randomErasing', { probability, scale, ratio, fill }, (image, random) => {
    if (random.uniform() >= probability) return image
    const box = erasedBox(image, random, scale, ratio)
    if (!box) return image
    return fill === 'random' ? eraseWith(image, box, () => random.word() >>> 24) : erase(image, box, fill)
  })
}

/** The rectangle of random erasing; none when ten tries were all larger than the picture. */
function erasedBox(
  { height, width }: Raster,
  random: RandomSequence,
  scale: readonly [number, number],
  ratio: readonly [number, number],
): Box | undefined {
  const logRatio = [Math.log(ratio[0]), Math.log(ratio[1])] as const
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * between(random, scale)
    const aspect = Math.exp(between(random, logRatio))
    const h = Math.round(Math.sqrt(area * aspect))
    const w = Math.round(Math.sqrt(area / aspect))
    if (h >= height || w >= width || h < 1 || w < 1) continue
    return { top: random.integer(height - h + 1), left: random.integer(width - w + 1), height: h, width: w }
  }
  return undefined
}

function eraseWith(image: Raster, box: Box, value: (at: number) => number): Raster {
  const { height, width, channels } = image
  const out = blankRaster(shapeOf(image))
  out.pixels.set(image.pixels)
  const [first, last] = [Math.max(0, box.left) * channels, Math.min(width, box.left + box.width) * channels]
  for (let y = Math.max(0, box.top); y < Math.min(height, box.top + box.height); y++) {
    for (let i = first; i < last; i++) out.pixels[y * width * channels + i] = value(i)
  }
  return out
}
