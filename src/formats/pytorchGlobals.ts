/**
 * What the names in a PyTorch pickle stand for: the few that rebuild tensors from their storages, plain containers, and
 * some that are known, harmless and skipped. Every other name is refused.
 *
 * PyTorch's own reader calls the functions that these names import; here they are only words for data.
 *
 * Source: `torch/_utils.py` (the `_rebuild_…` functions and their arguments) and `torch/serialization.py` (persistent
 * ids of storages) of PyTorch 0.4 to 2.13; the list of what is safe follows `torch/_weights_only_unpickler.py`.
 */
import type { PickleHost } from './pickle.ts'
import { PickleError } from './pickleBytes.ts'
import {
  describeValue,
  describeValues,
  PickleDictionary,
  PickleObject,
  PickleSequence,
  type PickleValue,
} from './pickleValues.ts'
import { type PyTorchType, pytorchTypes } from './pytorchFile.ts'

/** A flat array of a file that tensors are views of. */
export class StorageReference extends PickleObject {
  override readonly description: string
  readonly key: string
  readonly dtype: PyTorchType
  /** Elements of the storage in the file. */
  readonly length: number
  /** First element and number of elements that are meant: all, but for views of storages in old files. */
  readonly offset: number
  readonly count: number
  constructor(key: string, dtype: PyTorchType, length: number, offset = 0, count = length) {
    super()
    this.key = key
    this.dtype = dtype
    this.length = length
    this.offset = offset
    this.count = count
    this.description = `storage of ${length} ${dtype}`
  }
}

/** A tensor as the pickle describes it; nothing of it has been checked. */
export class TensorReference extends PickleObject {
  override readonly description = 'tensor'
  readonly storage: StorageReference
  readonly offset: PickleValue
  readonly shape: PickleValue
  readonly strides: PickleValue
  constructor(storage: StorageReference, [offset, shape, strides]: readonly [PickleValue, PickleValue, PickleValue]) {
    super()
    this.storage = storage
    this.offset = offset
    this.shape = shape
    this.strides = strides
  }
}

/** The host of a file's pickles. */
export class PyTorchHost implements PickleHost {
  /** Storages that the pickle refers to, by key. */
  readonly storages = new Map<string, StorageReference>()

  global(module: string, name: string): PickleObject {
    const path = `${module}.${name}`
    if (!isKnown(path))
      throw new PickleError(
        `refuses ${/^[\w.]{1,300}$/.test(path) ? path : describeValue(path)}: ${reasonAgainst(path)}`,
      )
    return new Global(path)
  }

  call(callee: PickleValue, args: readonly PickleValue[]): PickleValue {
    if (!(callee instanceof Global)) throw new PickleError(`cannot call ${describeValue(callee)}`)
    const { path } = callee
    const build = builders.get(path)
    if (build) return build(args, path)
    const description = skipped.get(path)
    if (description !== undefined) return new Skipped(description)
    throw new PickleError(`cannot call ${path}`)
  }

  persistent(id: PickleValue): PickleValue {
    const [word, type, key, , length, view = null] = id instanceof PickleSequence ? id.items : []
    const dtype = type instanceof Global ? storageTypes.get(type.path) : undefined
    if (word !== 'storage' || !dtype || typeof key !== 'string' || !isSize(length))
      throw new PickleError(`persistent id is not ('storage', type, key, location, length) but ${describeValue(id)}`)
    const storage = new StorageReference(key, dtype, length, ...viewOf(view, length))
    const other = this.storages.get(key)
    if (other && (other.dtype !== dtype || other.length !== length))
      throw new PickleError(`storage ${describeValue(key)} is both ${other.description} and ${storage.description}`)
    this.storages.set(key, storage)
    return storage
  }
}

/** True for whole numbers from 0 that are exact. */
export function isSize(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** A name, before anything is built with it. */
class Global extends PickleObject {
  readonly path: string
  constructor(path: string) {
    super()
    this.path = path
  }
  override get description() {
    return this.path
  }
}

/** Something known to be harmless, of which only the name is kept. */
class Skipped extends PickleObject {
  override readonly description: string
  constructor(description: string) {
    super()
    this.description = description
  }
}

const storageTypes: ReadonlyMap<string, PyTorchType> = new Map(
  (Object.keys(pytorchTypes) as PyTorchType[]).flatMap(dtype =>
    ['torch', 'torch.cuda'].map(module => [`${module}.${pytorchTypes[dtype].storage}`, dtype] as const),
  ),
)

/** What each function or class gives for its arguments. */
const builders: ReadonlyMap<string, (args: readonly PickleValue[], path: string) => PickleValue> = new Map([
  ['torch._utils._rebuild_tensor', rebuildTensor], // (storage, offset, size, stride)
  ['torch._utils._rebuild_tensor_v2', rebuildTensor], // (…, requires_grad, backward_hooks, metadata)
  ['torch._utils._rebuild_parameter', firstTensor], // (tensor, requires_grad, backward_hooks)
  ['torch._utils._rebuild_parameter_with_state', firstTensor], // (…, attributes)
  ['torch.nn.parameter.Parameter', firstTensor], // (tensor, requires_grad)
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType], // (function, type, arguments, attributes)
  ['torch.Size', (args: readonly PickleValue[]) => args[0] ?? new PickleSequence('tuple')],
  ['collections.OrderedDict', dictionaryOf],
  ['collections.Counter', dictionaryOf],
  ['collections.defaultdict', () => new PickleDictionary()], // (type of the values)
  ['builtins.set', setOf],
  ['__builtin__.set', setOf],
])

