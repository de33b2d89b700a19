/**
 * The safetensors file format: named tensors in one file, without code.
 *
 *     8 bytes   N, length of the header, unsigned 64-bit little-endian
 *     N bytes   JSON: { name: { dtype, shape, data_offsets: [begin, end] }, …, "__metadata__": { key: text } }
 *     the rest  the tensors' bytes, row-major, little-endian, contiguous
 *
 * The header alone is read first, then the bytes of the requested tensors. Nothing in a file is trusted: every
 * length, offset and key is checked before it is used, and no allocation is larger than the file.
 *
 * Source: the format's description at https://github.com/huggingface/safetensors
 */
import type { HostTensor } from '../graph/variable.ts'
import { type ElementType, elementTypeOf, elementTypes, elementValues, type TensorArray } from './elements.ts'
import { firstDuplicateKey } from './jsonKeys.ts'
import type { ByteSource } from './source.ts'
import { type FileTensor, type FileValue, WeightsError, type WeightsFile } from './weightsFile.ts'

/**
 * A tensor to be written: values, or bytes of a stated type (`F16`, `BF16`, `BOOL`, …), row-major and little-endian.
 */
export type SafetensorsInput =
  | HostTensor<TensorArray>
  | { readonly shape: readonly number[]; readonly dtype: string; readonly bytes: Uint8Array }

/** Thrown for a file that breaks a rule of the format, and for tensors that cannot be written. */
export class SafetensorsError extends WeightsError {
  override readonly name = 'SafetensorsError'
}

/** Longest header that is read, in bytes: the limit of the format's own implementation. */
export const maxHeaderBytes = 100_000_000

/**
 * True when a file may be safetensors: its ninth byte begins a JSON header, unlike that of a zip archive or a pickle.
 */
export const isSafetensors = async (source: ByteSource): Promise<boolean> =>
  source.size > 8 && (await source.read(8, 9))[0] === 0x7b

/**
 * Opens a safetensors file. Tensors of unsupported types are listed like all others.
 * @throws SafetensorsError naming the tensor and the rule it breaks.
 */
export async function openSafetensors(source: ByteSource): Promise<WeightsFile> {
  const { name: file } = source
  const { header, dataStart } = await readHeader(source)
  const dataBytes = source.size - dataStart
  const other = new Map<string, FileValue>()
  const entries: Entry[] = []
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') entries.push(checkEntry(name, value, dataBytes, file))
    else for (const [key, text] of checkMetadata(value, file)) other.set(key, text)
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end)
  let position = 0
  for (const { name, begin, end } of entries) {
    if (begin !== position) {
      const what = begin < position ? 'overlaps the tensor before it' : 'leaves a hole before it'
      throw new SafetensorsError(
        file,
        `data_offsets [${begin}, ${end}] ${what}, expected to begin at ${position}`,
        name,
      )
    }
    position = end
  }
  if (position !== dataBytes) {
    throw new SafetensorsError(file, `${dataBytes - position} bytes after the last tensor belong to no tensor`)
  }
  return { name: file, tensors: new Map(entries.map(entry => [entry.name, tensorOf(entry, source, dataStart)])), other }
}

function tensorOf({ name, dtype, shape, begin, end }: Entry, source: ByteSource, dataStart: number): FileTensor {
  const type = typesByCode.get(dtype)
  return {
    dtype: type ?? dtype,
    shape,
    async read() {
      if (type === undefined)
        throw new SafetensorsError(
          source.name,
          `elements of type ${JSON.stringify(dtype)} are not read, only ${typeCodes()}`,
          name,
        )
      return elementValues(type, await source.read(dataStart + begin, dataStart + end))
    },
  }
}

/**
 * Writes a safetensors file: larger element types first, then by name, which keeps every tensor aligned and makes equal
 * tensors give equal bytes in any input order. The header is padded to a multiple of 8 bytes.
 *
 * @param tensors tensors by name
 * @param metadata texts for `__metadata__`, written in order of their keys
 * @throws SafetensorsError when a shape does not fit its values, or a name is `__metadata__` or given twice.
 *
 * @example
 * const bytes = writeSafetensors([['fc.bias', { shape: [10], values: new Float32Array(10) }]])
 */
export function writeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: SafetensorsInput]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const seen = new Map<string, Stored>()
  for (const [name, input] of tensors) {
    if (name === '__metadata__') throw new SafetensorsError('safetensors', 'the name is reserved by the format', name)
    if (seen.has(name)) throw new SafetensorsError('safetensors', 'the name is given twice', name)
    seen.set(name, checkInput(name, input))
  }
  const order = [...seen].sort(
    ([nameA, a], [nameB, b]) =>
      elementTypes[b.type].bytes - elementTypes[a.type].bytes || (nameA < nameB ? -1 : nameA > nameB ? 1 : 0),
  )
  const lines: string[] = []
  const keys = Object.keys(metadata).sort()
  if (keys.length > 0) {
    const texts = keys.map(key => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`)
    lines.push(`"__metadata__":{${texts.join(',')}}`)
  }
  let length = 0
  for (const [name, { type, shape, bytes }] of order) {
    const entry = { dtype: elementTypes[type].safetensors, shape, data_offsets: [length, length + bytes.length] }
    lines.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`)
    length += bytes.length
  }
  const text = new TextEncoder().encode(`{${lines.join(',')}}`)
  const headerBytes = Math.ceil(text.length / 8) * 8
  if (headerBytes > maxHeaderBytes)
    throw new SafetensorsError('safetensors', `header of ${headerBytes} bytes is too long`)

  const file = new Uint8Array(8 + headerBytes + length)
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true)
  file.fill(0x20, 8 + text.length, 8 + headerBytes) // spaces are the format's padding
  file.set(text, 8)
  let position = 8 + headerBytes
  for (const [, { bytes }] of order) {
    file.set(bytes, position)
    position += bytes.length
  }
  return file
}

