/**
 * The door of training in Node: adds run folders and checkpoint files.
 * @module fovea/train
 */
export { readCheckpoint, writeCheckpoint } from './checkpoint.node.ts'
export type { LoggedEvent } from './eventLog.node.ts'
export * from './index.ts'
export { type Resumed, RunFolder, RunFolderError, type RunFolderOptions } from './runFolder.node.ts'
