/**
 * The meaning of the names in a PyTorch pickle: the few that describe tensors and plain containers. Every other name
 * becomes a placeholder: what is "made" with it is skipped, and its contents are never looked at.
 *
 * PyTorch's own reader calls the functions that these names import; here they are only words for data.
 *
 * Source: `torch/_utils.py` (the `_rebuild_…` functions and their arguments) and `torch/serialization.py` (persistent
 * ids of storages) of PyTorch 0.4 to 2.13.
 */
import { type ElementType, elementTypes, isElementType } from './elements.ts'
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

/** A flat array of a file that tensors are views of. */
export class StorageReference extends PickleObject {
  override readonly description: string
  readonly key: string
  /** Type of its elements; `uint8` where the tensors themselves state the type. */
  readonly dtype: string
  /** Bytes of an element; undefined for types that are unknown here. */
  readonly elementBytes: number | undefined
  /** Elements of the storage in the file. */
  readonly length: number
  /** First element and number of elements in use: all of them, except for views of storages in old files. */
  readonly offset: number
  readonly count: number
  constructor(key: string, { dtype, bytes }: StorageType, length: number, offset = 0, count = length) {
    super()
    this.key = key
    this.dtype = dtype
    this.elementBytes = bytes
    this.length = length
    this.offset = offset
    this.count = count
    this.description = `storage of ${length} ${dtype}`
  }
}

/** A dense tensor as the pickle describes it, a view of a storage; nothing of it has been checked. */
export class DenseTensor extends PickleObject {
  override readonly description = 'tensor'
  readonly storage: StorageReference
  readonly dtype: ElementType
  readonly offset: PickleValue
  readonly shape: PickleValue
  readonly strides: PickleValue
  constructor(
    storage: StorageReference,
    [offset, shape, strides]: readonly [PickleValue, PickleValue, PickleValue],
    dtype: ElementType,
  ) {
    super()
    this.storage = storage
    this.dtype = dtype
    this.offset = offset
    this.shape = shape
    this.strides = strides
  }
}

/** A tensor of a kind whose values are not read: sparse, quantized, complex, without values. */
export class UnreadTensor extends PickleObject {
  override readonly description = 'tensor'
  readonly kind: string
  readonly shape: readonly number[]
  constructor(kind: string, shape: readonly number[]) {
    super()
    this.kind = kind
    this.shape = shape
  }
}

/** The host of a file's pickles. */
export class PyTorchHost implements PickleHost {
  /** Storages that the pickle refers to, by key. */
  readonly storages = new Map<string, StorageReference>()

  global(module: string, name: string): PickleObject {
    return new Global(`${module}.${name}`)
  }

  call(callee: PickleValue, args: readonly PickleValue[]): PickleValue {
    if (callee instanceof Skipped) return callee
    if (!(callee instanceof Global)) throw new PickleError(`cannot call ${describeValue(callee)}`)
    return (
      builders.get(callee.path)?.(args, callee.path) ?? new Skipped(otherNames.get(callee.path) ?? callee.description)
    )
  }

  persistent(id: PickleValue): PickleValue {
    const [word, type, key, , length, view = null] = id instanceof PickleSequence ? id.items : []
    // Old files store the source text of a module's class next to the class.
    if (word === 'module' && type instanceof Global) return type
    const storageType = type instanceof Global ? storageTypeOf(type.path) : undefined
    if (word !== 'storage' || !storageType || typeof key !== 'string' || !isSize(length))
      throw new PickleError(`persistent id is not ('storage', type, key, location, length) but ${describeValue(id)}`)
    const storage = new StorageReference(key, storageType, length, ...viewOf(view, length))
    const other = this.storages.get(key)
    if (other && (other.dtype !== storage.dtype || other.length !== length))
      throw new PickleError(`storage ${describeValue(key)} is both ${other.description} and ${storage.description}`)
    this.storages.set(key, storage)
    return storage
  }
}

