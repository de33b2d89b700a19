/**
 * The element types of ONNX, and the numbers of its tensors, wherever they are stored: in raw bytes, in lists of
 * numbers, or in a separate file.
 */
import { type ElementType, elementTypes, elementValues, type TensorArray } from '../formats/elements.ts'
import { type Shape, sizeOf } from '../graph/shape.ts'
import { OnnxError } from './errors.ts'
import type { TensorProto } from './proto/onnx_pb.ts'

/** An element type: PyTorch's name for it, or one of the two half-byte types. */
export type OnnxType = ElementType | 'int4' | 'uint4'

/** Numbers of `TensorProto.DataType`. */
const codes: Readonly<Record<number, OnnxType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
  17: 'float8_e4m3fn',
  18: 'float8_e4m3fnuz',
  19: 'float8_e5m2',
  20: 'float8_e5m2fnuz',
  21: 'uint4',
  22: 'int4',
  24: 'float8_e8m0fnu',
}

/** Types by number that are not numeric, or that are not read. */
const otherTypes: Readonly<Record<number, string>> = {
  8: 'string',
  14: 'complex64',
  15: 'complex128',
  23: 'float4e2m1',
  25: 'uint2',
  26: 'int2',
  27: 'float6e2m3',
  28: 'float6e3m2',
}

/** The type of a number of `TensorProto.DataType`. @throws OnnxError for one that is not read. */
export function typeOf(code: number, what: string): OnnxType {
  const type = codes[code]
  if (type) return type
  throw new OnnxError(`${what}: element type ${otherTypes[code] ?? code} is not read`)
}

/** True for types of real numbers. */
export const isFloat = (type: OnnxType): boolean => type.includes('float')

/** Least and largest numbers of an integer type. */
export function rangeOf(type: OnnxType): readonly [least: number, most: number] {
  if (type === 'bool') return [0, 1]
  const [, sign, bits] = /^(u?)int(\d+)$/.exec(type) ?? []
  if (bits === undefined) return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  return sign === 'u' ? [0, 2 ** Number(bits) - 1] : [-(2 ** (Number(bits) - 1)), 2 ** (Number(bits) - 1) - 1]
}

/** Bits of one element. */
const bitsOf = (type: OnnxType): number => (type === 'int4' || type === 'uint4' ? 4 : 8 * elementTypes[type].bytes)

/** A tensor in memory. Integers of 64 bits are numbers, exact up to 2^53. */
export interface HostValue {
  readonly type: OnnxType
  readonly shape: Shape
  readonly values: Float32Array | Float64Array
}

/** Bytes of a file beside the model: its location as the model names it, from `offset`, `length` of them or all. */
export type ExternalData = (location: string, offset: number, length: number | undefined) => Promise<Uint8Array>

/**
 * The numbers of a tensor of a file; raw bytes of `float32` are not copied where their alignment allows.
 * @param external reads the bytes stored in separate files
 * @throws OnnxError naming the tensor and what is wrong: its type, an invalid shape, or a shape that its bytes do not
 *   fill.
 */
export async function readTensor(tensor: TensorProto, external: ExternalData): Promise<HostValue> {
  const what = `tensor '${tensor.name}'`
  if (tensor.dataLocation !== externalLocation) return hostValue(tensor, what)
  const { type, shape, bytes } = layoutOf(tensor, what)
  const raw = await externalBytes(tensor, what, bytes, external)
  return { type, shape, values: numbersOf(type, raw, sizeOf(shape)) }
}

/** `TensorProto.DataLocation.EXTERNAL`. */
const externalLocation = 1

