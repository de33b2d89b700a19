/**
 * Watches a folder of runs: folders that come and go, logs that grow, processes that begin and end. It looks four times a second at runs
 * that are trained and once at all others, and rests when nobody has asked for a while.
 *
 * Memory: a log is parsed once, into 28 bytes a step. All steps together take at most the given bytes; beyond them, those of runs that
 * nobody has asked for are given back first, then the least recently asked for, and are read again on request. Of every run its story
 * stays: scores and notices.
 */
import { EventEmitter } from 'node:events'
import { type Dirent, realpathSync } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { RunSummary, SearchSummary } from './protocol.ts'
import { Searches } from './searches.node.ts'
import type { Watched } from './watched.ts'
import { runFiles, WatchedRun } from './watchedRun.node.ts'
import { isEventFile, pairedFolders, WatchedScalars } from './watchedScalars.node.ts'

/** Options of a {@link RunWatch}. */
export interface RunWatchOptions {
  /** Bytes that the steps of all runs may take; 256 MB by default. */
  readonly bytes?: number
  /** Milliseconds between two looks; 250 by default. */
  readonly interval?: number
}

/** Folders in folders, as studies have them: this many below the one that is watched. */
const deepest = 3
/** Looks for each that are made at runs that rest. */
const restEvery = 4
/** Milliseconds after the last question until it rests. */
const patience = 10_000

interface WatchEvents {
  /** Rows of the list, and keys of runs that are gone. */
  news: [runs: readonly RunSummary[], gone: readonly number[]]
  /** A log may have grown or have been cut. */
  log: [key: number]
  /** All searches; some are new, gone, or other ones. */
  searches: [searches: readonly SearchSummary[]]
}

/** The watch. */
export class RunWatch extends EventEmitter<WatchEvents> {
  /** Name of the folder. */
  readonly title: string
  readonly #root: string
  readonly #bytes: number
  readonly #interval: number
  readonly #runs = new Map<number, Watched>()
  /** Keys and kinds by names. */
  readonly #keys = new Map<string, { readonly key: number; readonly kind: string }>()
  readonly #searches = new Searches()
  #nextKey = 1
  #questions = 0
  #restAt = 0
  #looks = 0
  #timer: NodeJS.Timeout | undefined
  /** The first look around since it rested, the look that is under way, and the reading of new logs. */
  #awake: Promise<void> | undefined
  #looking: Promise<void> | undefined
  #reading: Promise<void> | undefined
  #isClosed = false

  /** @param folder of runs, or one run; it exists */
  constructor(folder: string, { bytes = 256 * 2 ** 20, interval = 250 }: RunWatchOptions = {}) {
    super()
    this.setMaxListeners(0)
    // A link to the folder itself is followed; links in it are not.
    this.#root = realpathSync(folder)
    this.title = basename(resolve(folder))
    this.#bytes = bytes
    this.#interval = interval
  }

  /** All runs that are known. */
  summaries(): RunSummary[] {
    return [...this.#runs.values()].map(run => run.summary())
  }

  /** All searches whose trials may be among them. */
  searches(): SearchSummary[] {
    return this.#searches.all
  }

  /** A run by its key; it is asked for, and read before others. */
  run(key: number): Watched | undefined {
    const run = this.#runs.get(key)
    if (run) run.asked = ++this.#questions
    return run
  }

  /** Somebody asks: it looks around, for a while. @returns when the folders are known, not when their logs are read */
  async wake(): Promise<void> {
    this.#restAt = Date.now() + patience
    if (this.#isClosed) return
    this.#awake ??= this.#scan().then(() => this.#begin())
    await this.#awake
  }

  /** Ends all work. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const run of this.#runs.values()) run.end()
    await this.#awake
    await Promise.all([this.#looking, this.#reading])
  }

  /** Looks now, and again after a while. */
  #begin(): void {
    this.#looking = this.#look().finally(() => {
      const isWanted = this.listenerCount('news') > 0 || Date.now() < this.#restAt
      if (this.#isClosed) return
      if (isWanted) this.#timer = setTimeout(() => this.#begin(), this.#interval)
      else this.#awake = undefined
    })
  }