/** True for whole numbers ≥ 0 that are exact. */
export function isSize(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Most axes that PyTorch allows. */
export const maxRank = 64

/** The sizes of axes that a tuple or list holds; undefined for anything else. */
export function sizesIn(value: PickleValue | undefined): readonly number[] | undefined {
  const items = value instanceof PickleSequence ? value.items : undefined
  return items && items.length <= maxRank && items.every(isSize) ? [...items] : undefined
}

/** A name, before anything is built with it. */
class Global extends PickleObject {
  readonly path: string
  constructor(path: string) {
    super()
    this.path = path
  }
  override get description() {
    return /^[\w.]{1,300}$/.test(this.path) ? this.path : describeValue(this.path)
  }
}

/** An object of which only the name is kept. */
class Skipped extends PickleObject {
  override readonly description: string
  constructor(description: string) {
    super()
    this.description = description
  }
}

/** The type of the elements of a storage. */
interface StorageType {
  readonly dtype: string
  readonly bytes: number | undefined
}

/**
 * Types by the classes of their storages. Types whose values are not read have a size too, needed to walk old files.
 */
const storageTypes: ReadonlyMap<string, StorageType> = new Map<string, StorageType>([
  ...Object.entries(elementTypes).flatMap(([dtype, { bytes, storage }]) =>
    storage === undefined ? [] : [[storage, { dtype, bytes }] as const],
  ),
  ['UntypedStorage', { dtype: 'uint8', bytes: 1 }],
  ['ComplexFloatStorage', { dtype: 'complex64', bytes: 8 }],
  ['ComplexDoubleStorage', { dtype: 'complex128', bytes: 16 }],
  ['QInt8Storage', { dtype: 'qint8', bytes: 1 }],
  ['QUInt8Storage', { dtype: 'quint8', bytes: 1 }],
  ['QInt32Storage', { dtype: 'qint32', bytes: 4 }],
  ['QUInt4x2Storage', { dtype: 'quint4x2', bytes: 1 }],
  ['QUInt2x4Storage', { dtype: 'quint2x4', bytes: 1 }],
])

function storageTypeOf(path: string): StorageType | undefined {
  const [, name] = /^torch\.(?:cuda\.|storage\.)?(\w+Storage)$/.exec(path) ?? []
  return name === undefined ? undefined : (storageTypes.get(name) ?? { dtype: name, bytes: undefined })
}

type Builder = (args: readonly PickleValue[], path: string) => PickleValue

/** The result of each function or class for its arguments. */
const builders: ReadonlyMap<string, Builder> = new Map<string, Builder>([
  ['torch._utils._rebuild_tensor', rebuildTensor], // (storage, offset, size, stride)
  ['torch._utils._rebuild_tensor_v2', rebuildTensor], // (…, requires_grad, backward_hooks, metadata)
  ['torch._utils._rebuild_tensor_v3', rebuildTypedTensor], // (…, requires_grad, backward_hooks, dtype, metadata)
  ['torch._utils._rebuild_qtensor', ([, , shape]) => unread('quantized', shape)], // (storage, offset, size, …)
  // (layout, (indices, values, size, …)), and of other layouts (layout, (indices, indices, values, size))
  [
    'torch._utils._rebuild_sparse_tensor',
    ([, data]) =>
      unread(
        'sparse',
        itemsOf(data).find(item => sizesIn(item)),
      ),
  ],
  ['torch._utils._rebuild_meta_tensor_no_storage', ([, shape]) => unread('meta', shape)], // (dtype, size, …)
  ['torch._utils._rebuild_wrapper_subclass', ([, , shape]) => unread('wrapped', shape)], // (class, dtype, size, …)
  ['torch._utils._rebuild_parameter', firstOf], // (tensor, requires_grad, backward_hooks)
  ['torch._utils._rebuild_parameter_with_state', firstOf], // (…, attributes)
  ['torch.nn.parameter.Parameter', firstOf], // (tensor, requires_grad)
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType], // (function, type, arguments, attributes)
  ['torch.Size', ([sizes]) => sizes ?? new PickleSequence('tuple')],
  ['collections.OrderedDict', dictionaryOf],
  ['collections.Counter', dictionaryOf],
  ['collections.defaultdict', () => new PickleDictionary()], // (type of the values)
  ['builtins.set', setOf],
  ['__builtin__.set', setOf],
])

/** Descriptions of some objects, used instead of their names. */
const otherNames: ReadonlyMap<string, string> = new Map([
  ['_codecs.encode', 'bytes'], // as protocol 2 writes them
  ...['numpy.core', 'numpy._core'].flatMap(module => [
    [`${module}.multiarray.scalar`, 'numpy scalar'] as const,
    [`${module}.multiarray._reconstruct`, 'numpy array'] as const,
  ]),
])

function rebuildTensor(args: readonly PickleValue[], path: string): PickleValue {
  return dense(args, args[6], path)
}

function rebuildTypedTensor(args: readonly PickleValue[], path: string): PickleValue {
  const [, , , , , , dtype, metadata] = args
  if (!(dtype instanceof Global)) throw new PickleError(`${path} expects a type, got ${describeValues(args)}`)
  return dense(args, metadata, path, dtype.description.replace(/^torch\./, ''))
}

function dense(
  args: readonly PickleValue[],
  metadata: PickleValue | undefined,
  path: string,
  dtype?: string,
): PickleValue {
  const [storage, offset, shape, strides] = args
  if (!(storage instanceof StorageReference) || offset === undefined || shape === undefined || strides === undefined)
    throw new PickleError(`${path} expects (storage, offset, size, stride, …), got ${describeValues(args)}`)
  // Tensors that are the negative or conjugate of their storage: the stored values are not their values.
  if (metadata instanceof PickleDictionary && metadata.entries.size > 0)
    return unread(describeValues([...metadata.entries.keys()]), shape)
  const type = dtype ?? storage.dtype
  const isRead = isElementType(type) && storage.elementBytes !== undefined
  return isRead ? new DenseTensor(storage, [offset, shape, strides], type) : unread(type, shape)
}

/** A tensor that is listed but not read; skipped only when it does not state its shape. */
function unread(kind: string, shape: PickleValue | undefined): PickleObject {
  const sizes = sizesIn(shape)
  return sizes ? new UnreadTensor(kind, sizes) : new Skipped(`${kind} tensor`)
}

const itemsOf = (value: PickleValue | undefined) => (value instanceof PickleSequence ? value.items : [])

/** A parameter is the tensor in it. */
function firstOf([value]: readonly PickleValue[]): PickleValue {
  return value ?? null
}

function rebuildFromType([rebuild, , args]: readonly PickleValue[], path: string): PickleValue {
  const build = rebuild instanceof Global ? builders.get(rebuild.path) : undefined
  if (rebuild instanceof Global && !build) return new Skipped(rebuild.description)
  // Not the object itself: a chain of these could be as deep as the file is long.
  if (!build || build === rebuildFromType || !(args instanceof PickleSequence))
    throw new PickleError(`${path} expects a function that rebuilds a tensor, got ${describeValue(rebuild ?? null)}`)
  return build(args.items, (rebuild as Global).path)
}

/** Dictionaries made of lists, by list: a list that is used repeatedly costs no further memory. */
const ofPairs = new WeakMap<PickleSequence, PickleDictionary>()

/** From nothing, a dictionary, or a list of pairs (as Python 2 writes it). */
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
