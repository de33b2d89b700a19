/**
 * Data sets, splits and batches, with the parts that read files in Node.
 * @module fovea/data
 */
export { type CifarSource, cifar10, cifar100 } from './cifar.node.ts'
export { cacheFolder, type DownloadProgress } from './download.node.ts'
export { type FashionMnistSource, fashionMnist } from './fashionMnist.node.ts'
export { type ImageFiles, type ImageFolderOptions, imageFolder, type SkippedFile } from './folder.node.ts'
export {
  type DecodeOptions,
  decodeRaster,
  type ImageLimits,
  type ImageSource,
  prepareClothing,
  prepareColor,
  prepareDigit,
  prepareImage,
} from './image.node.ts'
export * from './index.ts'
export { type MnistOptions, mnist } from './mnist.node.ts'
export type { EndingCounts } from './otherFiles.ts'
export { type WorkerLoaderOptions, workerLoader } from './workers.node.ts'
