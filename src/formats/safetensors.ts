/**
 * The safetensors file format: named tensors in one file, without code and without surprises.
 *
 *     8 bytes   N, length of the header, unsigned 64-bit little-endian
 *     N bytes   JSON: { name: { dtype, shape, data_offsets: [begin, end] }, …, "__metadata__": { key: text } }
 *     the rest  the tensors' bytes, row-major, little-endian, one after the other without holes
 *
 * Pure functions on bytes, so that the same code reads a file in Node and a download in a browser. Nothing in a file is
 * believed: every length, offset, type and key is checked before it is used, and no allocation is larger than the file.
 *
 * Source: the format's description at https://github.com/huggingface/safetensors
 */
import { firstDuplicateKey } from './jsonKeys.ts'
import {
  type SafetensorsArray,
  type SafetensorsTensor,
  type SafetensorsType,
  safetensorsArrays,
  safetensorsTypes,
} from './safetensorsValues.ts'

/** Contents of a file. */
export interface SafetensorsFile {
  /** Tensors by name, in the order of their bytes in the file. */
  readonly tensors: Map<string, SafetensorsTensor>
  /** The texts of `__metadata__`. */
  readonly metadata: Map<string, string>
}

/** A tensor to be written: values, or bytes of a stated type (for `F16`, `BF16` and `BOOL`). */
export type SafetensorsInput =
  | { readonly shape: readonly number[]; readonly values: SafetensorsArray }
  | SafetensorsTensor

/** Thrown for a file that breaks a rule of the format, and for tensors that cannot be written. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError'
  /** Name of the tensor that broke the rule; absent when the rule is about the whole file. */
  readonly tensor: string | undefined
  constructor(file: string, rule: string, tensor?: string) {
    super(tensor === undefined ? `${file}: ${rule}` : `${file}: tensor ${JSON.stringify(tensor)}: ${rule}`)
    this.tensor = tensor
  }
}

/** Longest header that is read, in bytes: the limit of the format's own implementation. */
export const maxHeaderBytes = 100_000_000

/**
 * Reads a safetensors file.
 *
 * @param bytes the whole file; the tensors are views of it
 * @param file how to call the file in error messages
 * @throws SafetensorsError naming the tensor and the rule it breaks.
 *
 * @example
 * const { tensors } = readSafetensors(await readFile('resnet20.safetensors'), 'resnet20.safetensors')
 * tensorValues(tensors.get('conv1.weight')!) // Float32Array of 16·3·3·3 numbers
 */
export function readSafetensors(bytes: Uint8Array, file = 'safetensors'): SafetensorsFile {
  const { header, dataStart } = readHeader(bytes, file)
  // Not `subarray`: that of Node's Buffer gives Buffers, whose `slice` and printing differ from every other array's.
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset + dataStart, bytes.length - dataStart)
  const metadata = new Map<string, string>()
  const entries: Entry[] = []
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') entries.push(checkEntry(name, value, data.length, file))
    else for (const [key, text] of checkMetadata(value, file)) metadata.set(key, text)
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
  if (position !== data.length) {
    throw new SafetensorsError(file, `${data.length - position} bytes after the last tensor belong to no tensor`)
  }
  const tensors = new Map(
    entries.map(({ name, dtype, shape, begin, end }) => [name, { dtype, shape, bytes: data.subarray(begin, end) }]),
  )
  return { tensors, metadata }
}