/** Names that are skipped, called or not, with what is said instead: types, devices, numpy's scalars and arrays, … */
const skipped: ReadonlyMap<string, string> = new Map([
  ['_codecs.encode', 'bytes'], // as protocol 2 writes them
  ...['numpy.core', 'numpy._core'].flatMap(module => [
    [`${module}.multiarray.scalar`, 'numpy scalar'] as const,
    [`${module}.multiarray._reconstruct`, 'numpy array'] as const,
  ]),
  ...[
    ...'numpy.dtype numpy.ndarray argparse.Namespace torch.device torch.serialization._get_layout'.split(' '),
    ...'torch.Tensor torch._tensor.Tensor torch.nn.parameter.Buffer'.split(' '),
    ...Object.keys(pytorchTypes).map(dtype => `torch.${dtype}`),
    ...['builtins', '__builtin__'].flatMap(module =>
      'dict list tuple int long float complex bool str unicode bytes bytearray'
        .split(' ')
        .map(name => `${module}.${name}`),
    ),
  ].map(path => [path, path] as const),
])

function isKnown(path: string): boolean {
  return storageTypes.has(path) || builders.has(path) || skipped.has(path)
}

function reasonAgainst(path: string): string {
  if (/^torch\.(cuda\.)?\w*Storage$|\.(Untyped|Typed)Storage$|^torch\._utils\._rebuild_/.test(path))
    return `tensors of this kind are not read, only dense ones of ${Object.keys(pytorchTypes).join(', ')}`
  const cure = 'save model.state_dict() instead'
  if (/^torch\.nn\.modules\.|^__main__\./.test(path)) return `whole pickled modules execute code; ${cure}`
  return `only tensors and plain data are read, everything else can execute code; ${cure}`
}

function rebuildTensor(args: readonly PickleValue[], path: string): PickleValue {
  const [storage, offset, shape, strides, , , metadata] = args
  if (!(storage instanceof StorageReference) || offset === undefined || shape === undefined || strides === undefined)
    throw new PickleError(`${path} expects (storage, offset, size, stride, …), got ${describeValues(args)}`)
  // Tensors that stand for their own negative or conjugate: the values in the storage are not theirs.
  if (metadata instanceof PickleDictionary && metadata.entries.size > 0)
    throw new PickleError(`tensors with ${describeValues([...metadata.entries.keys()])} are not read`)
  return new TensorReference(storage, [offset, shape, strides])
}

function firstTensor(args: readonly PickleValue[], path: string): PickleValue {
  const [tensor] = args
  if (tensor instanceof TensorReference) return tensor
  throw new PickleError(`${path} expects a tensor, got ${describeValues(args)}`)
}

function rebuildFromType([rebuild, , args]: readonly PickleValue[], path: string): PickleValue {
  const build = rebuild instanceof Global ? builders.get(rebuild.path) : undefined
  if ((build !== rebuildTensor && build !== firstTensor) || !(args instanceof PickleSequence))
    throw new PickleError(`${path} expects a function that rebuilds a tensor, got ${describeValue(rebuild ?? null)}`)
  return build(args.items, (rebuild as Global).path)
}

/** Dictionaries made of lists, by list: a list that is used again and again costs no further memory. */
const ofPairs = new WeakMap<PickleSequence, PickleDictionary>()

/** Of nothing, a dictionary, or a list of pairs (as Python 2 writes it). */
function dictionaryOf([source]: readonly PickleValue[], path: string): PickleValue {
  if (source instanceof PickleDictionary) return source
  const known = source instanceof PickleSequence ? ofPairs.get(source) : undefined
  if (known) return known
  const dictionary = new PickleDictionary()
  if (!(source instanceof PickleSequence)) return dictionary
  for (const pair of source.items) {
    const [key, value] = pair instanceof PickleSequence ? pair.items : []
    if (key === undefined || value === undefined)
      throw new PickleError(`${path} expects pairs, got ${describeValue(pair)}`)
    dictionary.entries.set(key, value)
  }
  ofPairs.set(source, dictionary)
  return dictionary
}

function setOf([source]: readonly PickleValue[]): PickleValue {
  return new PickleSequence('set', source instanceof PickleSequence ? source.items : [])
}

/** The sixth part of a persistent id in old files: null, or (key, offset, count) of a part of the storage. */
function viewOf(view: PickleValue, length: number): [offset: number, count: number] | [] {
  if (view === null) return []
  const [, offset, count] = view instanceof PickleSequence ? view.items : []
  if (!isSize(offset) || !isSize(count) || offset + count > length)
    throw new PickleError(`view of a storage of ${length} is not (key, offset, count) but ${describeValue(view)}`)
  return [offset, count]
}
