/** What is kept of pictures, features and small pictures: in blocks of memory that grow one by one, up to a bound. */
import { type SeenPicture, thumbSide } from '../../worker/teach/protocol.ts'

/** Bytes of a small picture. */
export const thumbBytes = 3 * thumbSide ** 2

/** Pictures of a block. */
export const blockPictures = 256

/** Most pictures, and most bytes of what is kept of them. */
const bounds = { pictures: 20_000, bytes: 256 * 2 ** 20 } as const

/** Blocks of rows, a row a picture. */
export class PictureStore {
  /** Numbers of a picture. */
  readonly features: number
  /** Pictures that there is room for. */
  readonly capacity: number
  readonly #blocks: Uint8Array<ArrayBuffer>[] = []
  /** Rows that are free again; of those that were freed since the last save the saved session still speaks. */
  #free: number[] = []
  #freed: number[] = []
  #rows = 0
  readonly #changed = new Set<number>()

  constructor(features: number, most: { readonly pictures: number; readonly bytes: number } = bounds) {
    this.features = features
    this.capacity = Math.min(most.pictures, Math.floor(most.bytes / this.#rowBytes))
  }

  get #rowBytes(): number {
    return thumbBytes + 4 * this.features
  }

  /** Pictures that are kept. */
  get count(): number {
    return this.#rows - this.#free.length - this.#freed.length
  }

  /** Blocks of memory. */
  get blocks(): number {
    return this.#blocks.length
  }

  /** Bytes of memory that it takes. */
  get bytes(): number {
    return this.#blocks.length * blockPictures * this.#rowBytes
  }

  /** @returns the picture's row; undefined when there is no room */
  add({ thumb, features }: SeenPicture): number | undefined {
    if (this.count >= this.capacity) return undefined
    const row = this.#free.pop() ?? this.#rows++
    this.#block(row)
    this.thumb(row).set(thumb)
    this.featuresOf(row).set(features)
    this.#changed.add(Math.floor(row / blockPictures))
    return row
  }

  /** Forgets a picture. */
  remove(row: number): void {
    this.#freed.push(row)
  }

  /** `[thumbSide, thumbSide, 3]`, a view. */
  thumb(row: number): Uint8Array<ArrayBuffer> {
    const at = (row % blockPictures) * thumbBytes
    return this.#block(row).subarray(at, at + thumbBytes)
  }

  /** A view. */
  featuresOf(row: number): Float32Array<ArrayBuffer> {
    const at = blockPictures * thumbBytes + (row % blockPictures) * 4 * this.features
    return new Float32Array(this.#block(row).buffer, at, this.features)
  }

  /** The features of rows, one after the other, copied. */
  gather(rows: readonly number[]): Float32Array<ArrayBuffer> {
    const all = new Float32Array(rows.length * this.features)
    for (const [k, row] of rows.entries()) all.set(this.featuresOf(row), k * this.features)
    return all
  }

  #block(row: number): Uint8Array<ArrayBuffer> {
    const index = Math.floor(row / blockPictures)
    while (this.#blocks.length <= index) this.#blocks.push(new Uint8Array(blockPictures * this.#rowBytes))
    return this.#blocks[index]!
  }

  /** The blocks that have changed since they were asked for last. */
  takeChanged(): { readonly index: number; readonly bytes: Uint8Array<ArrayBuffer> }[] {
    const changed = [...this.#changed].map(index => ({ index, bytes: this.#blocks[index]! }))
    this.#changed.clear()
    return changed
  }

  /** Blocks that were not saved after all. */
  putBack(indices: readonly number[]): void {
    for (const index of indices) this.#changed.add(index)
  }

  /** What is saved no longer speaks of rows that were freed before. @param freed how many these are */
  saved(freed: number): void {
    this.#free.push(...this.#freed.splice(0, freed))
  }

  /** Rows that were freed since the last save. */
  get freed(): number {
    return this.#freed.length
  }

  /**
   * Takes the blocks of a saved session.
   * @param used the rows that it speaks of
   * @throws RangeError for blocks of other sizes, and rows that are in none
   */
  restore(blocks: readonly Uint8Array<ArrayBuffer>[], used: readonly number[]): void {
    const rows = blocks.length * blockPictures
    const isWhole = blocks.every(({ length }) => length === blockPictures * this.#rowBytes)
    const isIn = used.every(row => Number.isSafeInteger(row) && row >= 0 && row < rows)
    if (!isWhole || !isIn || new Set(used).size < used.length || used.length > this.capacity) {
      throw new RangeError('the saved pictures do not fit what is saved of them')
    }
    this.#blocks.push(...blocks)
    this.#rows = rows
    const kept = new Set(used)
    for (let row = rows - 1; row >= 0; row--) if (!kept.has(row)) this.#free.push(row)
  }
}
