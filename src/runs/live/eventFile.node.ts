/**
 * Reads on in an event file of TensorBoard as it grows: whole records only. What is damaged is told by its place: a
 * record whose data are wrong is passed over; behind a length that is wrong nothing can be found any more.
 */
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { recordEvent, recordFrame, recordHead, recordLength, type ScalarsEvent } from '../tensorboardReading.ts'

/** Bytes that are read at a time. */
const chunkBytes = 2 ** 18
/** Longer records hold pictures or graphs, and are passed over without being read. */
const longestRecord = 4 * 2 ** 20

/** A reader of one file. One call of `read` at a time. */
export class EventFile {
  readonly path: string
  #offset = 0
  #inode: bigint | undefined
  #seen = ''
  #changed = 0
  #isEnded = false
  #isLost = false
  #wrong = 0
  #firstWrong = 0

  /** @param path without links: what lies elsewhere is not read */
  constructor(path: string) {
    this.path = path
  }

  /** When it was last changed, in milliseconds since 1970. */
  get changed(): number {
    return this.#changed
  }

  /** What is damaged in it, in words; undefined when nothing is. */
  get damage(): string | undefined {
    const name = basename(this.path)
    if (this.#isLost) {
      return `${name} is damaged at byte ${this.#offset}, where no record begins: what follows is not read`
    }
    if (this.#wrong === 0) return undefined
    const first = `at byte ${this.#firstWrong}`
    return this.#wrong === 1
      ? `${name} has a record with a wrong checksum ${first}, which is left out`
      : `${name} has ${this.#wrong} records with wrong checksums, the first ${first}, which are left out`
  }

  /** Ends a call of `read` before its next chunk. */
  end(): void {
    this.#isEnded = true
  }

  /**
   * Reads the records that were completed since the last call.
   * @returns `cut` when the file is shorter now, another one, or gone
   * @throws the system's error when there is a file that cannot be read
   */
  async read(take: (event: ScalarsEvent) => void): Promise<'read' | 'cut'> {
    const about = await stat(this.path, { bigint: true }).catch(() => undefined)
    if (!about?.isFile() || (await realpath(this.path)) !== this.path) return 'cut'
    const isOther = this.#inode !== undefined && this.#inode !== about.ino
    if (isOther || about.size < this.#offset) return 'cut'
    this.#inode = about.ino
    this.#changed = Number(about.mtimeMs)
    const seen = `${about.size} ${about.mtimeNs}`
    if (seen === this.#seen || this.#isLost) return 'read'
    const file = await open(this.path, 'r')
    try {
      await this.#readRecords(file, Number(about.size), take)
      this.#seen = this.#isEnded ? '' : seen
    } finally {
      await file.close()
    }
    return 'read'
  }

  async #readRecords(file: FileHandle, size: number, take: (event: ScalarsEvent) => void): Promise<void> {
    let buffer = new Uint8Array(chunkBytes)
    while (!this.#isEnded && size - this.#offset >= recordHead) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#offset)
      const before = this.#offset
      const needed = this.#take(buffer.subarray(0, bytesRead), size, take)
      if (this.#isLost || needed === 'rest') return
      if (needed > buffer.length) buffer = new Uint8Array(needed)
      else if (this.#offset === before) return
    }
  }

  /** @returns bytes that the next record needs; `rest` when the file has not all of it yet */
  #take(bytes: Uint8Array, size: number, take: (event: ScalarsEvent) => void): number | 'rest' {
    let at = 0
    while (bytes.length - at >= recordHead) {
      const length = recordLength(bytes, at)
      if (length === undefined) {
        this.#isLost = true
        return 0
      }
      const whole = length + recordFrame
      if (whole > size - this.#offset) return 'rest'
      if (whole <= longestRecord) {
        if (bytes.length - at < whole) return whole
        this.#tell(recordEvent(bytes, at, length), take)
      }
      this.#offset += whole
      at += whole
    }
    return recordHead
  }

  #tell(event: ScalarsEvent | undefined, take: (event: ScalarsEvent) => void): void {
    if (event) take(event)
    else if (this.#wrong++ === 0) this.#firstWrong = this.#offset
  }
}
