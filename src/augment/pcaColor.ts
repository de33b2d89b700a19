/**
 * AlexNet's color augmentation (Krizhevsky, Sutskever, Hinton 2012, section 4.1): to every pixel is added
 * [p₁ p₂ p₃] [α₁λ₁ α₂λ₂ α₃λ₃]ᵀ, where pᵢ and λᵢ are the principal directions of the training set's RGB values and how
 * much they vary, and αᵢ ~ N(0, 0.1) is drawn once for a picture: what a change of the light's color and strength does.
 */
import { blankRaster, type Raster, shapeOf, toByte } from './raster.ts'
import { check, defineTransform, type Transform } from './transform.ts'

/** Principal components of RGB values from 0 to 1. */
export interface ColorComponents {
  /** λ: the eigenvalue of the covariance of each component. */
  readonly values: readonly [number, number, number]
  /** p: `vectors[i]` is the direction of component i in RGB. */
  readonly vectors: readonly (readonly [number, number, number])[]
}

/**
 * Of ImageNet's training images, as published with fb.resnet.torch; with σ = 0.1 the first moves a picture by about 3
 * of 255 gray levels.
 */
export const imagenetColorComponents: ColorComponents = {
  values: [0.2175, 0.0188, 0.0045],
  vectors: [
    [-0.5675, -0.5808, -0.5836],
    [0.7192, -0.0045, -0.6948],
    [0.4009, -0.814, 0.4203],
  ],
}

/** A picture with Σ αᵢλᵢ·pᵢ added to every pixel. Pictures that are not RGB stay unchanged. */
export function shiftColor(image: Raster, alphas: readonly number[], components: ColorComponents): Raster {
  if (image.channels !== 3) return image
  const { values, vectors } = components
  const tables = [0, 1, 2].map(channel => {
    let shift = 0
    for (let i = 0; i < 3; i++) shift += 255 * alphas[i]! * values[i]! * vectors[i]![channel]!
    return Uint8Array.from({ length: 256 }, (_, value) => toByte(value + shift))
  })
  const out = blankRaster(shapeOf(image))
  for (let i = 0; i < out.pixels.length; i++) out.pixels[i] = tables[i % 3]![image.pixels[i]!]!
  return out
}

/** Options of {@link pcaColor}. */
export interface PcaColorOptions {
  /** Standard deviation of α, 0.1 by default. */
  readonly sigma?: number
  /** ImageNet's by default; `colorComponents` of `fovea/data` computes those of a training set. */
  readonly components?: ColorComponents
}

/**
 * A transform that shifts the colors of a picture along the principal components.
 * @throws AugmentError for a negative sigma or components that are not 3 × 3.
 */
export function pcaColor({ sigma = 0.1, components = imagenetColorComponents }: PcaColorOptions = {}): Transform {
  check('pcaColor', 'sigma', sigma, 'a number of at least 0', sigma >= 0 && Number.isFinite(sigma))
  const { values, vectors } = components
  const isSquare = values.length === 3 && vectors.length === 3 && vectors.every(vector => vector.length === 3)
  check('pcaColor', 'components', components, 'three values and three vectors of three numbers', isSquare)
  const copy = { values: [...values], vectors: vectors.map(vector => [...vector]) }
  return defineTransform('pcaColor', { sigma, components: copy }, (image, random) =>
    shiftColor(image, [sigma * random.normal(), sigma * random.normal(), sigma * random.normal()], components),
  )
}
