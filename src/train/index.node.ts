/**
 * The door of training in Node: adds run folders, checkpoint files, TensorBoard's event files, and weights by path.
 * @module fovea/train
 */
export { readCheckpoint, writeCheckpoint } from '../runs/checkpointFile.node.ts'
export { RunFolderError } from '../runs/errors.ts'
export type { LoggedEvent } from '../runs/eventLine.ts'
export { type Resumed, RunFolder, type RunFolderOptions } from '../runs/runFolder.node.ts'
export { hasTensorBoardLog, TensorBoardLog } from '../runs/tensorboard.node.ts'
export * from './index.ts'
export { loadWeights } from './weights.node.ts'
