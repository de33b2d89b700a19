/**
 * The two containers of `torch.save`: a pickle that describes the objects, and the storages that its tensors are views
 * of.
 *
 *     since PyTorch 1.6   zip archive: NAME/data.pkl, NAME/byteorder, NAME/data/KEY for each storage
 *     before              one stream: pickles of a magic number, a protocol version, facts about the system, the
 *                         objects, and the list of storage keys; then for each key its number of elements (int64)
 *                         and its elements
 *
 * The description is read first, then the requested storages.
 *
 * Source: `_save`, `_legacy_save` and `_legacy_load` in `torch/serialization.py`.
 */
import { maxPickleBytes, type PickleHost, unpickle } from './pickle.ts'
import { PickleError } from './pickleBytes.ts'
import { describeValue, PickleDictionary, PickleSequence, type PickleValue } from './pickleValues.ts'
import { PyTorchHost, type StorageReference } from './pytorchGlobals.ts'
import type { ByteSource } from './source.ts'
import { readZip, type ZipEntry, zipContents } from './zip.ts'

/** The contents of a file, without its container. */
export interface PyTorchArchive {
  /** The saved object; tensors are `TensorReference`s. */
  readonly value: PickleValue
  /** Reads the bytes of a storage. @throws ArchiveError, ZipError or WeightsError when they are missing or damaged */
  storage(reference: StorageReference): Promise<Uint8Array>
}

/** Thrown for a file that is neither. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError'
}

/**
 * The most bytes that a part of a file may expand to: compressed entries, and tensors that repeat their values.
 * 16 times the file, and at least a mebibyte.
 */
export const unfoldedLimit = ({ size }: ByteSource): number => 16 * size + 2 ** 20

/**
 * Opens either container.
 * @throws ArchiveError, ZipError or PickleError with the rule that the file breaks.
 */
export async function openArchive(source: ByteSource): Promise<PyTorchArchive> {
  const start = await source.read(0, Math.min(source.size, 512))
  if (startsWith(start, 'PK')) return openZip(source)
  if (latin1(start, 257, 262) === 'ustar')
    throw new ArchiveError(
      'the tar format of the first versions of PyTorch is not read: load it with PyTorch and save it again',
    )
  if (start[0] === 0x80) return openLegacy(source)
  const what = start.length === 0 ? 'is empty' : `begins ${JSON.stringify(latin1(start, 0, 16))}`
  const cure = cures.find(([beginning]) => startsWith(start, beginning))?.[1] ?? ''
  throw new ArchiveError(`not a file of weights (safetensors or torch.save): this one ${what}${cure}`)
}

/** Other formats, by the first bytes of their files. */
const cures: readonly (readonly [beginning: string, cure: string])[] = [
  ['version https://git-lfs', ': a pointer of Git LFS, the file itself was not downloaded'],
  ['\x1f\x8b', ': compressed with gzip, unpack it first'],
  ['<', ': a web page?'],
]

async function openZip(source: ByteSource): Promise<PyTorchArchive> {
  const entries = await readZip(source)
  const pickles = [...entries.keys()].filter(name => /^[^/]+\/data\.pkl$/.test(name))
  const [pickle] = pickles
  if (pickle === undefined || pickles.length > 1)
    throw new ArchiveError(`zip archive with ${pickles.length} entries NAME/data.pkl, not a file of torch.save`)
  const folder = pickle.slice(0, -'data.pkl'.length)
  if (entries.has(`${folder}constants.pkl`) || [...entries.keys()].some(name => name.startsWith(`${folder}code/`)))
    throw new ArchiveError('a TorchScript archive, which holds code; save model.state_dict() with torch.save instead')

  const most = unfoldedLimit(source)
  const order = entries.get(`${folder}byteorder`) // absent before PyTorch 2.1
  const orderText = order && latin1(await zipContents(source, order, most), 0, 16)
  if (orderText !== undefined && orderText !== 'little')
    throw new ArchiveError(`byte order ${JSON.stringify(orderText)} is not read, only "little"`)
  const description = await zipContents(source, entries.get(pickle) as ZipEntry, Math.min(most, maxPickleBytes))
  return {
    value: unpickle(description, new PyTorchHost()).value,
    storage: rememberingOne(async reference => {
      const { key, elementBytes, length } = reference
      const entry = entries.get(`${folder}data/${key}`)
      if (!entry) throw new ArchiveError(`storage ${describeValue(key)} is missing in the archive`)
      if (elementBytes !== undefined && entry.length !== elementBytes * length)
        throw new ArchiveError(
          `${reference.description} needs ${elementBytes * length} bytes, ${describeValue(`data/${key}`)} has ${entry.length}`,
        )
      return zipContents(source, entry, most)
    }),
  }
}

