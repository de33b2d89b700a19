/**
 * Bytes that are read a range at a time, so that only the requested parts of a large file come into memory. Bytes in
 * memory and Blobs are here; `source.node.ts` has files by their path.
 */
import type { GlobalBlob } from './globals.ts'
import { WeightsError } from './weightsFile.ts'

/** A file, wherever it is. */
export interface ByteSource {
  /** Name of the file in error messages. */
  readonly name: string
  /** Its length in bytes. */
  readonly size: number
  /**
   * The bytes from `start` up to, but without, `end`, both within the file; may be a view of shared memory.
   * @throws WeightsError when they cannot be read.
   */
  read(start: number, end: number): Promise<Uint8Array>
  /** Of a file that is still on its way: settles when all of it is here. A part can be read as soon as it has arrived. */
  readonly arrived?: Promise<void>
}

/** Contents of a file that are available. A `File` of a browser is a `Blob`. */
export type FileContents = Uint8Array | ArrayBuffer | GlobalBlob

/** A source of contents. @param name what to call it in messages; a `File`'s own name by default */
export function sourceOf(contents: FileContents, name?: string): ByteSource {
  if (contents instanceof Blob)
    return blobSource(contents, name ?? ('name' in contents ? String(contents.name) : 'weights'))
  return bytesSource(contents instanceof Uint8Array ? contents : new Uint8Array(contents), name)
}

/** A source of bytes in memory, whose ranges are views. */
export function bytesSource({ buffer, byteOffset, length }: Uint8Array, name = 'weights'): ByteSource {
  // Not `subarray` of a Buffer of Node, which gives Buffers: their `slice` and printing differ from every other
  // array's.
  return {
    name,
    size: length,
    read: async (start, end) => new Uint8Array(buffer, byteOffset + start, end - start),
  }
}

/**
 * Largest Blob that is read as a whole. A browser asks another process for each range, about a millisecond, and a file of
 * weights has hundreds of tensors; larger files are read range by range, for the sake of memory.
 */
export const wholeBlobBytes = 256 * 2 ** 20

function blobSource(blob: Blob, name: string): ByteSource {
  let whole: Promise<ArrayBuffer> | undefined
  return {
    name,
    size: blob.size,
    async read(start, end) {
      try {
        if (blob.size > wholeBlobBytes) return new Uint8Array(await blob.slice(start, end).arrayBuffer())
        whole ??= blob.arrayBuffer()
        return new Uint8Array(await whole, start, end - start)
      } catch (error) {
        // A browser's answer when the file on the disk was changed or removed after it was chosen.
        const reason = `bytes ${start} to ${end} cannot be read: ${(error as Error).message}`
        throw new WeightsError(name, reason, undefined, { cause: error })
      }
    },
  }
}
