/** What is kept of pictures, features and small pictures: in blocks of memory that grow one by one, up to a bound. */
import { type SeenPicture, thumbSide, viewCount } from '../../worker/teach/protocol.ts'

/** Bytes of a small picture. */
export const thumbBytes = 3 * thumbSide ** 2

/** Pictures of a block. */
export const blockPictures = 256

/** Most pictures, and most bytes of what is kept of them. */
const bounds = { pictures: 20_000, bytes: 256 * 2 ** 20 } as const

/** Most pictures with views, and most bytes of these: with more pictures, views of them tell a head little that is new. */
const viewBounds = { pictures: 2000, bytes: 64 * 2 ** 20 } as const

/** A block of memory: of pictures, or of views of the pictures of the block of that index. */
export interface Block {
  readonly of: 'pictures' | 'views'
  readonly index: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Blocks of rows, a row a picture. */
export class PictureStore {
  /** Numbers of a picture. */
  readonly features: number
  /** Pictures that there is room for. */
  readonly capacity: number
  /** Pictures whose views there is room for. */
  readonly mostViewed: number
  readonly #blocks: Uint8Array<ArrayBuffer>[] = []
  /** Rows that are free again; of those that were freed since the last save the saved session still speaks. */
  #free: number[] = []
  #freed: number[] = []
  #rows = 0
  readonly #changed = new Set<number>()
  /** Where pictures have views, by the index of their block; and the rows that have some. */
  readonly #viewBlocks = new Map<number, Uint8Array<ArrayBuffer>>()
  readonly #viewed = new Set<number>()
  readonly #changedViews = new Set<number>()

  constructor(features: number, most: { readonly pictures: number; readonly bytes: number } = bounds) {
    this.features = features
    this.capacity = Math.min(most.pictures, Math.floor(most.bytes / this.#rowBytes))
    this.mostViewed = Math.min(viewBounds.pictures, blockPictures * this.#mostViewBlocks)
  }

  get #rowBytes(): number {
    return thumbBytes + 4 * this.features
  }

  /** Bytes of the views of a picture. */
  get viewBytes(): number {
    return 4 * viewCount * this.features
  }

  get #mostViewBlocks(): number {
    return Math.floor(viewBounds.bytes / (blockPictures * this.viewBytes))
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
    return blockPictures * (this.#blocks.length * this.#rowBytes + this.#viewBlocks.size * this.viewBytes)
  }

  /** Pictures that have views. */
  get viewed(): number {
    return this.#viewed.size
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

  /** Adds the views of a picture, unless there is no room for them. @param views `[viewCount, features]` */
  addViews(row: number, views: Float32Array): void {
    const index = Math.floor(row / blockPictures)
    const hasBlock = this.#viewBlocks.has(index)
    if (this.viewed >= this.mostViewed || (!hasBlock && this.#viewBlocks.size >= this.#mostViewBlocks)) return
    if (!hasBlock) this.#viewBlocks.set(index, new Uint8Array(blockPictures * this.viewBytes))
    this.#viewed.add(row)
    this.viewsOf(row).set(views)
    this.#changedViews.add(index)
  }

  /** Whether a picture has views. */
  hasViews(row: number): boolean {
    return this.#viewed.has(row)
  }

  /** `[viewCount, features]` of a picture that has views, a view. */
  viewsOf(row: number): Float32Array<ArrayBuffer> {
    const { buffer } = this.#viewBlocks.get(Math.floor(row / blockPictures))!
    return new Float32Array(buffer, (row % blockPictures) * this.viewBytes, viewCount * this.features)
  }

  /** Forgets a picture. */
  remove(row: number): void {
    this.#freed.push(row)
    this.#viewed.delete(row)
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

  /** Indices of the blocks of views. */
  get viewBlocks(): number[] {
    return [...this.#viewBlocks.keys()]
  }

  /** The blocks that have changed since they were asked for last. */
  takeChanged(): Block[] {
    const changed = [
      ...[...this.#changed].map(index => ({ of: 'pictures', index, bytes: this.#blocks[index]! }) as const),
      ...[...this.#changedViews].map(index => ({ of: 'views', index, bytes: this.#viewBlocks.get(index)! }) as const),
    ]
    this.#changed.clear()
    this.#changedViews.clear()
    return changed
  }

  /** Blocks that were not saved after all. */
  putBack(blocks: readonly Block[]): void {
    for (const { of, index } of blocks) (of === 'pictures' ? this.#changed : this.#changedViews).add(index)
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
   * @param views those of them that have views, and the blocks of these by their indices
   * @throws RangeError for blocks of other sizes, and rows that are in none
   */
  restore(
    blocks: readonly Uint8Array<ArrayBuffer>[],
    used: readonly number[],
    views: { readonly rows: readonly number[]; readonly blocks: ReadonlyMap<number, Uint8Array<ArrayBuffer>> },
  ): void {
    const rows = blocks.length * blockPictures
    const isWhole = blocks.every(({ length }) => length === blockPictures * this.#rowBytes)
    const isViewed =
      [...views.blocks.values()].every(({ length }) => length === blockPictures * this.viewBytes) &&
      views.rows.every(row => views.blocks.has(Math.floor(row / blockPictures)))
    const isIn = used.every(row => Number.isSafeInteger(row) && row >= 0 && row < rows)
    if (!isWhole || !isViewed || !isIn || new Set(used).size < used.length || used.length > this.capacity) {
      throw new RangeError('the saved pictures do not fit what is saved of them')
    }
    this.#blocks.push(...blocks)
    for (const [index, bytes] of views.blocks) this.#viewBlocks.set(index, bytes)
    for (const row of views.rows) this.#viewed.add(row)
    this.#rows = rows
    const kept = new Set(used)
    for (let row = rows - 1; row >= 0; row--) if (!kept.has(row)) this.#free.push(row)
  }
}