interface Entry {
  readonly name: string
  /** As the file has it. */
  readonly dtype: string
  readonly shape: readonly number[]
  /** Bytes of the data. */
  readonly begin: number
  readonly end: number
}

async function readHeader(source: ByteSource): Promise<{ header: Record<string, unknown>; dataStart: number }> {
  const { name: file, size } = source
  const fail = (rule: string): never => {
    throw new SafetensorsError(file, rule)
  }
  if (size < 8) fail(`${size} bytes are too short for a safetensors file, which starts with 8 bytes of header length`)
  const { buffer, byteOffset } = await source.read(0, 8)
  const stated = new DataView(buffer, byteOffset, 8).getBigUint64(0, true)
  if (stated > BigInt(maxHeaderBytes))
    fail(`not a safetensors file: header length ${stated} is over ${maxHeaderBytes} bytes`)
  const length = Number(stated)
  if (8 + length > size) fail(`header of ${length} bytes does not fit in a file of ${size} bytes: truncated?`)
  const bytes = await source.read(8, 8 + length)
  if (bytes[0] !== 0x7b || length < 2) fail("header must be a JSON object and begin with '{'")
  let text = ''
  let header: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(plain(bytes))
  } catch {
    fail('header is not UTF-8')
  }
  try {
    header = JSON.parse(text)
  } catch (error) {
    fail(`header is not JSON: ${(error as Error).message}`)
  }
  const twice = firstDuplicateKey(text)
  if (twice !== undefined) fail(`key ${JSON.stringify(twice)} occurs twice in the header`)
  return { header: header as Record<string, unknown>, dataStart: 8 + length }
}

/** TextDecoder refuses views of shared memory in browsers; copy those, and only those. */
function plain(bytes: Uint8Array): Uint8Array {
  return bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes)
}

function checkMetadata(value: unknown, file: string): [string, string][] {
  if (!isObject(value)) throw new SafetensorsError(file, '__metadata__ must be an object of texts')
  return Object.entries(value).map(([key, text]) => {
    if (typeof text !== 'string')
      throw new SafetensorsError(file, `__metadata__.${key} must be a string, got ${typeof text}`)
    return [key, text]
  })
}

function checkEntry(name: string, value: unknown, dataBytes: number, file: string): Entry {
  const fail = (rule: string): never => {
    throw new SafetensorsError(file, rule, name)
  }
  if (!isObject(value)) return fail('expected { dtype, shape, data_offsets }')
  const { dtype, shape, data_offsets: offsets } = value
  if (typeof dtype !== 'string') return fail('dtype must be a string')
  if (!isSizes(shape)) return fail(`shape must be an array of whole numbers ≥ 0, got ${brief(shape)}`)
  if (!isSizes(offsets) || offsets.length !== 2) return fail(`data_offsets must be [begin, end], got ${brief(offsets)}`)
  const [begin, end] = offsets as [number, number]
  if (begin > end) fail(`data_offsets [${begin}, ${end}] end before they begin`)
  const type = typesByCode.get(dtype)
  const needed = type ? byteLength(type, shape) : end - begin
  if (needed !== end - begin) {
    fail(
      `shape [${shape.join(', ')}] of ${dtype} needs ${needed ?? 'too many'} bytes, data_offsets give ${end - begin}`,
    )
  }
  if (end > dataBytes) fail(`data_offsets [${begin}, ${end}] go past the ${dataBytes} bytes of data: truncated?`)
  return { name, dtype, shape, begin, end }
}

/** A tensor prepared for writing. */
interface Stored {
  readonly type: ElementType
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

function checkInput(name: string, input: SafetensorsInput): Stored {
  const { shape } = input
  const fail = (rule: string): never => {
    throw new SafetensorsError('safetensors', rule, name)
  }
  const type = 'values' in input ? elementTypeOf(input.values) : typesByCode.get(input.dtype)
  if (type === undefined) return fail(`dtype must be one of ${typeCodes()}`)
  const bytes = 'values' in input ? bytesOf(input.values) : input.bytes
  const needed = isSizes(shape) ? byteLength(type, shape) : undefined
  if (needed !== bytes.length) {
    const { safetensors } = elementTypes[type]
    fail(
      `shape [${shape.join(', ')}] of ${safetensors} needs ${needed ?? 'sizes ≥ 0 and fewer'} bytes, got ${bytes.length}`,
    )
  }
  return { type, shape, bytes }
}

const bytesOf = (values: TensorArray) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

/** Element types by the format's own names. */
const typesByCode: ReadonlyMap<string, ElementType> = new Map(
  (Object.keys(elementTypes) as ElementType[]).map(type => [elementTypes[type].safetensors, type]),
)

const typeCodes = () => [...typesByCode.keys()].join(', ')

/** Bytes of a tensor, or undefined when the number is too large to be exact. */
function byteLength(type: ElementType, shape: readonly number[]): number | undefined {
  if (shape.includes(0)) return 0
  const bytes = shape.reduce((size, extent) => size * extent, elementTypes[type].bytes as number)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(size => Number.isSafeInteger(size) && size >= 0)

/** A short form for messages; never descends, because a hostile file may nest deeper than the stack. */
function brief(value: unknown): string {
  if (!Array.isArray(value)) return typeof value === 'string' ? 'text' : value === null ? 'null' : typeof value
  const items = value.slice(0, 8).map(item => (typeof item === 'number' ? String(item) : typeof item))
  return `[${items.join(', ')}${value.length > 8 ? ', …' : ''}]`
}
