/** Files that a page keeps in its browser: in the origin's private file system, or in a database. */
import type { GlobalBlob } from './globals.ts'

/** Thrown for a file that the browser cannot keep or give back. Names it and says why. */
export class BrowserFileError extends Error {
  override readonly name = 'BrowserFileError'
}

/** A file that is kept. */
export interface KeptFile {
  readonly name: string
  /** Size in bytes. */
  readonly size: number
}

/** A place for files in the browser. */
export interface BrowserFiles {
  /**
   * Keeps a file and replaces one of the same name; if anything goes wrong, the old file is still whole.
   * @throws BrowserFileError when there is no room, or the name is not allowed
   */
  save(name: string, contents: Uint8Array | GlobalBlob): Promise<void>
  /** The contents of a file; undefined when there is none. @throws BrowserFileError when it cannot be read */
  open(name: string): Promise<GlobalBlob | undefined>
  /** All files, by name. */
  list(): Promise<KeptFile[]>
  /** Removes a file, if it is there. */
  remove(name: string): Promise<void>
}

/** The folder and the database of this package. */
const place = 'fovea'

/**
 * Files of this page's origin: in its private file system (OPFS), or, where the browser has none or does not let pages
 * write to it, in a database (IndexedDB). The browser may clear either when its disk is full, unless
 * `navigator.storage.persist()` was granted.
 * @param where use only this storage; what is kept in one is not found in the other
 * @throws BrowserFileError where there is no such storage
 * @example
 * const files = await browserFiles()
 * await files.save('cats.fovea', writeClassifier(model, info))
 * const classify = await loadClassifier(await files.open('cats.fovea'))
 */
export async function browserFiles(where?: 'file system' | 'database'): Promise<BrowserFiles> {
  const isWritable = 'createWritable' in (globalThis.FileSystemFileHandle?.prototype ?? {})
  if (isWritable && where !== 'database') {
    try {
      return privateFiles(await (await navigator.storage.getDirectory()).getDirectoryHandle(place, { create: true }))
    } catch {
      // Private windows of some browsers have no file system; the database still works.
    }
  }
  if (globalThis.indexedDB === undefined || where === 'file system')
    throw new BrowserFileError(
      `there is no ${where ?? 'storage'} of a browser here: a page of plain http may have none`,
    )
  return databaseFiles(await openDatabase())
}

/** Files in the private file system. */
function privateFiles(folder: FileSystemDirectoryHandle): BrowserFiles {
  const handleOf = async (name: string): Promise<FileSystemFileHandle | undefined> => {
    checked(name)
    try {
      return await folder.getFileHandle(name)
    } catch (error) {
      if (isNamed(error, 'NotFoundError')) return undefined
      throw failure(name, error)
    }
  }
  return {
    async save(name, contents) {
      await checkRoom(checked(name), contents)
      const file = await folder.getFileHandle(name, { create: true })
      let writer: FileSystemWritableFileStream | undefined
      try {
        // Written beside the file, which `close` replaces.
        writer = await file.createWritable()
        await writer.write(contents as FileSystemWriteChunkType)
        await writer.close()
      } catch (error) {
        await writer?.abort().catch(() => undefined)
        // Opening created the file if it was not there before; it is empty.
        if ((await file.getFile()).size === 0) await folder.removeEntry(name)
        throw await saveFailure(name, contents, error)
      }
    },
    open: async name => (await handleOf(name))?.getFile(),
    async list() {
      const found: KeptFile[] = []
      for await (const entry of folder.values()) {
        if (entry.kind === 'file') found.push({ name: entry.name, size: (await entry.getFile()).size })
      }
      return found.sort(byName)
    },
    async remove(name) {
      if (await handleOf(name)) await folder.removeEntry(name)
    },
  }
}

/** Opens the database, with one store of files by name. */
function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open(place, 1)
  request.onupgradeneeded = () => request.result.createObjectStore(place)
  return resultOf(request)
}

/** Files in a database. */
function databaseFiles(database: IDBDatabase): BrowserFiles {
  const store = (mode: IDBTransactionMode) => database.transaction(place, mode).objectStore(place)
  return {
    async save(name, contents) {
      await checkRoom(checked(name), contents)
      const blob = blobOf(contents)
      try {
        const files = store('readwrite')
        files.put(blob, name)
        await ended(files.transaction)
      } catch (error) {
        throw await saveFailure(name, contents, error)
      }
    },
    open: name => resultOf<Blob | undefined>(store('readonly').get(checked(name))),
    async list() {
      const files = store('readonly')
      const [names, blobs] = await Promise.all([resultOf(files.getAllKeys()), resultOf<Blob[]>(files.getAll())])
      return names.map((name, k) => ({ name: String(name), size: blobs[k]!.size })).sort(byName)
    },
    async remove(name) {
      const files = store('readwrite')
      files.delete(checked(name))
      await ended(files.transaction)
    },
  }
}

/**
 * Gives a file to whoever looks at the page, as a download.
 * @example downloadFile('cats.fovea', writeClassifier(model, info))
 */
export function downloadFile(name: string, contents: Uint8Array | GlobalBlob): void {
  const href = URL.createObjectURL(blobOf(contents))
  Object.assign(document.createElement('a'), { href, download: name }).click()
  // The browser has taken the address by then.
  setTimeout(() => URL.revokeObjectURL(href), 60_000)
}

const blobOf = (contents: Uint8Array | Blob): Blob =>
  contents instanceof Blob ? contents : new Blob([contents as Uint8Array<ArrayBuffer>])

const byName = (a: KeptFile, b: KeptFile): number => (a.name < b.name ? -1 : 1)

const isNamed = (error: unknown, name: string): boolean => error instanceof Error && error.name === name

/** @throws BrowserFileError for a text that cannot be the name of a file */
function checked(name: string): string {
  if (name !== '' && name !== '.' && name !== '..' && !/[/\\]/.test(name)) return name
  throw new BrowserFileError(`'${name}' is no name of a file: it must not be empty, '.', '..', or have a slash`)
}

const failure = (name: string, error: unknown): BrowserFileError =>
  new BrowserFileError(`${name}: ${(error as Error).message}`, { cause: error })

const sizeOf = (contents: Uint8Array | Blob): number => (contents instanceof Blob ? contents.size : contents.length)

/** Bytes that the page may still store; infinite where the browser does not say. */
async function roomLeft(): Promise<number> {
  const { quota = Number.POSITIVE_INFINITY, usage = 0 } = (await navigator.storage?.estimate()) ?? {}
  return Math.max(0, quota - usage)
}

/** @throws BrowserFileError when there is no room for a file: not every browser reports it while writing */
async function checkRoom(name: string, contents: Uint8Array | Blob): Promise<void> {
  const room = await roomLeft()
  if (sizeOf(contents) > room) throw noRoom(name, contents, room)
}

const noRoom = (name: string, contents: Uint8Array | Blob, room: number, cause?: unknown): BrowserFileError => {
  const rule = `the page has room for ${room} bytes more in this browser: remove other files`
  return new BrowserFileError(`${name}: ${sizeOf(contents)} bytes, and ${rule}`, { cause })
}

/** Why a file could not be saved. */
const saveFailure = async (name: string, contents: Uint8Array | Blob, error: unknown): Promise<BrowserFileError> =>
  isNamed(error, 'QuotaExceededError') ? noRoom(name, contents, await roomLeft(), error) : failure(name, error)

const resultOf = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

const ended = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
  })
