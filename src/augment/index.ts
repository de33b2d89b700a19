/**
 * Augmentation: transforms of pictures, pipelines of them, and views for test-time augmentation; in any JavaScript environment.
 * @module fovea/augment
 */
export { RandomSequence } from '../random/philox.ts'
export {
  type AffineParameters,
  affine,
  type Interpolation,
  type RandomAffineOptions,
  type RandomRotationOptions,
  randomAffine,
  randomRotation,
  rotate,
} from './affine.ts'
export {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  brightness,
  type ColorJitterOptions,
  colorJitter,
  contrast,
  type FactorOptions,
  type GrayscaleOptions,
  grayscale,
  type HueOptions,
  hue,
  saturation,
} from './color.ts'
export {
  Augmentation,
  type AugmentationSpec,
  type ComposeOptions,
  compose,
  type SampleKey,
  type TransformSpec,
} from './compose.ts'
export {
  type Border,
  type Box,
  type CenterCropOptions,
  centerCrop,
  centerCropOf,
  crop,
  type RandomCropOptions,
  randomCrop,
} from './crop.ts'
export { type CutoutOptions, cutout, erase, type RandomErasingOptions, randomErasing } from './erase.ts'
export { AugmentError, LabelSafetyError } from './errors.ts'
export {
  type FlipOptions,
  flipHorizontally,
  flipVertically,
  type HorizontalFlipOptions,
  horizontalFlip,
  verticalFlip,
} from './flip.ts'
export { areSymbols, type LabeledClasses, labelRisk } from './labelSafety.ts'
export { cutmix, type MixOptions, mixBatch, mixup, pasteBatch } from './mix.ts'
export { addNoise, type GaussianNoiseOptions, gaussianNoise } from './noise.ts'
export {
  type ColorComponents,
  imagenetColorComponents,
  type PcaColorOptions,
  pcaColor,
  shiftColor,
} from './pcaColor.ts'
export { type Fill, type Raster, type RasterShape, raster } from './raster.ts'
export { cifarAugmentation, digitAugmentation, imagenetAugmentation } from './recipes.ts'
export { type Resampling, resize } from './resample.ts'
export {
  cover,
  type RandomResizedCropOptions,
  randomResizedCrop,
  resizeShorterSide,
  type ScaleToOptions,
  scaleTo,
} from './resize.ts'
export { augmentationFrom, transformNames } from './table.ts'
export {
  type BatchTransform,
  customTransform,
  type LabelRisk,
  type MixBatch,
  type OptionValue,
  type Transform,
  type TransformOptions,
} from './transform.ts'
export { coverView, fiveCrop, flipViews, shiftViews, tenCrop, type Views } from './views.ts'
