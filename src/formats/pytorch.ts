/**
 * Reads files of `torch.save` (`.pth`, `.pt`, `.th`, `.bin`) without Python and without executing anything in them.
 *
 * Pure functions on bytes, so that the same code reads a file in Node and a download in a browser. Such files are
 * programs for Python's pickle machine; only those that describe tensors and plain data are read, see `pickle.ts` and
 * `pytorchGlobals.ts`, and no length in them is believed before it is checked.
 */
import { PickleError } from './pickleBytes.ts'
import { describeValue, PickleDictionary, PickleSequence, type PickleValue } from './pickleValues.ts'
import { ArchiveError, openArchive, openCompressedArchive, type PyTorchArchive } from './pytorchArchive.ts'
import {
  type PyTorchDictionary,
  type PyTorchFile,
  PyTorchFileError,
  type PyTorchOther,
  type PyTorchTensor,
} from './pytorchFile.ts'
import { TensorReference } from './pytorchGlobals.ts'
import { TensorError, TensorReader } from './pytorchTensors.ts'
import { ZipError } from './zip.ts'

/**
 * Reads a file of `torch.save`: the zip format (PyTorch 1.6 and later) or the stream before it; dense tensors of any
 * strides, in dictionaries and lists of any form. The name of a file that is one tensor is `''`.
 *
 * @param bytes the whole file; tensors are views of it where they can be
 * @param file how to call the file in error messages
 * @throws PyTorchFileError naming what is refused: whole pickled modules, other classes and functions, TorchScript,
 *   sparse, quantized and complex tensors, big-endian files, damaged archives, and compressed ones, which
 *   {@link readCompressedPyTorch} reads.
 *
 * @example
 * const { tensors, other } = readPyTorch(await readFile('checkpoint.pth'), 'checkpoint.pth')
 * tensors.get('state_dict.conv1.weight') // { dtype: 'float32', shape: [16, 3, 3, 3], values: Float32Array(432) }
 * other.get('epoch') // 90
 */
export function readPyTorch(bytes: Uint8Array, file = 'PyTorch file'): PyTorchFile {
  try {
    return collect(openArchive(plain(bytes)), file)
  } catch (error) {
    throw named(error, file)
  }
}

/**
 * Reads a file of `torch.save` that may have been compressed afterwards (zip's usual method, deflate); any other as
 * {@link readPyTorch} does.
 * @throws PyTorchFileError as {@link readPyTorch}, and when the archive unfolds to more than about 16 times its size.
 */
export async function readCompressedPyTorch(bytes: Uint8Array, file = 'PyTorch file'): Promise<PyTorchFile> {
  try {
    return collect(await openCompressedArchive(plain(bytes)), file)
  } catch (error) {
    throw named(error, file)
  }
}

/** Not the Buffer of Node: its `slice` differs from every other array's. */
const plain = ({ buffer, byteOffset, length }: Uint8Array) => new Uint8Array(buffer, byteOffset, length)

function collect(archive: PyTorchArchive, file: string): PyTorchFile {
  const collector = new Collector(file, new TensorReader(archive, archive.bytes))
  const root = collector.collect(archive.value)
  return { file, tensors: collector.tensors, other: collector.other, root }
}

/** The error with the name of the file, when it is about the file. */
function named(error: unknown, file: string): unknown {
  const isRule = error instanceof PickleError || error instanceof ZipError || error instanceof ArchiveError
  return isRule ? new PyTorchFileError(file, error.message) : error
}

/** Deepest nesting of containers, and longest path in characters. */
const maxDepth = 64
const maxPath = 1024
/**
 * Containers may be shared, and so be met many times, with ever longer paths: the most values that are visited, and
 * characters of their paths in total.
 */
const maxVisits = 2_000_000
const maxCharacters = 64 * 2 ** 20

