/**
 * Data sets, splits and batches, with the parts that read files in Node.
 * @module fovea/data
 */
export { type CifarSource, cifar10, cifar100 } from './cifar.node.ts'
export { cacheFolder, type DownloadProgress } from './download.node.ts'
export { type ImageLimits, type ImageSource, prepareColor, prepareDigit, prepareImage } from './image.node.ts'
export * from './index.ts'
export { type MnistOptions, mnist } from './mnist.node.ts'
