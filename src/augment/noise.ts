/** Gaussian noise: training on noisy pictures makes a network smooth in its input (Bishop 1995). */
import { normalsFromWords, type RandomSequence } from '../random/philox.ts'
import { blankRaster, type Raster, shapeOf, toByte } from './raster.ts'
import { check, defineTransform, type Transform } from './transform.ts'

/** A picture with normal random numbers of standard deviation `sigma` (of 255) added to every value. */
export function addNoise(image: Raster, sigma: number, random: RandomSequence): Raster {
  if (sigma === 0) return image
  const out = blankRaster(shapeOf(image))
  const { pixels } = image
  for (let i = 0; i < pixels.length; i += 4) {
    const normals = normalsFromWords([random.word(), random.word(), random.word(), random.word()])
    const most = Math.min(4, pixels.length - i)
    for (let k = 0; k < most; k++) out.pixels[i + k] = toByte(pixels[i + k]! + sigma * normals[k]!)
  }
  return out
}

/** Options of {@link gaussianNoise}. */
export interface GaussianNoiseOptions {
  /** Standard deviation, of pixels from 0 to 1; 0.05 by default. */
  readonly sigma?: number
}

/** A transform that adds Gaussian noise. @throws AugmentError for a negative sigma. @example gaussianNoise({ sigma: 0.1 }) */
export function gaussianNoise({ sigma = 0.05 }: GaussianNoiseOptions = {}): Transform {
  check('gaussianNoise', 'sigma', sigma, 'a number of at least 0', sigma >= 0 && Number.isFinite(sigma))
  return defineTransform('gaussianNoise', { sigma }, (image, random) => addNoise(image, 255 * sigma, random))
}
