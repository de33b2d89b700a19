/**
 * Data sets, splits and batches, with the parts that read files in Node.
 * @module fovea/data
 */
export { type ImageLimits, type ImageSource, prepareColor, prepareDigit, prepareImage } from './image.node.ts'
export * from './index.ts'
export { type MnistOptions, mnist } from './mnist.node.ts'
