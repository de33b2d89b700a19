/**
 * The two containers of `torch.save`: a pickle that describes the objects, and the storages that its tensors are views of.
 *
 *     since PyTorch 1.6   zip archive: NAME/data.pkl, NAME/byteorder, NAME/data/KEY for each storage
 *     before              one stream: pickles of a magic number, a protocol version, facts about the system, the objects,
 *                         and the list of storage keys; then for each key its number of elements (int64) and elements
 *
 * Source: `_save`, `_legacy_save` and `_legacy_load` in `torch/serialization.py`.
 */
import { type PickleHost, unpickle } from './pickle.ts'
import { PickleError } from './pickleBytes.ts'
import { describeValue, PickleDictionary, PickleSequence, type PickleValue } from './pickleValues.ts'
import { pytorchTypes } from './pytorchFile.ts'
import { PyTorchHost, type StorageReference } from './pytorchGlobals.ts'
import { inflateZip, readZip, type ZipEntry, zipContents } from './zip.ts'

/** A file with its container taken off. */
export interface PyTorchArchive {
  /** What was saved; tensors are `TensorReference`s. */
  readonly value: PickleValue
  /** Bytes of a storage: a view of the file. */
  storage(reference: StorageReference): Uint8Array
  /** Bytes of the file, those of its compressed entries unfolded. */
  readonly bytes: number
}

/** Thrown for a file that is neither. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError'
}

/**
 * Reads either container.
 * @throws ArchiveError, ZipError or PickleError with the rule that the file breaks.
 */
export function openArchive(bytes: Uint8Array): PyTorchArchive {
  if (isZip(bytes)) return openZip(bytes, readZip(bytes))
  if (latin1(bytes, 257, 262) === 'ustar')
    throw new ArchiveError(
      'the tar format of the first versions of PyTorch is not read: load it with PyTorch and save it again',
    )
  if (bytes[0] === 0x80) return openLegacy(bytes)
  const start = bytes.length === 0 ? 'is empty' : `begins ${JSON.stringify(latin1(bytes, 0, 16))}`
  const cure = startsWith(bytes.subarray(8), [0x7b]) ? ': a safetensors file?' : ''
  throw new ArchiveError(
    `not a file of torch.save, which is a zip archive or begins with a pickle; this one ${start}${cure}`,
  )
}

/**
 * As {@link openArchive}; a zip archive may have been compressed after `torch.save`, unless it unfolds to more than about 16
 * times its size.
 */
export async function openCompressedArchive(bytes: Uint8Array): Promise<PyTorchArchive> {
  if (!isZip(bytes)) return openArchive(bytes)
  const entries = readZip(bytes)
  return openZip(bytes, entries, await inflateZip(bytes, entries, 16 * bytes.length + 2 ** 20))
}

const isZip = (bytes: Uint8Array) => startsWith(bytes, [0x50, 0x4b])

function openZip(
  bytes: Uint8Array,
  entries: ReadonlyMap<string, ZipEntry>,
  inflated: ReadonlyMap<string, Uint8Array> = new Map(),
): PyTorchArchive {
  const pickles = [...entries.keys()].filter(name => /^[^/]+\/data\.pkl$/.test(name))
  const [pickle] = pickles
  if (pickle === undefined || pickles.length > 1)
    throw new ArchiveError(`zip archive with ${pickles.length} entries NAME/data.pkl, not a file of torch.save`)
  const folder = pickle.slice(0, -'data.pkl'.length)
  if (entries.has(`${folder}constants.pkl`) || [...entries.keys()].some(name => name.startsWith(`${folder}code/`)))
    throw new ArchiveError('a TorchScript archive, which holds code; save model.state_dict() with torch.save instead')

  const contents = (name: string): Uint8Array | undefined => {
    const entry = entries.get(`${folder}${name}`)
    return entry && (inflated.get(entry.name) ?? zipContents(bytes, entry))
  }
  const order = contents('byteorder') // absent before PyTorch 2.1
  if (order && latin1(order, 0, 6) !== 'little')
    throw new ArchiveError(`byte order ${JSON.stringify(latin1(order, 0, 16))} is not read, only "little"`)
  const { value } = unpickle(contents('data.pkl') as Uint8Array, new PyTorchHost())
  const read = new Map<string, Uint8Array>()
  return {
    value,
    bytes: [...inflated.values()].reduce((sum, { length }) => sum + length, bytes.length),
    storage: reference => {
      const { key, description } = reference
      const storage = read.get(key) ?? contents(`data/${key}`)
      if (!storage) throw new ArchiveError(`storage ${describeValue(key)} is missing in the archive`)
      const needed = byteLength(reference)
      if (storage.length !== needed)
        throw new ArchiveError(
          `${description} needs ${needed} bytes, ${describeValue(`data/${key}`)} has ${storage.length}`,
        )
      read.set(key, storage) // its checksum is compared once
      return storage
    },
  }
}

