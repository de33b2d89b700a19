/** Use of checkpoints with errors that name their file. */
import type { Module } from '../nn/module.ts'
import { loadState } from '../nn/state.ts'
import { type Checkpoint, CheckpointError, weightsOf } from './checkpoint.ts'

/**
 * Loads the weights of a checkpoint into a model that no engine runs yet.
 * @param file name of the checkpoint in messages
 * @throws CheckpointError naming the file and the tensors that do not fit.
 */
export async function loadCheckpoint(model: Module, checkpoint: Checkpoint, file: string): Promise<void> {
  await withFileName(file, () => loadState(model, weightsOf(checkpoint)))
}

/** Prefixes errors in the use of a checkpoint with the name of its file. @throws CheckpointError */
export async function withFileName<T>(file: string, use: () => T | Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    throw new CheckpointError(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
