/**
 * A checkpoint: everything that a run needs to resume as if it had never stopped, and everything that the model needs
 * to be used. Two files: the tensors in safetensors format, which other programs read as well, and a JSON description
 *
 *     { "format": "fovea-checkpoint", "version": 1, "tensors": { "bytes": …, "sha256": … }, "progress": …, "recipe": … }
 *
 * whose hash proves that the tensors are complete and unchanged. Equal contents give equal bytes: there are no times
 * and no machine names in them.
 */
import { openSafetensors, SafetensorsError, writeSafetensors } from '../formats/safetensors.ts'
import { sha256 as sha256Of } from '../formats/sha256.ts'
import { bytesSource } from '../formats/source.ts'
import type { HostTensor } from '../graph/variable.ts'
import { isRecord } from '../rules/record.ts'
import { fromJson, toJson } from './json.ts'

/** Position of a run, from which `fit` can resume. It may have further fields of JSON. */
export interface Progress {
  /** Epoch the next step belongs to, from 1. */
  readonly epoch: number
  /** Batches of that epoch already done. */
  readonly batch: number
  /** Optimizer steps done. */
  readonly step: number
  readonly [more: string]: unknown
}

/** The state of a run. */
export interface Checkpoint {
  /** Tensors by path: `model.conv1.weight`, `optimizer.momentum.conv1.weight`, `average.conv1.weight`, … */
  readonly tensors: ReadonlyMap<string, HostTensor>
  readonly progress: Progress
  /** The recipe of the run as resolved, JSON. */
  readonly recipe: unknown
}

/** A checkpoint as bytes. */
export interface EncodedCheckpoint {
  /** Contents of the safetensors file. */
  readonly tensors: Uint8Array<ArrayBuffer>
  /** Contents of the JSON file. */
  readonly description: string
  /** Hash of `tensors`, hexadecimal: equal for equal weights and optimizer state. */
  readonly sha256: string
}

/** Thrown for a checkpoint that is missing, truncated, corrupt or of another version. Names the file. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError'
}

/**
 * A checkpoint as the contents of its two files. The tensors are copied before the promise is returned, so that
 * training may continue meanwhile.
 *
 * @throws CheckpointError when `epoch`, `batch` or `step` of `progress` is not a whole number.
 */
export async function encodeCheckpoint(checkpoint: Checkpoint): Promise<EncodedCheckpoint> {
  checkProgress(checkpoint.progress, 'checkpoint')
  const tensors = writeSafetensors(checkpoint.tensors)
  const progress: unknown = JSON.parse(toJson(checkpoint.progress)) // a copy, with NaN as text
  const recipe = JSON.stringify(checkpoint.recipe ?? null)
  const sha256 = await sha256Of(tensors)
  const contents = { format, version, tensors: { bytes: tensors.length, sha256 }, progress, recipe: JSON.parse(recipe) }
  return { tensors, description: `${JSON.stringify(contents, undefined, 2)}\n`, sha256 }
}

/**
 * The checkpoint in two files.
 *
 * @param files contents of the two files
 * @param names what to call them in error messages
 * @throws CheckpointError naming the file that is truncated, corrupt, or not part of a checkpoint.
 */
export async function decodeCheckpoint(
  files: { readonly tensors: Uint8Array; readonly description: string },
  names: { readonly tensors: string; readonly description: string } = {
    tensors: 'tensors',
    description: 'description',
  },
): Promise<Checkpoint> {
  const { bytes, sha256, progress, recipe } = readDescription(files.description, names.description)
  const length = files.tensors.length
  if (length !== bytes) {
    const what = length < bytes ? 'truncated' : 'too long'
    throw new CheckpointError(`${names.tensors}: ${what}: ${length} bytes, expected ${bytes}`)
  }
  const actual = await sha256Of(files.tensors)
  if (actual !== sha256) {
    throw new CheckpointError(
      `${names.tensors}: corrupt: its SHA-256 is ${actual}, ${names.description} says ${sha256}`,
    )
  }
  return { tensors: await readTensors(files.tensors, names.tensors), progress, recipe }
}

/**
 * The tensors whose paths begin with a word and a dot, with that prefix removed: `tensorsOf(checkpoint, 'model')` has
 * `conv1.weight` for `model.conv1.weight`.
 */
export function tensorsOf(checkpoint: Pick<Checkpoint, 'tensors'>, part: string): Map<string, HostTensor> {
  const prefix = `${part}.`
  const found = new Map<string, HostTensor>()
  for (const [path, tensor] of checkpoint.tensors) {
    if (path.startsWith(prefix)) found.set(path.slice(prefix.length), tensor)
  }
  return found
}

/**
 * The weights of a checkpoint, by their paths in the model: averaged weights where there are any, and trained weights
 * otherwise. Everything follows this rule except resuming, which keeps both. With `average: false`, always the weights
 * of the last step.
 */
export function weightsOf(
  checkpoint: Pick<Checkpoint, 'tensors'>,
  { average = true }: { readonly average?: boolean | undefined } = {},
): Map<string, HostTensor> {
  return new Map([...tensorsOf(checkpoint, 'model'), ...(average ? tensorsOf(checkpoint, 'average') : [])])
}

const format = 'fovea-checkpoint'
const version = 1

function readDescription(text: string, name: string) {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new CheckpointError(`${name}: truncated or corrupt: ${(error as Error).message}`)
  }
  if (!isRecord(value) || value.format !== format) throw new CheckpointError(`${name}: does not describe a checkpoint`)
  if (value.version !== version) {
    throw new CheckpointError(
      `${name}: checkpoint of format version ${String(value.version)}, this program reads ${version}`,
    )
  }
  const { tensors, progress, recipe } = value
  if (!isRecord(tensors) || typeof tensors.bytes !== 'number' || typeof tensors.sha256 !== 'string') {
    throw new CheckpointError(`${name}: size and SHA-256 of the tensors are missing`)
  }
  checkProgress(progress, name)
  return {
    bytes: tensors.bytes,
    sha256: tensors.sha256,
    progress: fromJson(JSON.stringify(progress)) as Progress,
    recipe,
  }
}

function checkProgress(progress: unknown, name: string): void {
  for (const key of ['epoch', 'batch', 'step']) {
    const count = isRecord(progress) ? progress[key] : undefined
    if (!Number.isSafeInteger(count) || (count as number) < 0) {
      throw new CheckpointError(`${name}: progress.${key} (=${String(count)}) must be a whole number of at least 0`)
    }
  }
}

/** The tensors of a checkpoint's file. @throws CheckpointError naming the file, and a tensor of another type */
export async function readTensors(bytes: Uint8Array, name: string): Promise<Map<string, HostTensor>> {
  try {
    const found = new Map<string, HostTensor>()
    for (const [path, tensor] of (await openSafetensors(bytesSource(bytes, name))).tensors) {
      const values = await tensor.read()
      if (!(values instanceof Float32Array || values instanceof Int32Array || values instanceof Uint8Array)) {
        throw new CheckpointError(`${name}: ${path} is of type ${tensor.dtype}, expected float32, int32 or uint8`)
      }
      found.set(path, { shape: tensor.shape, values })
    }
    return found
  } catch (error) {
    if (error instanceof SafetensorsError) throw new CheckpointError(error.message)
    throw error
  }
}
