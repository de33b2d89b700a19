/**
 * A reader of zip archives whose entries are stored without compression, as `torch.save` writes them. Compressed entries
 * are listed; those of the usual method are unfolded on request, within a limit.
 *
 * The central directory at the end of the file says what there is; archives of more than 4 GB or 65,535 entries say it
 * again in 64-bit fields (zip64). Every offset and length is checked, and entries that overlap are refused: what is stored
 * without compression never unfolds to more than the archive's own size.
 *
 * Source: PKWARE, ".ZIP File Format Specification" (APPNOTE.TXT), sections 4.3 to 4.5.
 */
import { crc32 } from './crc32.ts'

/** Thrown for bytes that are not such an archive. */
export class ZipError extends Error {
  override readonly name = 'ZipError'
}

/** One file of an archive. */
export interface ZipEntry {
  /** Path in the archive, with `/`. */
  readonly name: string
  /** First byte of the contents in the archive. */
  readonly start: number
  readonly end: number
  /** 0 when stored as they are, else the number of the compression method. */
  readonly method: number
  /** Bytes of the contents; stored as they are, `end - start`. */
  readonly length: number
  /** CRC-32 of the contents; 0 when the writer did not compute it. */
  readonly crc: number
}

/**
 * Lists an archive's entries by name, in the order of its directory.
 * @throws ZipError naming the entry that is encrypted, truncated, given twice, or overlaps another.
 */
export function readZip(bytes: Uint8Array): Map<string, ZipEntry> {
  const view = viewOf(bytes)
  const directory = findDirectory(view)
  const entries = new Map<string, ZipEntry>()
  const extents: { readonly name: string; readonly header: number; readonly end: number }[] = []
  let position = directory.start
  for (let i = 0; i < directory.count; i++) {
    const record = readRecord(bytes, view, position, directory.end)
    const { name, header, method, size, length, crc } = record
    const start = dataStart(view, record)
    if (start + size > directory.start)
      throw new ZipError(`entry ${quote(name)} of ${size} bytes at ${start} runs into the directory`)
    if (entries.has(name)) throw new ZipError(`entry ${quote(name)} occurs twice`)
    entries.set(name, { name, start, end: start + size, method, length, crc })
    extents.push({ name, header, end: start + size })
    position = record.next
  }
  extents.sort((a, b) => a.header - b.header)
  for (const [i, { name, header }] of extents.entries()) {
    const before = extents[i - 1]
    if (before && header < before.end) throw new ZipError(`entries ${quote(before.name)} and ${quote(name)} overlap`)
  }
  return entries
}

/**
 * Contents of an entry: a view of the archive, whose checksum has been compared.
 * @throws ZipError when the entry is compressed, or the contents are not what was written.
 */
export function zipContents(bytes: Uint8Array, entry: ZipEntry): Uint8Array {
  if (entry.method !== 0) {
    throw new ZipError(
      `entry ${quote(entry.name)} is compressed (zip method ${entry.method}): torch.save does not compress; save the file again with it`,
    )
  }
  return checked(entry, bytes.subarray(entry.start, entry.end))
}

/**
 * Contents of every entry that is compressed with deflate, by name; entries stored as they are and those of other methods
 * are left out. Nothing unfolds beyond what the directory states, and all of it together not beyond `most` bytes.
 * @throws ZipError naming the entry that is broken, damaged or too large.
 */
export async function inflateZip(
  bytes: Uint8Array,
  entries: ReadonlyMap<string, ZipEntry>,
  most: number,
): Promise<Map<string, Uint8Array>> {
  const compressed = [...entries.values()].filter(({ method }) => method === deflate)
  const total = compressed.reduce((sum, { length }) => sum + length, 0)
  if (total > most) throw new ZipError(`the compressed entries unfold to ${total} bytes, more than ${most}`)
  const contents = new Map<string, Uint8Array>()
  for (const entry of compressed) contents.set(entry.name, checked(entry, await inflate(bytes, entry)))
  return contents
}

