/** Checkpoints that are used under the name of their file, so that what does not fit names it. */
import type { Module } from '../nn/module.ts'
import { loadState } from '../nn/state.ts'
import { type Checkpoint, CheckpointError, weightsOf } from './checkpoint.ts'

/**
 * Puts the weights of a checkpoint into a model that no engine runs yet.
 * @param file what to call the checkpoint in messages
 * @throws CheckpointError naming the file and the tensors that do not fit.
 */
export async function loadCheckpoint(model: Module, checkpoint: Checkpoint, file: string): Promise<void> {
  await naming(file, () => loadState(model, weightsOf(checkpoint)))
}

/** Uses a checkpoint, so that what does not fit names its file. @throws CheckpointError */
export async function naming<T>(file: string, use: () => T | Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    throw new CheckpointError(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
