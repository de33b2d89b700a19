/** Reading tar archives (POSIX ustar): the regular files in them, as views of the archive. */
import { DatasetError } from './errors.ts'

const blockBytes = 512

/**
 * The regular files of an archive by path; directories, links and extended headers are skipped.
 * @param archive the uncompressed archive
 * @param name    what to call it in messages
 * @throws DatasetError when a header is broken or an entry ends beyond the archive.
 */
export function readTar(archive: Uint8Array, name: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  for (let at = 0; at + blockBytes <= archive.length; ) {
    const header = archive.subarray(at, at + blockBytes)
    if (header.every(byte => byte === 0)) break
    if (checksumOf(header) !== octal(header, 148, 8)) throw new DatasetError(`${name}: broken tar header at byte ${at}`)
    const size = octal(header, 124, 12)
    const start = at + blockBytes
    if (start + size > archive.length)
      throw new DatasetError(`${name}: truncated: '${textAt(header, 0, 100)}' ends beyond the archive`)
    const type = header[156]
    const prefix = textAt(header, 345, 155)
    const path = prefix ? `${prefix}/${textAt(header, 0, 100)}` : textAt(header, 0, 100)
    if (type === 0 || type === 0x30) files.set(path, archive.subarray(start, start + size))
    at = start + Math.ceil(size / blockBytes) * blockBytes
  }
  return files
}

function textAt(header: Uint8Array, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length)
  const end = field.indexOf(0)
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end))
}

function octal(header: Uint8Array, offset: number, length: number): number {
  const value = Number.parseInt(textAt(header, offset, length).trim() || '0', 8)
  return Number.isSafeInteger(value) && value >= 0 ? value : Number.NaN
}

/** Sum of the header's bytes with the checksum field itself counted as spaces. */
function checksumOf(header: Uint8Array): number {
  let sum = 0
  for (let k = 0; k < blockBytes; k++) sum += k >= 148 && k < 156 ? 32 : header[k]
  return sum
}
