/** Reading whole data files: into one buffer of the file's size, decompressed when the name ends in `.gz`. */
import { open, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { DatasetError } from './errors.ts'

/** Largest size that a compressed file may have when decompressed: beyond any image data set that fits in memory. */
const maxDecompressedBytes = 2 ** 31

/**
 * The bytes of a file. A name that ends in `.gz` is decompressed.
 *
 * `readFile` of `node:fs/promises` collects chunks and joins them, and so briefly takes twice the memory of the file.
 *
 * @throws DatasetError for a broken compressed file; the file system's own errors for files that cannot be read.
 */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  if (path.endsWith('.gz')) return decompress(path)
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const bytes = new Uint8Array(size)
    let filled = 0
    while (filled < size) {
      const { bytesRead } = await file.read(bytes, filled, size - filled, filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled === size ? bytes : bytes.subarray(0, filled)
  } finally {
    await file.close()
  }
}

async function decompress(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const compressed = await readFile(path)
  try {
    const { buffer, byteOffset, length } = await promisify(gunzip)(compressed, {
      maxOutputLength: maxDecompressedBytes,
    })
    return new Uint8Array(buffer, byteOffset, length)
  } catch (error) {
    throw new DatasetError(`${path}: cannot decompress: ${(error as Error).message}`)
  }
}
