/**
 * Classifiers: a trained network in one file, with its classes and its picture preprocessing, used as a function of a
 * picture.
 * @module fovea/classifier
 */
export {
  type ClassifierContents,
  type ClassifierInfo,
  readClassifier,
  subjects,
  type WriteClassifierOptions,
  writeClassifier,
} from './artifact.ts'
export {
  type Classifier,
  type ClassifierSource,
  type ClassifyOptions,
  type ClassProbability,
  type LoadClassifierOptions,
  loadClassifier,
} from './classifier.ts'
export { ClassifierError } from './errors.ts'
export type { Picture, PixelData } from './pictures.ts'
export { type WeightType, weightTypes } from './weightData.ts'
export { classifierInWorker, type MessagePortLike, serveClassifier, type WorkerOptions } from './worker.ts'