async function inflate(bytes: Uint8Array, { name, start, end, length }: ZipEntry): Promise<Uint8Array> {
  const wrongLength = new ZipError(
    `entry ${quote(name)} does not unfold to the ${length} bytes that the directory states`,
  )
  const contents = new Uint8Array(length)
  let position = 0
  const packed = new Blob([new Uint8Array(bytes.subarray(start, end))]).stream()
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

/** Number of the method that is unfolded. */
const deflate = 8

/** The contents, when they are what was written. */
function checked({ name, crc }: ZipEntry, contents: Uint8Array): Uint8Array {
  // torch.serialization.set_crc32_options(False) leaves 0; one correct file in 2^32 is then not checked either.
  if (crc !== 0 && crc32(contents) !== crc) throw new ZipError(`entry ${quote(name)} is damaged: its checksum differs`)
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

interface Directory {
  readonly start: number
  readonly end: number
  readonly count: number
}

/** Searches the end record backward: it is followed only by a comment, whose length it states. */
function findDirectory(view: DataView): Directory {
  const size = view.byteLength
  let at = size - 22
  for (; at >= Math.max(0, size - 22 - 0xffff); at--)
    if (view.getUint32(at, true) === endSignature && at + 22 + view.getUint16(at + 20, true) === size) break
  if (at < Math.max(0, size - 22 - 0xffff)) throw new ZipError('the zip directory at the end is missing: truncated?')
  let count = view.getUint16(at + 10, true)
  let length = view.getUint32(at + 12, true)
  let start = view.getUint32(at + 16, true)
  const has64 = at >= 20 && view.getUint32(at - 20, true) === locator64Signature
  if (has64 && (count === see64Count || length === see64 || start === see64)) {
    const at64 = uint64(view, at - 20 + 8)
    if (at64 + 56 > at || view.getUint32(at64, true) !== end64Signature)
      throw new ZipError(`no zip64 directory record at ${at64}`)
    count = uint64(view, at64 + 32)
    length = uint64(view, at64 + 40)
    start = uint64(view, at64 + 48)
  }
  if (start + length > at) throw new ZipError(`zip directory of ${length} bytes at ${start} does not fit in the file`)
  if (count > maxEntries) throw new ZipError(`more than ${maxEntries} entries`)
  if (count * 46 > length) throw new ZipError(`zip directory of ${length} bytes cannot hold ${count} entries`)
  return { start, end: start + length, count }
}

interface DirectoryRecord {
  readonly name: string
  /** Position of the entry's own header. */
  readonly header: number
  readonly method: number
  /** Bytes in the archive. */
  readonly size: number
  /** Bytes of the contents. */
  readonly length: number
  readonly crc: number
  /** Position of the next record. */
  readonly next: number
}

function readRecord(bytes: Uint8Array, view: DataView, at: number, end: number): DirectoryRecord {
  if (at + 46 > end || view.getUint32(at, true) !== recordSignature)
    throw new ZipError(`no directory record at ${at} of the zip directory`)
  const nameEnd = at + 46 + view.getUint16(at + 28, true)
  const extraEnd = nameEnd + view.getUint16(at + 30, true)
  const next = extraEnd + view.getUint16(at + 32, true)
  if (next > end) throw new ZipError(`directory record at ${at} is longer than the zip directory`)
  const name = utf8.decode(new Uint8Array(bytes.subarray(at + 46, nameEnd)))
  const flags = view.getUint16(at + 8, true)
  const method = view.getUint16(at + 10, true)
  if (flags & 1) throw new ZipError(`entry ${quote(name)} is encrypted`)
  const sizes = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)] as const
  const [size, stored, header] = sizes.includes(see64) ? widen(view, nameEnd, extraEnd, sizes, name) : sizes
  if (method === 0 && stored !== size) throw new ZipError(`entry ${quote(name)} stores ${stored} bytes for ${size}`)
  return { name, method, header, size: stored, length: size, crc: view.getUint32(at + 16, true), next }
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

/** The contents follow the entry's own header, whose name and extra field may have other lengths than the directory's. */
function dataStart(view: DataView, { name, header }: DirectoryRecord): number {
  if (header + 30 > view.byteLength || view.getUint32(header, true) !== headerSignature)
    throw new ZipError(`entry ${quote(name)} has no header at ${header}`)
  return header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true)
}

/** A 64-bit field; beyond 2^53 it is rounded, which is past the end of any file all the same. */
const uint64 = (view: DataView, at: number) => Number(view.getBigUint64(at, true))

/** Names in other encodings keep their ASCII part, the only one that matters here. */
const utf8 = new TextDecoder()

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

const quote = (name: string) => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)
