/** Checkpoints as files: `step-000430.safetensors` with `step-000430.json` beside it. */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readWhole } from '../formats/source.node.ts'
import { WeightsError } from '../formats/weightsFile.ts'
import { type Checkpoint, CheckpointError, decodeCheckpoint, encodeCheckpoint } from '../train/checkpoint.ts'
import { writeAtomic } from './atomicFile.node.ts'

/** Name of the tensor file of a step. */
export const checkpointName = (step: number) => `step-${String(step).padStart(6, '0')}${extension}`

/** The step in a checkpoint's file name; undefined for other names. */
export function checkpointStep(name: string): number | undefined {
  const match = /^step-(\d{6,15})\.safetensors$/.exec(name)
  return match ? Number(match[1]) : undefined
}

/**
 * Writes a checkpoint into a folder, tensors first: a checkpoint without its description is unfinished. The values are
 * copied before the promise is returned.
 *
 * @returns the path of the tensor file
 */
export async function writeCheckpoint(folder: string, checkpoint: Checkpoint): Promise<string> {
  const { tensors, description } = await encodeCheckpoint(checkpoint)
  const path = join(folder, checkpointName(checkpoint.progress.step))
  await writeAtomic(path, tensors)
  await writeAtomic(descriptionPath(path), description)
  return path
}

/**
 * Reads and verifies a checkpoint.
 *
 * @param path of the tensor file; the description is beside it
 * @throws CheckpointError naming the file that is missing, truncated or corrupt.
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  if (!path.endsWith(extension)) throw new CheckpointError(`${path}: expected the path of a ${extension} file`)
  const names = { tensors: path, description: descriptionPath(path) }
  const description = await readPart(names.description)
  const tensors = await readPart(names.tensors)
  return decodeCheckpoint({ tensors, description: new TextDecoder().decode(description) }, names)
}

/** The steps of all checkpoints in a folder, finished or not, in ascending order. */
export async function checkpointSteps(folder: string): Promise<number[]> {
  const steps = (await readdir(folder)).map(checkpointStep).filter(step => step !== undefined)
  return steps.sort((a, b) => a - b)
}

/** Deletes a checkpoint, its description first. */
export async function removeCheckpoint(folder: string, step: number): Promise<void> {
  const path = join(folder, checkpointName(step))
  await rm(descriptionPath(path), { force: true })
  await rm(path, { force: true })
}

const extension = '.safetensors'

const descriptionPath = (path: string) => `${path.slice(0, -extension.length)}.json`

async function readPart(path: string): Promise<Uint8Array> {
  try {
    return await readWhole(path)
  } catch (error) {
    throw error instanceof WeightsError ? new CheckpointError(error.message, { cause: error }) : error
  }
}
