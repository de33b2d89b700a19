/** All transforms by name, and pipelines from their descriptions as data. */
import { randomAffine, randomRotation } from './affine.ts'
import { brightness, colorJitter, contrast, grayscale, hue, saturation } from './color.ts'
import { type Augmentation, compose } from './compose.ts'
import { centerCrop, randomCrop } from './crop.ts'
import { cutout, randomErasing } from './erase.ts'
import { AugmentError } from './errors.ts'
import { horizontalFlip, verticalFlip } from './flip.ts'
import { cutmix, mixup } from './mix.ts'
import { gaussianNoise } from './noise.ts'
import { pcaColor } from './pcaColor.ts'
import { randomResizedCrop, scaleTo } from './resize.ts'
import type { BatchTransform, Transform } from './transform.ts'

const table = {
  brightness,
  centerCrop,
  colorJitter,
  contrast,
  cutmix,
  cutout,
  gaussianNoise,
  grayscale,
  horizontalFlip,
  hue,
  mixup,
  pcaColor,
  randomAffine,
  randomCrop,
  randomErasing,
  randomResizedCrop,
  randomRotation,
  saturation,
  scaleTo,
  verticalFlip,
}

/** Names of all transforms. */
export const transformNames: readonly string[] = Object.keys(table)

/**
 * A pipeline from data: what {@link Augmentation.spec} gave, or JSON of that form.
 * @throws AugmentError for another form, an unknown transform or option, or an option out of its range.
 * @example augmentationFrom({ transforms: [{ name: 'horizontalFlip', options: { probability: 0.5 } }] })
 */
export function augmentationFrom(spec: unknown): Augmentation {
  const { transforms, allowLabelChanges = false, ...unknown } = record(spec, 'an augmentation')
  const [extra] = Object.keys(unknown)
  if (extra !== undefined) throw new AugmentError(`augmentation: unknown field '${extra}'`)
  if (!Array.isArray(transforms)) throw new AugmentError('augmentation: transforms must be a list')
  if (typeof allowLabelChanges !== 'boolean') {
    throw new AugmentError('augmentation: allowLabelChanges must be true or false')
  }
  return compose(transforms.map(transformFrom), { allowLabelChanges })
}

function transformFrom(spec: unknown): Transform | BatchTransform {
  const { name, options = {} } = record(spec, 'a transform')
  if (typeof name !== 'string' || !Object.hasOwn(table, name)) {
    throw new AugmentError(`unknown transform '${String(name)}'; available: ${transformNames.join(', ')}`)
  }
  const given = record(options, `${name}: its options`)
  // Every factory checks its options, so its argument may be anything.
  const make = table[name as keyof typeof table] as (options: object) => Transform | BatchTransform
  const made = make(given)
  const unknown = Object.keys(given).find(key => !Object.hasOwn(made.options ?? {}, key))
  if (unknown !== undefined) {
    throw new AugmentError(
      `${name}: unknown option '${unknown}'; available: ${Object.keys(made.options ?? {}).join(', ')}`,
    )
  }
  return made
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new AugmentError(`${what} must be an object, got ${JSON.stringify(value)}`)
}