/**
 * Writes a safetensors file: larger element types first, then by name, which keeps every tensor aligned and makes equal
 * tensors give equal bytes in whatever order they come. The header is padded to a multiple of 8 bytes.
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
  const seen = new Map<string, SafetensorsTensor>()
  for (const [name, input] of tensors) {
    if (name === '__metadata__') throw new SafetensorsError('safetensors', 'the name is reserved by the format', name)
    if (seen.has(name)) throw new SafetensorsError('safetensors', 'the name is given twice', name)
    seen.set(name, checkInput(name, input))
  }
  const order = [...seen].sort(
    ([nameA, a], [nameB, b]) =>
      safetensorsTypes[b.dtype] - safetensorsTypes[a.dtype] || (nameA < nameB ? -1 : nameA > nameB ? 1 : 0),
  )
  const lines: string[] = []
  const keys = Object.keys(metadata).sort()
  if (keys.length > 0) {
    const texts = keys.map(key => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`)
    lines.push(`"__metadata__":{${texts.join(',')}}`)
  }
  let length = 0
  for (const [name, { dtype, shape, bytes }] of order) {
    const entry = { dtype, shape, data_offsets: [length, length + bytes.length] }
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
  readonly dtype: SafetensorsType
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

function readHeader(bytes: Uint8Array, file: string): { header: Record<string, unknown>; dataStart: number } {
  const fail = (rule: string): never => {
    throw new SafetensorsError(file, rule)
  }
  if (bytes.length < 8)
    fail(`${bytes.length} bytes are too short for a safetensors file, which starts with 8 bytes of header length`)
  const stated = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true)
  if (stated > BigInt(maxHeaderBytes))
    fail(`not a safetensors file: header length ${stated} is over ${maxHeaderBytes} bytes`)
  const length = Number(stated)
  if (8 + length > bytes.length)
    fail(`header of ${length} bytes does not fit in a file of ${bytes.length} bytes: truncated?`)
  if (bytes[8] !== 0x7b || length < 2) fail("header must be a JSON object and begin with '{'")
  let text = ''
  let header: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(plain(bytes.subarray(8, 8 + length)))
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
      throw new SafetensorsError(file, `__metadata__.${key} must be a text, got ${typeof text}`)
    return [key, text]
  })
}

function checkEntry(name: string, value: unknown, dataBytes: number, file: string): Entry {
  const fail = (rule: string): never => {
    throw new SafetensorsError(file, rule, name)
  }
  if (!isObject(value)) return fail('expected { dtype, shape, data_offsets }')
  const { dtype, shape, data_offsets: offsets } = value
  if (typeof dtype !== 'string') return fail('dtype must be a text')
  if (!isType(dtype))
    return fail(`dtype ${JSON.stringify(dtype)} is not one of ${Object.keys(safetensorsTypes).join(', ')}`)
  if (!isSizes(shape)) return fail(`shape must be an array of whole numbers ≥ 0, got ${brief(shape)}`)
  if (!isSizes(offsets) || offsets.length !== 2) return fail(`data_offsets must be [begin, end], got ${brief(offsets)}`)
  const [begin, end] = offsets as [number, number]
  if (begin > end) fail(`data_offsets [${begin}, ${end}] end before they begin`)
  const needed = byteLength(dtype, shape)
  if (needed === undefined || needed !== end - begin) {
    fail(
      `shape [${shape.join(', ')}] of ${dtype} needs ${needed ?? 'too many'} bytes, data_offsets give ${end - begin}`,
    )
  }
  if (end > dataBytes) fail(`data_offsets [${begin}, ${end}] go past the ${dataBytes} bytes of data: truncated?`)
  return { name, dtype, shape, begin, end }
}

function checkInput(name: string, input: SafetensorsInput): SafetensorsTensor {
  const { shape } = input
  const tensor: SafetensorsTensor =
    'values' in input ? { dtype: typeOf(input.values), shape, bytes: bytesOf(input.values) } : input
  const needed = isSizes(shape) ? byteLength(tensor.dtype, shape) : undefined
  if (needed !== tensor.bytes.length) {
    throw new SafetensorsError(
      'safetensors',
      `shape [${shape.join(', ')}] of ${tensor.dtype} needs ${needed ?? 'sizes ≥ 0 and fewer'} bytes, got ${tensor.bytes.length}`,
      name,
    )
  }
  return tensor
}

function typeOf(values: SafetensorsArray): SafetensorsType {
  if (values instanceof Uint8Array) return 'U8'
  for (const [dtype, array] of Object.entries(safetensorsArrays))
    if (values instanceof array) return dtype as SafetensorsType
  throw new TypeError('safetensors: values must be a typed array')
}

const bytesOf = (values: SafetensorsArray) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

/** Bytes of a tensor, or undefined when the number is too large to be exact. */
function byteLength(dtype: SafetensorsType, shape: readonly number[]): number | undefined {
  if (shape.includes(0)) return 0
  const bytes = shape.reduce((size, extent) => size * extent, safetensorsTypes[dtype])
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isType = (text: string): text is SafetensorsType => Object.hasOwn(safetensorsTypes, text)

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(size => Number.isSafeInteger(size) && size >= 0)

/** A short form for messages; never descends, because a hostile file may nest deeper than the stack. */
function brief(value: unknown): string {
  if (!Array.isArray(value)) return typeof value === 'string' ? 'text' : value === null ? 'null' : typeof value
  const items = value.slice(0, 8).map(item => (typeof item === 'number' ? String(item) : typeof item))
  return `[${items.join(', ')}${value.length > 8 ? ', …' : ''}]`
}
