/**
 * The networks of the lectures, and a catalog of them by name.
 * @module fovea/models
 */
export { findModel, type ModelEntry, type ModelName, models } from './catalog.ts'
export { type LeNet5, type LeNet5Options, lenet5 } from './lenet.ts'
