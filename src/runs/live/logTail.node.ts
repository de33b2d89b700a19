/**
 * Reads on in an event log as it grows: whole lines only, from a place in bytes. A log that was cut, which is how a run resumes from a
 * checkpoint, is noticed by the bytes before that place, which are then other ones.
 */
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'

/** A place in a log, after a whole line. */
export interface Place {
  /** Bytes before it. */
  readonly offset: number
  /** Eight hexadecimal digits that the last of these bytes give; `00000000` at the start. */
  readonly mark: string
}

/** The start of a log. */
export const logStart: Place = { offset: 0, mark: '00000000' }

/** Bytes that are read at a time: some 400 steps, which are parsed in about a millisecond. */
const chunkBytes = 65_536
/** Lines may be longer than a chunk; none is longer than this. */
const longestLine = 8 * 2 ** 20
/** Bytes before a place by which it is known again. */
const markedBytes = 64

/** What reads on in the log of a run. One call of `read` at a time. */
export interface Follower {
  readonly place: Place
  read(take: (lines: readonly string[]) => void | Promise<void>): Promise<'read' | 'cut'>
  end(): void
}

/** A reader of one log. One call of `read` at a time. */
export class LogTail implements Follower {
  readonly #path: string
  #place: Place
  #seen = ''
  #isEnded = false

  /**
   * @param path of the log, without links: what lies elsewhere is not read
   * @param place where to begin
   */
  constructor(path: string, place: Place = logStart) {
    this.#path = path
    this.#place = place
  }

  get place(): Place {
    return this.#place
  }

  /** Ends a call of `read` before its next chunk. */
  end(): void {
    this.#isEnded = true
  }

  /**
   * Reads the lines that were completed since the last call; none when there is no log. The place is after them when `take` is called.
   * @param take gets them chunk by chunk; the next chunk is read when it is done
   * @returns `cut` when the log is no longer the one that was read: nothing more is read then
   * @throws the system's error when there is a log that cannot be read
   */
  async read(take: (lines: readonly string[]) => void | Promise<void>): Promise<'read' | 'cut'> {
    const file = await this.#openChanged()
    if (file === 'same') return 'read'
    if (file === 'gone') return this.#place.offset > 0 ? 'cut' : 'read'
    try {
      if ((await markAt(file, this.#place.offset)) !== this.#place.mark) return 'cut'
      await this.#readLines(file, take)
      return 'read'
    } finally {
      await file.close()
    }
  }

  /** The log, unless it is as it was. */
  async #openChanged(): Promise<FileHandle | 'same' | 'gone'> {
    try {
      const about = await stat(this.#path, { bigint: true })
      if (!about.isFile()) return 'gone'
      const seen = `${about.ino} ${about.size} ${about.mtimeNs}`
      if (seen === this.#seen) return 'same'
      if ((await realpath(this.#path)) !== this.#path) return 'gone'
      const file = await open(this.#path, 'r')
      this.#seen = seen
      return file
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return 'gone'
      throw error
    }
  }

  async #readLines(file: FileHandle, take: (lines: readonly string[]) => void | Promise<void>): Promise<void> {
    let buffer = Buffer.allocUnsafe(chunkBytes)
    while (!this.#isEnded) {
      const { offset } = this.#place
      const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
      const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1
      if (end > 0) {
        const text = buffer.toString('utf8', 0, end - 1)
        this.#place = { offset: offset + end, mark: await markAt(file, offset + end) }
        await take(text.split('\n'))
        // A chunk that is not full is the end; what comes meanwhile is seen by the next call.
        if (bytesRead < buffer.length) return this.#forget(bytesRead - end)
      } else if (bytesRead < buffer.length) return
      else if (buffer.length < longestLine) buffer = Buffer.allocUnsafe(2 * buffer.length)
      // No line of a log is so long: it is passed over.
      else this.#place = { offset: offset + bytesRead, mark: await markAt(file, offset + bytesRead) }
    }
    this.#seen = ''
  }

  /** What follows an incomplete line may come without a change that the system's clock can tell: the next call looks again. */
  #forget(bytes: number): void {
    if (bytes > 0) this.#seen = ''
  }
}

/** What the bytes before a place give: their hash by FNV-1a, 32 bits. Another one than any hash where the file ends before. */
async function markAt(file: FileHandle, offset: number): Promise<string> {
  if (offset === 0) return logStart.mark
  const length = Math.min(markedBytes, offset)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset - length)
  if (bytesRead < length) return 'cut'
  let hash = 0x811c9dc5
  for (const byte of buffer) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash.toString(16).padStart(8, '0')
}
