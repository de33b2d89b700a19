/**
 * A reader of zip archives, as `torch.save` writes them: entries stored without compression, or compressed afterwards
 * by the usual method, deflate. The directory is read first, then the requested entries.
 *
 * The central directory at the end of the file lists the entries; archives of more than 4 GB or 65,535 entries repeat
 * it in 64-bit fields (zip64). Every offset and length is checked, and entries that overlap are refused.
 *
 * Source: PKWARE, ".ZIP File Format Specification" (APPNOTE.TXT), sections 4.3 to 4.5.
 */
import { crc32 } from './crc32.ts'
import type { ByteSource } from './source.ts'

/** Thrown for bytes that are not such an archive. */
export class ZipError extends Error {
  override readonly name = 'ZipError'
}

/** One file of an archive. */
export interface ZipEntry {
  /** Path in the archive, with `/`. */
  readonly name: string
  /** Position of the entry's own header, which its contents follow. */
  readonly header: number
  /** Start of the next entry or the directory. */
  readonly limit: number
  /** 0 when stored uncompressed, else the number of the compression method. */
  readonly method: number
  /** Bytes in the archive. */
  readonly size: number
  /** Bytes of the contents. */
  readonly length: number
  /** CRC-32 of the contents; 0 when the writer did not compute it. */
  readonly crc: number
}

/**
 * Lists an archive's entries by name, in the order of its directory.
 * @throws ZipError naming the entry that is encrypted, truncated, given twice, or overlaps another.
 */
export async function readZip(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const { start, end, count } = await findDirectory(source)
  const bytes = await source.read(start, end)
  const records: DirectoryRecord[] = []
  for (let at = 0; records.length < count; ) {
    const record = readRecord(bytes, at)
    records.push(record)
    at = record.next
  }
  const limits = limitsOf(records, start)
  const entries = new Map<string, ZipEntry>()
  for (const record of records) {
    if (entries.has(record.name)) throw new ZipError(`entry ${quote(record.name)} occurs twice`)
    entries.set(record.name, { ...record, limit: limits.get(record)! })
  }
  return entries
}

/**
 * Contents of an entry, with its checksum verified: as stored, or decompressed to exactly the size that the directory
 * states.
 * @param mostBytes the largest size of decompressed contents
 * @throws ZipError when they are damaged, too long, or compressed by another method.
 */
export async function zipContents(source: ByteSource, entry: ZipEntry, mostBytes: number): Promise<Uint8Array> {
  const { name, method, length, crc } = entry
  if (method !== stored && method !== deflated) {
    throw new ZipError(
      `entry ${quote(name)} is compressed (zip method ${method}): torch.save does not compress; save the file again with it`,
    )
  }
  if (length > mostBytes) throw new ZipError(`entry ${quote(name)} unfolds to ${length} bytes, more than ${mostBytes}`)
  const start = await dataStart(source, entry)
  const bytes = await source.read(start, start + entry.size)
  const contents = method === stored ? bytes : await inflate(bytes, entry)
  // torch.serialization.set_crc32_options(False) writes 0; one correct file in 2^32 is then not checked either.
  if (crc !== 0 && crc32(contents) !== crc) throw new ZipError(`entry ${quote(name)} is damaged: its checksum differs`)
  return contents
}

/** Compression methods that are read. */
const stored = 0
const deflated = 8

async function inflate(bytes: Uint8Array, { name, length }: ZipEntry): Promise<Uint8Array> {
  const wrongLength = new ZipError(
    `entry ${quote(name)} does not unfold to the ${length} bytes that the directory states`,
  )
  const contents = new Uint8Array(length)
  let position = 0
  const packed = new Blob([new Uint8Array(bytes)]).stream()
  const reader = packed.pipeThrough(new DecompressionStream('deflate-raw')).getReader()
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (position + part.value.length > length) throw wrongLength
      contents.set(part.value, position)
      position += part.value.length
    }
  } catch (error) {
    await reader.cancel().catch(() => {})
    if (error instanceof ZipError) throw error
    throw new ZipError(`entry ${quote(name)} cannot be unfolded: ${(error as Error).message}`)
  }
  if (position !== length) throw wrongLength
  return contents
}

/** A file of PyTorch has one entry for each tensor. */
const maxEntries = 1_000_000

const endSignature = 0x06054b50
const end64Signature = 0x06064b50
const locator64Signature = 0x07064b50
const recordSignature = 0x02014b50
const headerSignature = 0x04034b50

/** Values that mean "see the 64-bit field". */
const see64 = 0xffffffff
const see64Count = 0xffff

/** Bytes of the end record, without its comment, and of the two records of zip64 before it. */
const endBytes = 22
const locator64Bytes = 20
const end64Bytes = 56

interface Directory {
  readonly start: number
  readonly end: number
  readonly count: number
}

