/**
 * The session in the browser's storage, so that a reload loses nothing: what is kept of the pictures in files of 256, and last a file that
 * says which of them belong to which class. Only what has changed is written.
 */
import { BrowserFileError, type BrowserFiles } from '../../../../src/formats/browserFiles.ts'
import { isRecord } from '../../../../src/rules/record.ts'
import type { Classes, TaughtPicture } from './classes.ts'
import type { Block, PictureStore } from './pictureStore.ts'
import { type Augmentation, augmentations } from './trainingRows.ts'

/** Names of the files. */
const indexName = 'teach.json'
const trunkName = 'teach-trunk.fovea'
const blockName = ({ of, index }: Pick<Block, 'of' | 'index'>): string =>
  of === 'pictures' ? `teach-${index}.bin` : `teach-views-${index}.bin`

/** A later version may keep other things by the same names. */
const version = 1

/** What the index says. */
interface Index {
  readonly version: number
  /** Whose features these are. */
  readonly trunk: string
  /** Name of the file of a trunk of one's own, which is kept as well. */
  readonly own?: string | undefined
  readonly blocks: number
  /** Indices of the blocks of views. */
  readonly viewBlocks?: readonly number[]
  readonly augmentation?: Augmentation
  readonly classes: readonly {
    readonly name: string
    /** Row, and whether it is held back, a frame of a camera, has views: [12, 0, 0, 1]. */
    readonly pictures: readonly (readonly [row: number, isHeld: number, isFrame: number, hasViews?: number])[]
  }[]
}

/** What is saved. */
export class SavedSession {
  readonly #files: BrowserFiles
  #index: Index | undefined

  private constructor(files: BrowserFiles, index: Index | undefined) {
    this.#files = files
    this.#index = index
  }

  /** Reads what is there. @throws BrowserFileError where nothing can be kept */
  static async open(files: BrowserFiles): Promise<SavedSession> {
    const file = await files.open(indexName)
    return new SavedSession(files, file && parseIndex(await file.text()))
  }

  /** The trunk of one's own that the session was taught with; undefined for the one that comes with the Lab. */
  async trunk(): Promise<File | undefined> {
    const name = this.#index?.own
    const kept = name === undefined ? undefined : await this.#files.open(trunkName)
    return kept && new File([kept], name!)
  }

  /**
   * Gives back the classes and their pictures.
   * @returns whether some were saved, with this trunk
   * @throws RangeError when what is saved does not fit together
   */
  async restore(
    fingerprint: string,
    classes: Classes,
    store: PictureStore,
  ): Promise<'restored' | 'nothing' | 'of another trunk'> {
    const index = this.#index
    if (!index || index.blocks === 0) return 'nothing'
    if (index.trunk !== fingerprint) return 'of another trunk'
    const blocks: Uint8Array<ArrayBuffer>[] = []
    for (let k = 0; k < index.blocks; k++) blocks.push(await this.#read({ of: 'pictures', index: k }))
    const viewBlocks = new Map<number, Uint8Array<ArrayBuffer>>()
    for (const k of index.viewBlocks ?? []) viewBlocks.set(k, await this.#read({ of: 'views', index: k }))
    const saved = index.classes.map(({ name, pictures }) => ({
      name,
      pictures: pictures.map(
        ([row, isHeld, isFrame]): TaughtPicture => ({ row, isHeld: isHeld === 1, isFrame: isFrame === 1 }),
      ),
    }))
    const rows = index.classes.flatMap(({ pictures }) => pictures)
    store.restore(
      blocks,
      rows.map(([row]) => row),
      { rows: rows.flatMap(([row, , , hasViews]) => (hasViews === 1 ? [row] : [])), blocks: viewBlocks },
    )
    classes.restore(saved, index.augmentation ?? classes.augmentation.peek())
    return 'restored'
  }

  async #read(block: Pick<Block, 'of' | 'index'>): Promise<Uint8Array<ArrayBuffer>> {
    const file = await this.#files.open(blockName(block))
    if (!file) throw new RangeError(`${blockName(block)} is missing`)
    return new Uint8Array(await file.arrayBuffer())
  }

  /**
   * Saves what has changed.
   * @param own the file of a trunk of one's own
   * @throws BrowserFileError when there is no room
   */
  async save(fingerprint: string, own: File | undefined, classes: Classes, store: PictureStore): Promise<void> {
    const { freed } = store
    const index: Index = {
      version,
      trunk: fingerprint,
      own: own?.name,
      blocks: store.blocks,
      viewBlocks: store.viewBlocks,
      augmentation: classes.augmentation.peek(),
      classes: classes.all.peek().map(({ name, pictures }) => ({
        name: name.peek(),
        pictures: pictures.map(
          ({ row, isHeld, isFrame }) => [row, Number(isHeld), Number(isFrame), Number(store.hasViews(row))] as const,
        ),
      })),
    }
    if (own && (this.#index?.own !== own.name || this.#index.trunk !== fingerprint))
      await this.#files.save(trunkName, own)
    const changed = store.takeChanged()
    try {
      for (const block of changed) await this.#files.save(blockName(block), block.bytes)
      await this.#files.save(indexName, new TextEncoder().encode(JSON.stringify(index)))
    } catch (error) {
      store.putBack(changed)
      throw error
    }
    store.saved(freed)
    for (let k = index.blocks; k < (this.#index?.blocks ?? 0); k++) {
      await this.#files.remove(blockName({ of: 'pictures', index: k }))
    }
    for (const k of this.#index?.viewBlocks ?? []) {
      if (!store.viewBlocks.includes(k)) await this.#files.remove(blockName({ of: 'views', index: k }))
    }
    if (!own && this.#index?.own !== undefined) await this.#files.remove(trunkName)
    this.#index = index
  }
}

/** @returns undefined for an index that another version wrote, or nobody */
function parseIndex(text: string): Index | undefined {
  try {
    const index: unknown = JSON.parse(text)
    const isIndex =
      isRecord(index) &&
      index.version === version &&
      typeof index.trunk === 'string' &&
      Number.isSafeInteger(index.blocks) &&
      (index.viewBlocks === undefined || Array.isArray(index.viewBlocks)) &&
      (index.augmentation === undefined || augmentations.some(one => one === index.augmentation)) &&
      Array.isArray(index.classes) &&
      index.classes.every(one => isRecord(one) && typeof one.name === 'string' && Array.isArray(one.pictures))
    return isIndex ? (index as unknown as Index) : undefined
  } catch {
    return undefined
  }
}

/** Why a session cannot be kept, as a sentence. */
export const keepingProblem = (error: unknown): string =>
  `What you teach is not kept for the next visit: ${error instanceof BrowserFileError ? error.message : (error as Error).message}.`