  async #look(): Promise<void> {
    const isFull = this.#looks++ % restEvery === 0
    if (isFull) await this.#scan()
    this.#reading ??= this.#readNew().finally(() => {
      this.#reading = undefined
    })
    for (const run of this.#inOrder()) {
      if (this.#isClosed) return
      if (!run.isRead || (!isFull && !run.isRunning)) continue
      await run.look()
      await this.#read(run)
    }
  }

  /** Reads the logs that were not read yet, one after the other; those that grow are read on in meanwhile. */
  async #readNew(): Promise<void> {
    for (;;) {
      const run = this.#inOrder().find(({ isRead }) => !isRead)
      if (!run || this.#isClosed) return
      await this.#read(run)
    }
  }

  async #read(run: Watched): Promise<void> {
    await run.read()
    this.#keepWithin(run)
    this.emit('log', run.key)
    this.#tell([run], [])
  }

  /** Runs that were asked for come first, then those that are trained, then the newest. */
  #inOrder(): Watched[] {
    const rank = (run: Watched): number => (run.asked > 0 ? 0 : run.isRunning ? 1 : 2)
    return [...this.#runs.values()].sort((a, b) => rank(a) - rank(b) || b.key - a.key)
  }

  #tell(runs: readonly Watched[], gone: readonly number[]): void {
    const news = runs.flatMap(run => run.news() ?? [])
    if (news.length > 0 || gone.length > 0) this.emit('news', news, gone)
  }

  /** Gives back steps beyond the bytes that all may take, but never those of the run that was just read. */
  #keepWithin(current: Watched): void {
    let total = 0
    for (const run of this.#runs.values()) total += run.bytes
    if (total <= this.#bytes) return
    // Of those that nobody has asked for, the one that was just read may go, too.
    const others = [...this.#runs.values()].filter(run => run.bytes > 0 && (run !== current || run.asked === 0))
    for (const run of others.sort((a, b) => a.asked - b.asked || a.key - b.key)) {
      total -= run.bytes
      run.forget()
      if (total <= this.#bytes) return
    }
  }

  /** Finds the run folders that there are now. */
  async #scan(): Promise<void> {
    const folders = new Map<string, string>()
    const found: Found = (await isRun(this.#root)) ? new Map([['', 'run']]) : new Map()
    if (found.size === 0) await this.#runsIn('', deepest, found, folders)
    const isOtherSearch = await this.#searches.read(folders, this.title)
    // A folder may become another kind of run.
    const isNew = [...found].filter(([name, kind]) => this.#keys.get(name)?.kind !== String(kind))
    const times = await Promise.all(isNew.map(([name, kind]) => beganAt(join(this.#root, name), kind)))
    const order = isNew.map((_, k) => k).sort((a, b) => times[a]! - times[b]!)
    const replaced = isNew.flatMap(([name]) => this.#remove(name))
    const added = order.map(k => this.#add(...isNew[k]!))
    const gone = [...this.#keys.keys()].filter(name => !found.has(name)).flatMap(name => this.#remove(name))
    if (isOtherSearch || added.length > 0) {
      for (const run of this.#runs.values()) run.search = this.#searches.of(run.name)
    }
    if (isOtherSearch) this.emit('searches', this.#searches.all)
    await Promise.all(added.map(run => run.look()))
    this.#tell(added, [...replaced, ...gone])
  }

  /**
   * Finds runs in a folder and the folders in it, but not in run folders of Fovea; links are not followed.
   * @param found gets their names and kinds
   * @param others gets the folders that are no run folders, by their names
   */
  async #runsIn(under: string, depth: number, found: Found, others: Map<string, string>): Promise<void> {
    const folder = join(this.#root, under)
    others.set(under, folder)
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
    if (entries.some(isEvents)) found.set(under, [''])
    const names = entries.filter(entry => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name)
    const pathOf = (name: string): string => (under === '' ? name : `${under}/${name}`)
    for (const name of names) {
      const path = pathOf(name)
      if (await isRun(join(folder, name))) found.set(path, 'run')
      else if (depth > 1) await this.#runsIn(path, depth - 1, found, others)
      else if (await hasEvents(join(folder, name))) found.set(path, [''])
    }
    // Keras writes what it measures in training and in validation into two folders of one run.
    if (pairedFolders.every(name => Array.isArray(found.get(pathOf(name))))) {
      for (const name of pairedFolders) found.delete(pathOf(name))
      found.set(under, [...(found.get(under) ?? []), ...pairedFolders])
    }
  }

  #add(name: string, kind: Kind): Watched {
    const key = this.#nextKey++
    const [shown, path] = [name || this.title, join(this.#root, name)]
    const run = kind === 'run' ? new WatchedRun(key, shown, path) : new WatchedScalars(key, shown, path, kind)
    this.#keys.set(name, { key, kind: String(kind) })
    this.#runs.set(key, run)
    return run
  }

  /** @returns its key, if there was such a run */
  #remove(name: string): number[] {
    const { key } = this.#keys.get(name) ?? {}
    if (key === undefined) return []
    this.#runs.get(key)?.end()
    this.#runs.delete(key)
    this.#keys.delete(name)
    return [key]
  }
}

/** A run folder of Fovea, or folders with event files of TensorBoard: '' for the run's own, or the names of those in it. */
type Kind = 'run' | readonly string[]
type Found = Map<string, Kind>

const isEvents = (entry: Dirent): boolean => entry.isFile() && isEventFile(entry.name)
const hasEvents = async (folder: string): Promise<boolean> =>
  (await readdir(folder, { withFileTypes: true }).catch(() => [])).some(isEvents)

/** When a run began, for the order of the list: what is older has a smaller key. */
async function beganAt(path: string, kind: Kind): Promise<number> {
  if (kind === 'run') return changedAt(join(path, runFiles.recipe))
  const folder = join(path, kind[0]!)
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const first = entries
    .filter(isEvents)
    .map(({ name }) => name)
    .sort()[0]
  return first === undefined ? 0 : changedAt(join(folder, first))
}

const isRun = async (path: string): Promise<boolean> => (await changedAt(join(path, runFiles.recipe))) > 0

/** When a file was changed, in milliseconds since 1970; 0 when there is none. */
const changedAt = (path: string): Promise<number> =>
  lstat(path).then(
    about => (about.isFile() ? about.mtimeMs : 0),
    () => 0,
  )
