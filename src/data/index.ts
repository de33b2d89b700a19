/** Data sets, splits and batches, in any JavaScript environment. */
export { type ImageArrays, imageDataset } from './arrays.ts'
export type { BatchSource, LoaderFactory, LoaderOptions } from './batches.ts'
export { cifar10Classes, cifar100Classes } from './cifar.ts'
export { prepareGrayClothing } from './clothing.ts'
export { createLoader } from './createLoader.ts'
export type { DatasetSplits, ImageCollection, ImageDataset, StoredImages, Subset } from './dataset.ts'
export { type DigitOptions, type GrayImage, prepareGrayDigit } from './digit.ts'
export { DatasetError, ImageError, SplitError } from './errors.ts'
export { fashionMnistClasses } from './fashionMnist.ts'
export { type IdxFile, idxDataset, type NamedBytes, parseIdx } from './idx.ts'
export { BatchLoader } from './loader.ts'
export { fitPatchFilters, type PatchFilterOptions } from './patches.ts'
export { type InputShape, type PrepareOptions, prepareRaster } from './prepare.ts'
export { rasterOf } from './rasters.ts'
export { splitDataset, subsetOf, type TrainValidation } from './split.ts'
export {
  type ChannelStatistics,
  channelStatistics,
  colorComponents,
  fitWhitening,
  type MeanImage,
  meanImage,
  type StatisticsOptions,
  type WhiteningKind,
  type WhiteningOptions,
  type WhiteningValues,
} from './statistics.ts'
export { type StreamOptions, type StreamSample, streamBatches } from './stream.ts'
