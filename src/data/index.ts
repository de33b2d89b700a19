/** Data sets, splits and batches, in any JavaScript environment. */
export { type ImageArrays, imageDataset } from './arrays.ts'
export type { DatasetSplits, ImageDataset } from './dataset.ts'
export { type DigitOptions, type GrayImage, prepareGrayDigit } from './digit.ts'
export { DatasetError, ImageError } from './errors.ts'
export { type IdxFile, idxDataset, type NamedBytes, parseIdx } from './idx.ts'
export { BatchLoader, type LoaderOptions } from './loader.ts'
export { type Subset, splitDataset, subsetOf, type TrainValidation } from './split.ts'