/** `MAGIC_NUMBER` and `PROTOCOL_VERSION` in `torch/serialization.py`. */
const magicNumber = 0x1950a86a20f9469cfc6cn
const protocolVersion = 1001

async function openLegacy(source: ByteSource): Promise<PyTorchArchive> {
  const bytes = await source.read(0, Math.min(source.size, maxPickleBytes))
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
  const extents = await legacyStorages(source, keys.value.items, keys.end, host.storages)
  return {
    value: saved.value,
    storage: rememberingOne(async ({ key }) => {
      const extent = extents.get(key)
      if (!extent) throw new ArchiveError(`storage ${describeValue(key)} is missing in the file`)
      return source.read(extent.start, extent.end)
    }),
  }
}

interface Extent {
  readonly start: number
  readonly end: number
}

/** Position of each storage: they follow each other, each after its number of elements. */
async function legacyStorages(
  source: ByteSource,
  keys: readonly PickleValue[],
  from: number,
  references: ReadonlyMap<string, StorageReference>,
): Promise<Map<string, Extent>> {
  const extents = new Map<string, Extent>()
  let position = from
  for (const key of keys) {
    const reference = typeof key === 'string' ? references.get(key) : undefined
    if (typeof key !== 'string' || !reference || extents.has(key))
      throw new ArchiveError(`storage ${describeValue(key)} belongs to no tensor or is listed twice`)
    const { elementBytes, length, description } = reference
    if (elementBytes === undefined)
      throw new ArchiveError(`${description}: this type is unknown, so the data after it cannot be found`)
    const start = position + 8
    if (start <= source.size) {
      const { buffer, byteOffset } = await source.read(position, start)
      const stated = Number(new DataView(buffer, byteOffset, 8).getBigInt64(0, true))
      if (stated !== length)
        throw new ArchiveError(`storage ${describeValue(key)} has ${stated} elements, not a ${description}`)
    }
    position = start + length * elementBytes
    if (position > source.size)
      throw new ArchiveError(`${description} at byte ${start} goes past the end of the file: truncated?`)
    extents.set(key, { start, end: position })
  }
  return extents
}

/**
 * Keeps only the storage that was read last: tensors that are parts of one storage follow each other, and all storages
 * together are the whole file.
 */
function rememberingOne(read: PyTorchArchive['storage']): PyTorchArchive['storage'] {
  let last: { readonly key: string; readonly bytes: Promise<Uint8Array> } | undefined
  return reference => {
    if (last?.key !== reference.key) last = { key: reference.key, bytes: read(reference) }
    return last.bytes
  }
}

/** The pickles around the objects contain no names. */
const plainData: PickleHost = {
  global: (module, name) => refuse(`${module}.${name}`),
  call: () => refuse('a call'),
  persistent: () => refuse('a persistent id'),
}

function refuse(what: string): never {
  throw new PickleError(`not a file of torch.save: ${describeValue(what)} where a number or plain data should be`)
}

const startsWith = (bytes: Uint8Array, beginning: string) => latin1(bytes, 0, beginning.length) === beginning

/** Some bytes as text, one character each. */
const latin1 = (bytes: Uint8Array, start: number, end: number) => String.fromCharCode(...bytes.subarray(start, end))
