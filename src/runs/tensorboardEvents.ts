/**
 * The bytes of TensorBoard's event files: scalars as `Event` messages, framed as records.
 *
 * A record (TensorFlow, `tensorflow/core/lib/io/record_writer.h`), numbers little-endian:
 *
 *     8 bytes   length of the data
 *     4 bytes   masked CRC-32C of the length
 *     n bytes   the data: one `Event`
 *     4 bytes   masked CRC-32C of the data
 *
 * where masking is `rotate_right(crc, 15) + 0xa282ead8`, which keeps checksums of data that contain checksums reliable.
 *
 * The fields of the messages that are written (`event.proto`, `summary.proto`):
 *
 *     Event       1: double wall_time   2: int64 step   3: string file_version   5: Summary summary   7: SessionLog session_log
 *     Summary     1: repeated Value value
 *     Value       1: string tag         2: float simple_value
 *     SessionLog  1: enum status (START = 1)
 */

/** Contents of a record, with its time. */
export interface TensorBoardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number
  /** A whole number ≥ 0; 0 by default. */
  readonly step?: number
  /** `brain.Event:2` in the first record of every file. */
  readonly fileVersion?: string
  /** Values by tag, stored in single precision. */
  readonly scalars?: Readonly<Record<string, number>>
  /** Marks the start of a process: earlier events of this and later steps are void. */
  readonly isStart?: boolean
}

/** One event as a record of an event file. */
export function encodeRecord(event: TensorBoardEvent): Uint8Array {
  const data = Uint8Array.from(encodeEvent(event))
  const record = new Uint8Array(16 + data.length)
  const view = new DataView(record.buffer)
  view.setUint32(0, data.length, true)
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true)
  record.set(data, 12)
  view.setUint32(12 + data.length, maskedCrc32c(data), true)
  return record
}

/** CRC-32C (Castagnoli), as in RFC 3720 (iSCSI), appendix B.4; an unsigned number. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 255]!
  return ~crc >>> 0
}

/** The masked checksum that records hold. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/** The checksums of single bytes; the polynomial is 0x1edc6f41, its bits reversed. */
const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

type Bytes = readonly number[]

function encodeEvent({ wallTime, step = 0, fileVersion, scalars, isStart }: TensorBoardEvent): Bytes {
  const summary = Object.entries(scalars ?? {}).flatMap(([tag, value]) =>
    delimited(1, [...text(1, tag), ...field(2, fixed32), ...floatBytes(value)]),
  )
  return [
    ...field(1, fixed64),
    ...doubleBytes(wallTime),
    ...(step > 0 ? [...field(2, varintType), ...varint(step)] : []),
    ...(fileVersion === undefined ? [] : text(3, fileVersion)),
    ...(summary.length > 0 ? delimited(5, summary) : []),
    ...(isStart ? delimited(7, [...field(1, varintType), ...varint(1)]) : []),
  ]
}

// Protocol buffers' wire types.
const varintType = 0
const fixed64 = 1
const delimitedType = 2
const fixed32 = 5

const field = (number: number, type: number): Bytes => varint(number * 8 + type)

const delimited = (number: number, bytes: Bytes): Bytes => [
  ...field(number, delimitedType),
  ...varint(bytes.length),
  ...bytes,
]

const text = (number: number, value: string): Bytes => delimited(number, [...new TextEncoder().encode(value)])

/** Seven bits a byte, the lowest first; the top bit says that more follow. Exact up to 2⁵³. */
function varint(value: number): Bytes {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return [...bytes, rest]
}

const floatBytes = (value: number): Bytes => [
  ...new Uint8Array(littleEndian(4, view => view.setFloat32(0, value, true))),
]

const doubleBytes = (value: number): Bytes => [
  ...new Uint8Array(littleEndian(8, view => view.setFloat64(0, value, true))),
]

function littleEndian(size: number, set: (view: DataView) => void): ArrayBuffer {
  const buffer = new ArrayBuffer(size)
  set(new DataView(buffer))
  return buffer
}