/** The numbers of a tensor stored in the file itself. @throws OnnxError as {@link readTensor} */
export function hostValue(tensor: TensorProto, what = `tensor '${tensor.name}'`): HostValue {
  const { type, shape, bytes } = layoutOf(tensor, what)
  const size = sizeOf(shape)
  if (tensor.dataLocation === externalLocation)
    throw new OnnxError(`${what}: lies in another file, which only initializers may`)
  if (tensor.rawData.length > 0 || size === 0) {
    if (size > 0 && tensor.rawData.length !== bytes) {
      throw new OnnxError(
        `${what}: ${tensor.rawData.length} bytes for shape [${shape.join(', ')}] of ${type}, expected ${bytes}`,
      )
    }
    return { type, shape, values: size === 0 ? new Float32Array(0) : numbersOf(type, tensor.rawData, size) }
  }
  const list = listOf(tensor)
  const packed = type === 'int4' || type === 'uint4' ? Math.ceil(size / 2) : size
  if (list.length !== packed) {
    throw new OnnxError(`${what}: ${list.length} numbers for shape [${shape.join(', ')}], expected ${packed}`)
  }
  return { type, shape, values: fromList(type, list, size) }
}

function layoutOf(tensor: TensorProto, what: string): { type: OnnxType; shape: number[]; bytes: number } {
  const type = typeOf(tensor.dataType, what)
  const shape = tensor.dims.map(Number)
  const bytes = Math.ceil((sizeOf(shape) * bitsOf(type)) / 8)
  if (!shape.every(extent => Number.isSafeInteger(extent) && extent >= 0) || !Number.isSafeInteger(bytes)) {
    throw new OnnxError(`${what}: [${shape.join(', ')}] is no shape`)
  }
  return { type, shape, bytes }
}

async function externalBytes(
  tensor: TensorProto,
  what: string,
  bytes: number,
  external: ExternalData,
): Promise<Uint8Array> {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]))
  const location = entries.get('location')
  if (location === undefined) throw new OnnxError(`${what}: lies in another file, but its entry 'location' is missing`)
  const [offset, length] = ['offset', 'length'].map(key => wholeNumber(entries.get(key), `${what}: external ${key}`))
  if (length !== undefined && length !== bytes) {
    throw new OnnxError(
      `${what}: ${length} bytes in '${location}' for shape [${tensor.dims.join(', ')}], expected ${bytes}`,
    )
  }
  const raw = await external(location, offset ?? 0, bytes)
  if (raw.length !== bytes)
    throw new OnnxError(`${what}: '${location}' holds ${raw.length} bytes from ${offset ?? 0}, expected ${bytes}`)
  return raw
}

function wholeNumber(text: string | undefined, what: string): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new OnnxError(`${what} (=${text}) must be a whole number`)
  return Number(text)
}

function numbersOf(type: OnnxType, raw: Uint8Array, size: number): Float32Array | Float64Array {
  if (type === 'int4' || type === 'uint4') return nibbles(type, raw, size)
  return floatsOf(elementValues(type, raw))
}

const floatsOf = (values: TensorArray): Float32Array | Float64Array => {
  if (values instanceof Float32Array || values instanceof Float64Array) return values
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) return Float64Array.from(values, Number)
  return Float64Array.from(values)
}

/** Two numbers per byte, the lower half first. */
function nibbles(type: 'int4' | 'uint4', bytes: ArrayLike<number>, size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, k) => {
    const bits = (bytes[k >> 1]! >> (k % 2 === 0 ? 0 : 4)) & 15
    return type === 'int4' && bits > 7 ? bits - 16 : bits
  })
}

/** The list of a tensor without raw bytes. */
function listOf(tensor: TensorProto): readonly (number | bigint)[] {
  const { floatData, doubleData, int32Data, int64Data, uint64Data } = tensor
  return [floatData, doubleData, int64Data, uint64Data].find(list => list.length > 0) ?? int32Data
}

/** Types of less than 32 bits are stored in `int32_data`: integers by their value, other types by their bits. */
function fromList(type: OnnxType, list: readonly (number | bigint)[], size: number): Float32Array | Float64Array {
  if (type === 'int4' || type === 'uint4') return nibbles(type, list.map(Number), size)
  if (type === 'float32') return Float32Array.from(list, Number)
  if (!isFloat(type) || type === 'float64') return Float64Array.from(list, Number)
  const bytes = new Uint8Array(list.length * elementTypes[type].bytes)
  const view = new DataView(bytes.buffer)
  list.forEach((bits, k) => {
    if (elementTypes[type].bytes === 2) view.setUint16(2 * k, Number(bits), true)
    else view.setUint8(k, Number(bits))
  })
  return floatsOf(elementValues(type, bytes))
}
