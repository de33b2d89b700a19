/**
 * Reads TensorBoard's event files, of any writer: the records that `tensorboardEvents.ts` describes, and of their events
 * the scalars, as numbers (`simple_value`) or as tensors of one element, which is how TensorFlow 2 writes them
 * (`summary.proto`, `tensor.proto`, `types.proto`). Pictures, histograms, texts and graphs are passed over.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { type ElementType, elementTypes, elementValues } from '../formats/elements.ts'
import { maskedCrc32c } from './tensorboardEvents.ts'

/** A number with its tag. */
export interface TaggedScalar {
  readonly tag: string
  readonly value: number
}

/** What is read of an event. */
export interface ScalarsEvent {
  /** Seconds since 1970. */
  readonly wallTime: number
  readonly step: number
  readonly scalars: readonly TaggedScalar[]
  /** A process began: earlier events of this and later steps are void. */
  readonly isStart: boolean
}

/** Bytes around the data of a record: its length with a checksum before, a checksum behind. */
export const recordFrame = 16
/** Bytes of a record before its data. */
export const recordHead = 12

/**
 * Length of the data of a record that begins at a place; undefined where its checksum is wrong.
 * @param bytes at least 12 from there
 */
export function recordLength(bytes: Uint8Array, at: number): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, recordHead)
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32
  return view.getUint32(8, true) === maskedCrc32c(bytes.subarray(at, at + 8)) ? length : undefined
}

/**
 * The event of a record; undefined where the data's checksum is wrong, or they are no event.
 * @param bytes all of the record from there on
 * @param length of its data
 */
export function recordEvent(bytes: Uint8Array, at: number, length: number): ScalarsEvent | undefined {
  const data = bytes.subarray(at + recordHead, at + recordHead + length)
  const view = new DataView(bytes.buffer, bytes.byteOffset + at + recordHead + length, 4)
  if (view.getUint32(0, true) !== maskedCrc32c(data)) return undefined
  try {
    return decodeEvent(data)
  } catch {
    return undefined
  }
}

/** Calls back for each field of a message; what the callback does not read is passed over. */
function readFields(data: Uint8Array, take: (field: number, type: WireType, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(data)
  while (reader.pos < data.length) {
    const [field, type] = reader.tag()
    if (!take(field, type, reader)) reader.skip(type, field)
  }
}

function decodeEvent(data: Uint8Array): ScalarsEvent {
  let [wallTime, step, isStart] = [0, 0, false]
  const scalars: TaggedScalar[] = []
  readFields(data, (field, type, reader) => {
    if (field === 1 && type === WireType.Bit64) wallTime = reader.double()
    else if (field === 2 && type === WireType.Varint) step = Number(reader.int64())
    else if (field === 5 && type === WireType.LengthDelimited) scalars.push(...decodeSummary(reader.bytes()))
    else if (field === 7 && type === WireType.LengthDelimited) isStart = decodeStatus(reader.bytes()) === 1
    else return false
    return true
  })
  return { wallTime, step, scalars, isStart }
}

function decodeSummary(data: Uint8Array): TaggedScalar[] {
  const scalars: TaggedScalar[] = []
  readFields(data, (field, type, reader) => {
    if (field !== 1 || type !== WireType.LengthDelimited) return false
    const scalar = decodeValue(reader.bytes())
    if (scalar) scalars.push(scalar)
    return true
  })
  return scalars
}

function decodeValue(data: Uint8Array): TaggedScalar | undefined {
  let [tag, value]: [string, number | undefined] = ['', undefined]
  readFields(data, (field, type, reader) => {
    if (field === 1 && type === WireType.LengthDelimited) tag = reader.string()
    else if (field === 2 && type === WireType.Bit32) value = reader.float()
    else if (field === 8 && type === WireType.LengthDelimited) value = decodeTensor(reader.bytes())
    else return false
    return true
  })
  return tag === '' || value === undefined ? undefined : { tag, value }
}

function decodeStatus(data: Uint8Array): number {
  let status = 0
  readFields(data, (field, type, reader) => {
    if (field !== 1 || type !== WireType.Varint) return false
    status = reader.int32()
    return true
  })
  return status
}

/** Element types by `DataType`; of others no tensor is a scalar. */
const types: Readonly<Record<number, ElementType>> = {
  1: 'float32',
  2: 'float64',
  3: 'int32',
  4: 'uint8',
  5: 'int16',
  6: 'int8',
  9: 'int64',
  10: 'bool',
  14: 'bfloat16',
  19: 'float16',
}

/** The first number of some bytes. */
const firstOf = (type: ElementType, bytes: Uint8Array): number => Number(elementValues(type, bytes.slice())[0])

/** The value of a tensor of one number; undefined for any other. */
function decodeTensor(data: Uint8Array): number | undefined {
  let [type, size] = [0, 1]
  const values: number[] = []
  let content: Uint8Array | undefined
  /** A repeated number, packed or not, of which the first is enough. */
  const first = (wire: WireType, reader: BinaryReader, read: (from: BinaryReader) => number): true => {
    if (wire !== WireType.LengthDelimited) values.push(read(reader))
    else {
      const packed = reader.bytes()
      if (packed.length > 0) values.push(read(new BinaryReader(packed)))
    }
    return true
  }
  readFields(data, (field, wire, reader) => {
    switch (field) {
      case 1:
        type = reader.int32()
        return true
      case 2:
        size = decodeSize(reader.bytes())
        return true
      case 4:
        content = reader.bytes()
        return true
      case 5:
        return first(wire, reader, from => from.float())
      case 6:
        return first(wire, reader, from => from.double())
      case 7:
        return first(wire, reader, from => from.int32())
      case 10:
        return first(wire, reader, from => Number(from.int64()))
      case 11:
        return first(wire, reader, from => Number(from.bool()))
      case 13:
        return first(wire, reader, from => {
          const bits = from.int32()
          return firstOf(type === 14 ? 'bfloat16' : 'float16', Uint8Array.of(bits & 255, bits >> 8))
        })
      default:
        return false
    }
  })
  const element = Object.hasOwn(types, type) ? types[type] : undefined
  if (size !== 1 || !element) return undefined
  // A tensor of zeros may be written without its values.
  if (!content?.length) return values[0] ?? 0
  return content.length === elementTypes[element].bytes ? firstOf(element, content) : undefined
}

/** Number of elements of a shape; one without axes has one. */
function decodeSize(data: Uint8Array): number {
  let size = 1
  readFields(data, (field, type, reader) => {
    if (field !== 2 || type !== WireType.LengthDelimited) return false
    let length = 0
    readFields(reader.bytes(), (inner, wire, from) => {
      if (inner !== 1 || wire !== WireType.Varint) return false
      length = Number(from.int64())
      return true
    })
    size *= length
    return true
  })
  return size
}
