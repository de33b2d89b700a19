/**
 * The door of training in Node: adds run folders, checkpoint files, TensorBoard's event files, and weights by their path.
 * @module fovea/train
 */
export { readCheckpoint, writeCheckpoint } from './checkpoint.node.ts'
export type { LoggedEvent } from './eventLog.node.ts'
export * from './index.ts'
export { type Resumed, RunFolder, RunFolderError, type RunFolderOptions } from './runFolder.node.ts'
export { hasTensorBoardLog, TensorBoardLog } from './tensorboard.node.ts'
export { loadWeights } from './weights.node.ts'