/** Walks what was saved and sorts it into tensors and the rest. */
class Collector {
  readonly tensors = new Map<string, PyTorchTensor>()
  readonly other = new Map<string, PyTorchOther>()
  readonly #file: string
  readonly #reader: TensorReader
  /** Whether a list holds tensors or containers; remembered because shared lists are met again. */
  readonly #holds = new Map<PickleSequence, boolean>()
  #visits = 0
  #characters = 0

  constructor(file: string, reader: TensorReader) {
    this.#file = file
    this.#reader = reader
  }

  collect(value: PickleValue): PyTorchDictionary {
    const top = emptyLevel(undefined, 0)
    if (entriesOf(value)) this.#descend(value, top)
    else this.#visit(value, '', top)
    return top.contents
  }

  #descend(container: PickleValue, level: Level): void {
    for (const [key, value] of entriesOf(container) ?? []) this.#visit(value, keyText(key), level)
  }

  #visit(value: PickleValue, key: string, { path: parent, depth, contents }: Level): void {
    const path = parent === undefined ? key : `${parent}.${key}`
    this.#characters += path.length
    if (path.length > maxPath) this.#fail(`a path of more than ${maxPath} characters`)
    if (++this.#visits > maxVisits || this.#characters > maxCharacters) this.#fail('the same containers come too often')
    if (value instanceof TensorReference) {
      if (this.tensors.has(path)) this.#fail('two tensors have this path', path)
      const tensor = this.#read(value, path)
      this.tensors.set(path, tensor)
      contents.tensors.set(key, tensor)
    } else if (this.#mayHoldTensors(value)) {
      if (depth >= maxDepth) this.#fail(`containers are nested more than ${maxDepth} deep`)
      if (contents.dictionaries.has(key)) this.#fail(`two dictionaries have the path ${JSON.stringify(path)}`)
      const inner = emptyLevel(path, depth + 1)
      this.#descend(value, inner)
      if (inner.contents.tensors.size + inner.contents.dictionaries.size > 0)
        contents.dictionaries.set(key, inner.contents)
    } else this.other.set(path, simple(value))
  }

  /** False for empty dictionaries and for lists of plain values, which are named but not listed. */
  #mayHoldTensors(value: PickleValue): boolean {
    if (value instanceof PickleDictionary) return value.entries.size > 0
    if (!(value instanceof PickleSequence)) return false
    const holds =
      this.#holds.get(value) ??
      value.items.some(item => item instanceof TensorReference || entriesOf(item) !== undefined)
    this.#holds.set(value, holds)
    return holds
  }

  #read(reference: TensorReference, path: string): PyTorchTensor {
    try {
      return this.#reader.read(reference)
    } catch (error) {
      if (error instanceof TensorError || error instanceof ArchiveError || error instanceof ZipError)
        throw new PyTorchFileError(this.#file, error.message, path)
      throw error
    }
  }

  #fail(rule: string, tensor?: string): never {
    throw new PyTorchFileError(this.#file, rule, tensor)
  }
}

/** A container on the way down; `path` is undefined at the top. */
interface Level {
  readonly path: string | undefined
  readonly depth: number
  readonly contents: {
    readonly tensors: Map<string, PyTorchTensor>
    readonly dictionaries: Map<string, PyTorchDictionary>
  }
}

const emptyLevel = (path: string | undefined, depth: number): Level => ({
  path,
  depth,
  contents: { tensors: new Map(), dictionaries: new Map() },
})

/** Entries of a container, keyed by position in sequences; undefined for anything else. */
function entriesOf(value: PickleValue): Iterable<readonly [PickleValue, PickleValue]> | undefined {
  if (value instanceof PickleDictionary) return value.entries
  return value instanceof PickleSequence ? value.items.entries() : undefined
}

const keyText = (key: PickleValue) => (typeof key === 'string' ? key : describeValue(key))

function simple(value: PickleValue): PyTorchOther {
  return typeof value === 'object' && value !== null ? { skipped: describeValue(value) } : value
}