/** Searches the end record backward: it is followed only by a comment, whose length it states. */
async function findDirectory(source: ByteSource): Promise<Directory> {
  const tailStart = Math.max(0, source.size - endBytes - 0xffff - locator64Bytes)
  const view = viewOf(await source.read(tailStart, source.size))
  const size = view.byteLength
  let at = size - endBytes
  while (
    at >= 0 &&
    !(view.getUint32(at, true) === endSignature && at + endBytes + view.getUint16(at + 20, true) === size)
  )
    at--
  if (at < 0) throw new ZipError('the zip directory at the end is missing: truncated?')
  const position = tailStart + at
  let count = view.getUint16(at + 10, true)
  let length = view.getUint32(at + 12, true)
  let start = view.getUint32(at + 16, true)
  const locator = at - locator64Bytes
  const has64 = locator >= 0 && view.getUint32(locator, true) === locator64Signature
  if (has64 && (count === see64Count || length === see64 || start === see64)) {
    const at64 = uint64(view, locator + 8)
    const isInFile = at64 + end64Bytes <= position
    const record = viewOf(isInFile ? await source.read(at64, at64 + end64Bytes) : new Uint8Array(end64Bytes))
    if (record.getUint32(0, true) !== end64Signature) throw new ZipError(`no zip64 directory record at ${at64}`)
    count = uint64(record, 32)
    length = uint64(record, 40)
    start = uint64(record, 48)
  }
  if (start + length > position)
    throw new ZipError(`zip directory of ${length} bytes at ${start} does not fit in the file`)
  if (count > maxEntries) throw new ZipError(`more than ${maxEntries} entries`)
  if (count * 46 > length) throw new ZipError(`zip directory of ${length} bytes cannot hold ${count} entries`)
  return { start, end: start + length, count }
}

interface DirectoryRecord extends Omit<ZipEntry, 'limit'> {
  /** Position of the next record in the directory. */
  readonly next: number
}

/** @param bytes the directory */
function readRecord(bytes: Uint8Array, at: number): DirectoryRecord {
  const view = viewOf(bytes)
  if (at + 46 > bytes.length || view.getUint32(at, true) !== recordSignature)
    throw new ZipError(`no directory record at ${at} of the zip directory`)
  const nameEnd = at + 46 + view.getUint16(at + 28, true)
  const extraEnd = nameEnd + view.getUint16(at + 30, true)
  const next = extraEnd + view.getUint16(at + 32, true)
  if (next > bytes.length) throw new ZipError(`directory record at ${at} is longer than the zip directory`)
  const name = utf8.decode(new Uint8Array(bytes.subarray(at + 46, nameEnd)))
  const flags = view.getUint16(at + 8, true)
  const method = view.getUint16(at + 10, true)
  if (flags & 1) throw new ZipError(`entry ${quote(name)} is encrypted`)
  const sizes = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)] as const
  const [length, size, header] = sizes.includes(see64) ? widen(view, nameEnd, extraEnd, sizes, name) : sizes
  if (method === stored && size !== length)
    throw new ZipError(`entry ${quote(name)} stores ${size} bytes for ${length}`)
  return { name, method, header, size, length, crc: view.getUint32(at + 16, true), next }
}

/** The zip64 extra field gives, in this order, those of size, stored size and header position that do not fit. */
function widen(view: DataView, start: number, end: number, sizes: readonly [number, number, number], name: string) {
  for (let at = start; at + 4 <= end; ) {
    const fieldEnd = at + 4 + view.getUint16(at + 2, true)
    if (view.getUint16(at, true) === 1) {
      let from = at + 4
      const [size, stored, header] = sizes.map(value => {
        if (value !== see64) return value
        from += 8
        if (from > fieldEnd || fieldEnd > end) throw new ZipError(`entry ${quote(name)} lacks its 64-bit sizes`)
        return uint64(view, from - 8)
      })
      return [size!, stored!, header!] as const
    }
    at = fieldEnd
  }
  return sizes
}

/** Bytes of an entry's own header, without its name and extra field. */
const headerBytes = 30

/** Position at which each entry must have ended: at the header of the next one, or at the directory. */
function limitsOf(records: readonly DirectoryRecord[], directory: number): Map<DirectoryRecord, number> {
  const limits = new Map<DirectoryRecord, number>()
  const order = [...records].sort((a, b) => a.header - b.header)
  for (const [i, record] of order.entries()) {
    const after = order[i + 1]
    const { name, header, size } = record
    const least = header + headerBytes + size
    if (after && least > after.header) throw new ZipError(`entries ${quote(name)} and ${quote(after.name)} overlap`)
    if (least > directory)
      throw new ZipError(`entry ${quote(name)} of ${size} bytes at ${header} runs into the directory`)
    limits.set(record, after?.header ?? directory)
  }
  return limits
}

/**
 * The contents follow the entry's own header, where name and extra field may be longer or shorter than in the
 * directory.
 */
async function dataStart(source: ByteSource, { name, header, size, limit }: ZipEntry): Promise<number> {
  const view = viewOf(await source.read(header, header + headerBytes))
  if (view.getUint32(0, true) !== headerSignature) throw new ZipError(`entry ${quote(name)} has no header at ${header}`)
  const start = header + headerBytes + view.getUint16(26, true) + view.getUint16(28, true)
  if (start + size > limit)
    throw new ZipError(`entry ${quote(name)} of ${size} bytes at ${start} overlaps the next part`)
  return start
}

/** A 64-bit field; beyond 2^53 it is rounded, which is past the end of any file all the same. */
const uint64 = (view: DataView, at: number) => Number(view.getBigUint64(at, true))

/** Names in other encodings keep their ASCII part, the only one that matters here. */
const utf8 = new TextDecoder()

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

const quote = (name: string) => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)