/** `MAGIC_NUMBER` and `PROTOCOL_VERSION` in `torch/serialization.py`. */
const magicNumber = 0x1950a86a20f9469cfc6cn
const protocolVersion = 1001

function openLegacy(bytes: Uint8Array): PyTorchArchive {
  const magic = unpickle(bytes, plainData)
  if (magic.value !== magicNumber)
    throw new ArchiveError('a plain pickle, not a file of torch.save: the magic number is missing')
  const protocol = unpickle(bytes, plainData, magic.end)
  if (protocol.value !== protocolVersion)
    throw new ArchiveError(`protocol version ${describeValue(protocol.value)} is not read, only ${protocolVersion}`)
  const system = unpickle(bytes, plainData, protocol.end)
  const little = system.value instanceof PickleDictionary && system.value.entries.get('little_endian')
  if (little !== true) throw new ArchiveError('byte order "big" is not read, only "little"')

  const host = new PyTorchHost()
  const saved = unpickle(bytes, host, system.end)
  const keys = unpickle(bytes, plainData, saved.end)
  if (!(keys.value instanceof PickleSequence)) throw new ArchiveError('the list of storage keys is missing')
  const storages = new Map<string, Uint8Array>()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let position = keys.end
  for (const key of keys.value.items) {
    const reference = typeof key === 'string' ? host.storages.get(key) : undefined
    if (typeof key !== 'string' || !reference || storages.has(key))
      throw new ArchiveError(`storage ${describeValue(key)} belongs to no tensor or is listed twice`)
    const start = position + 8
    const stated = start <= bytes.length ? Number(view.getBigInt64(position, true)) : undefined
    if (stated !== undefined && stated !== reference.length)
      throw new ArchiveError(`storage ${describeValue(key)} has ${stated} elements, not a ${reference.description}`)
    position = start + byteLength(reference)
    if (position > bytes.length)
      throw new ArchiveError(`${reference.description} at byte ${start} goes past the end of the file: truncated?`)
    storages.set(key, bytes.subarray(start, position))
  }
  return {
    value: saved.value,
    bytes: bytes.length,
    storage: ({ key }) => {
      const storage = storages.get(key)
      if (!storage) throw new ArchiveError(`storage ${describeValue(key)} is missing in the file`)
      return storage
    },
  }
}

/** The pickles around the objects name nothing. */
const plainData: PickleHost = {
  global: (module, name) => refuse(`${module}.${name}`),
  call: () => refuse('a call'),
  persistent: () => refuse('a persistent id'),
}

function refuse(what: string): never {
  throw new PickleError(`not a file of torch.save: ${describeValue(what)} where a number or plain data should be`)
}

const byteLength = ({ dtype, length }: StorageReference) => length * pytorchTypes[dtype].bytes

const startsWith = (bytes: Uint8Array, start: readonly number[]) => start.every((byte, i) => bytes[i] === byte)

/** Some bytes as text, one character each. */
const latin1 = (bytes: Uint8Array, start: number, end: number) => String.fromCharCode(...bytes.subarray(start, end))
