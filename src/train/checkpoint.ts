/**
 * A checkpoint: everything that a run needs to go on as if it had never stopped, and everything that the model needs to
 * be used. Two files: the tensors in safetensors format, which other programs read as well, and a JSON description
 *
 *     { "format": "fovea-checkpoint", "version": 1, "tensors": { "bytes": …, "sha256": … }, "progress": …, "recipe": … }
 *
 * whose hash proves that the tensors are complete and unchanged. Equal contents give equal bytes: no times, no names of machines.
 */
import { readSafetensors, SafetensorsError, tensorValues, writeSafetensors } from '../formats/index.ts'
import type { TypedArray } from '../graph/variable.ts'
import { fromJson, isRecord, toJson } from './json.ts'

/** A tensor as it is stored. */
export interface StoredTensor {
  readonly shape: readonly number[]
  /** Row-major. */
  readonly values: TypedArray
}

/** Where a run is: what `fit` needs to go on from here. May hold more, as JSON. */
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
  /** By path: `model.conv1.weight`, `optimizer.momentum.conv1.weight`, `average.conv1.weight`, … */
  readonly tensors: ReadonlyMap<string, StoredTensor>
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
  /** Of `tensors`, hexadecimal: equal for equal weights and optimizer state. */
  readonly sha256: string
}

/** Thrown for a checkpoint that is missing, truncated, corrupt or of another version. Names the file. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError'
}

/**
 * A checkpoint as the contents of its two files. The tensors are copied before this returns its promise, so that training
 * may go on meanwhile.
 *
 * @throws CheckpointError when `progress` has no whole numbers `epoch`, `batch` and `step`.
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
 * The checkpoint that two files hold.
 *
 * @param files contents of the two files
 * @param names what to call them in error messages
 * @throws CheckpointError naming the file that is truncated, corrupt, or no part of a checkpoint.
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
  return { tensors: readTensors(files.tensors, names.tensors), progress, recipe }
}

/**
 * The tensors whose paths begin with a word and a dot, without it: `tensorsOf(checkpoint, 'model')` has `conv1.weight` for
 * `model.conv1.weight`.
 */
export function tensorsOf(checkpoint: Pick<Checkpoint, 'tensors'>, part: string): Map<string, StoredTensor> {
  const prefix = `${part}.`
  const found = new Map<string, StoredTensor>()
  for (const [path, tensor] of checkpoint.tensors) {
    if (path.startsWith(prefix)) found.set(path.slice(prefix.length), tensor)
  }
  return found
}

/**
 * The tensors of the model to use: the averaged ones of a run that averages, and the trained ones where there is no average.
 * By their paths in the model.
 */
export function weightsOf(checkpoint: Pick<Checkpoint, 'tensors'>): Map<string, StoredTensor> {
  return new Map([...tensorsOf(checkpoint, 'model'), ...tensorsOf(checkpoint, 'average')])
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

function readTensors(bytes: Uint8Array, name: string): Map<string, StoredTensor> {
  try {
    const found = new Map<string, StoredTensor>()
    for (const [path, tensor] of readSafetensors(bytes, name).tensors) {
      const values = tensorValues(tensor)
      if (!(values instanceof Float32Array || values instanceof Int32Array || values instanceof Uint8Array)) {
        throw new CheckpointError(`${name}: ${path} is of type ${tensor.dtype}, expected F32, I32 or U8`)
      }
      found.set(path, { shape: tensor.shape, values })
    }
    return found
  } catch (error) {
    if (error instanceof SafetensorsError) throw new CheckpointError(error.message)
    throw error
  }
}

async function sha256Of(bytes: Uint8Array): Promise<string> {
  // Web Crypto refuses shared memory; a copy is made of that, and only of that.
  const plain = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', plain))
  return Array.from(digest, byte => byte.toString(16).padStart(2, '0')).join('')
}
