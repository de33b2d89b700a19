/** The normalization of images that is usual, for weights that do not say which one they were trained with. */
import type { NormalizeOptions } from '../nn/normalize.ts'
import type { ImageShape } from '../train/programs.ts'
import { datasets } from './datasets.ts'

/** Mean and standard deviation of ImageNet's photographs, which nearly all published weights for them expect. */
const imageNet: NormalizeOptions = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }
/** The averages of these. */
const grayImageNet: NormalizeOptions = { mean: [0.449], std: [0.226] }

/** That of the data set with images of this shape, otherwise ImageNet's. @param shape `[height, width, channels]` */
export function usualNormalization(shape: ImageShape): NormalizeOptions {
  const known = Object.values(datasets).find(entry => String(entry.shape) === String(shape))
  return known?.normalize ?? (shape[2] === 1 ? grayImageNet : imageNet)
}
