/**
 * Reads files of `torch.save` (`.pth`, `.pt`, `.th`, `.bin`, `.ckpt`) without Python and without executing anything in
 * them.
 *
 * Such files are programs for Python's pickle machine. Only descriptions of tensors and plain data are taken from them
 * (see `pickle.ts` and `pytorchGlobals.ts`), and every length is checked before it is used.
 */
import { PickleError } from './pickleBytes.ts'
import { describeValue, PickleDictionary, PickleSequence, type PickleValue } from './pickleValues.ts'
import { ArchiveError, openArchive, type PyTorchArchive, unfoldedLimit } from './pytorchArchive.ts'
import { DenseTensor, UnreadTensor } from './pytorchGlobals.ts'
import { readTensor, TensorError, viewOf } from './pytorchTensors.ts'
import type { ByteSource } from './source.ts'
import { type FileTensor, type FileValue, WeightsError, type WeightsFile } from './weightsFile.ts'
import { ZipError } from './zip.ts'

/** Thrown for a broken file of `torch.save`, or a tensor of an unsupported kind. */
export class PyTorchFileError extends WeightsError {
  override readonly name = 'PyTorchFileError'
}

/**
 * Opens a file of `torch.save`: the zip format (PyTorch 1.6 and later, also compressed afterwards) or the stream before
 * it; tensors in dictionaries and lists of any form. The path of a file that is one tensor is `''`. Objects of other
 * classes are skipped; tensors whose values are not read (sparse, quantized, complex) are listed, and refused when they
 * are read.
 * @throws PyTorchFileError for TorchScript, big-endian files and broken ones.
 */
export async function openPyTorch(source: ByteSource): Promise<WeightsFile> {
  const archive = await ruled(source.name, undefined, openArchive(source))
  const collector = new Collector(source, archive)
  collector.collect(archive.value)
  return { name: source.name, tensors: collector.tensors, other: collector.other }
}

/** A result, or its error with the name of the file, and of the tensor. */
async function ruled<T>(file: string, tensor: string | undefined, result: Promise<T>): Promise<T> {
  try {
    return await result
  } catch (error) {
    throw named(error, file, tensor)
  }
}

/** An error with the name of the file, and of the tensor, when it is about these. */
function named(error: unknown, file: string, tensor?: string): unknown {
  const isRule = [PickleError, ZipError, ArchiveError, TensorError].some(kind => error instanceof kind)
  return isRule ? new PyTorchFileError(file, (error as Error).message, tensor, { cause: error }) : error
}

/** Deepest nesting of containers, and longest path in characters. */
const maxDepth = 64
const maxPath = 1024
/**
 * Containers may be shared, and so be met many times, with ever longer paths. These are the limits on the values
 * visited and on the total characters of their paths.
 */
const maxVisits = 2_000_000
const maxCharacters = 64 * 2 ** 20

/** Walks what was saved and sorts it into tensors and the rest. */
class Collector {
  readonly tensors = new Map<string, FileTensor>()
  readonly other = new Map<string, FileValue>()
  readonly #source: ByteSource
  readonly #archive: PyTorchArchive
  /** True when a list holds tensors or containers; remembered because shared lists are met again. */
  readonly #holds = new Map<PickleSequence, boolean>()
  #visits = 0
  #characters = 0

  constructor(source: ByteSource, archive: PyTorchArchive) {
    this.#source = source
    this.#archive = archive
  }

  collect(value: PickleValue): void {
    if (entriesOf(value)) this.#descend(value, undefined, 0)
    else this.#visit(value, '', 0)
  }

  /** @param path of the container; undefined at the top */
  #descend(container: PickleValue, path: string | undefined, depth: number): void {
    if (depth > maxDepth) this.#fail(`containers are nested more than ${maxDepth} deep`)
    for (const [key, value] of entriesOf(container) ?? []) {
      const name = typeof key === 'string' ? key : describeValue(key)
      this.#visit(value, path === undefined ? name : `${path}.${name}`, depth)
    }
  }

  #visit(value: PickleValue, path: string, depth: number): void {
    this.#characters += path.length
    if (path.length > maxPath) this.#fail(`a path of more than ${maxPath} characters`)
    if (++this.#visits > maxVisits || this.#characters > maxCharacters) this.#fail('the same containers come too often')
    if (isTensor(value)) {
      if (this.tensors.has(path)) this.#fail('two tensors have this path', path)
      this.tensors.set(path, this.#tensor(value, path))
    } else if (this.#mayHoldTensors(value)) this.#descend(value, path, depth + 1)
    else this.other.set(path, simple(value))
  }

  /** False for empty dictionaries and for lists of plain values, which are named but not listed. */
  #mayHoldTensors(value: PickleValue): boolean {
    if (value instanceof PickleDictionary) return value.entries.size > 0
    if (!(value instanceof PickleSequence)) return false
    const holds = this.#holds.get(value) ?? value.items.some(item => isTensor(item) || entriesOf(item) !== undefined)
    this.#holds.set(value, holds)
    return holds
  }

  #tensor(value: DenseTensor | UnreadTensor, path: string): FileTensor {
    const file = this.#source.name
    if (value instanceof UnreadTensor) {
      const { kind, shape } = value
      const rule = `${kind} tensors are not read, only dense ones of real numbers`
      return { dtype: kind, shape, read: () => Promise.reject(new PyTorchFileError(file, rule, path)) }
    }
    try {
      const view = viewOf(value)
      const read = () => readTensor(this.#archive, value, view, unfoldedLimit(this.#source))
      return { dtype: view.type, shape: view.shape, read: () => ruled(file, path, read()) }
    } catch (error) {
      throw named(error, file, path)
    }
  }

  #fail(rule: string, tensor?: string): never {
    throw new PyTorchFileError(this.#source.name, rule, tensor)
  }
}

/** Entries of a container, keyed by position in sequences; undefined for anything else. */
function entriesOf(value: PickleValue): Iterable<readonly [PickleValue, PickleValue]> | undefined {
  if (value instanceof PickleDictionary) return value.entries
  return value instanceof PickleSequence ? value.items.entries() : undefined
}

function simple(value: PickleValue): FileValue {
  return typeof value === 'object' && value !== null ? { skipped: describeValue(value) } : value
}

const isTensor = (value: PickleValue): value is DenseTensor | UnreadTensor =>
  value instanceof DenseTensor || value instanceof UnreadTensor
