/**
 * The door of classifiers in Node: adds files by their path, run folders, and pictures that are files.
 * @module fovea/classifier
 */
export { type FilePicture, loadClassifier } from '../runs/loadClassifier.node.ts'
export * from './index.ts'
