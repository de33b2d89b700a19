/**
 * A run folder: everything that is stored of one training run.
 *
 *     recipe.json                          the recipe as resolved
 *     network/NAME.onnx                    the network of a run that began with an ONNX file
 *     events.jsonl                         the event log
 *     checkpoints/step-000430.safetensors  model and optimizer, with step-000430.json beside it
 *     latest, best                         one line each: the checkpoint that is meant
 *     lock                                 the process that trains here, while it does
 *
 * A crash at any moment, even of the machine, leaves the last finished checkpoint usable: files appear whole or not at
 * all, and `latest` is changed only after the checkpoint it names is on the disk.
 */
import { mkdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, notWritten, writing } from '../data/fileError.node.ts'
import { type Checkpoint, CheckpointError } from '../train/checkpoint.ts'
import type { CheckpointEvent, TrainEvent } from '../train/events.ts'
import { removeTemporaries, writeAtomic } from './atomicFile.node.ts'
import {
  checkpointName,
  checkpointStep,
  checkpointSteps,
  readCheckpoint,
  removeCheckpoint,
  writeCheckpoint,
} from './checkpointFile.node.ts'
import { RunFolderError } from './errors.ts'
import { EventLog, type LoggedEvent, readEvents, rewindEvents } from './eventLog.node.ts'
import { asStored, keepNetwork } from './keptNetwork.node.ts'
import { RunLock } from './runLock.node.ts'

/** Options for writing a run folder. */
export interface RunFolderOptions {
  /** Number of newest checkpoints to keep besides the best one, at least 1; 2 by default. */
  readonly keep?: number
  /** Selects checkpoints to keep permanently, by epoch and step; none by default. */
  readonly keepAlways?: (checkpoint: Pick<CheckpointEvent, 'epoch' | 'step'>) => boolean
  /** How long to wait for another process that trains in the folder to end, in milliseconds; 0 by default. */
  readonly patience?: number
}

/** What a run resumes from. */
export interface Resumed {
  /** Absent when the run ended before its first checkpoint: it starts over. */
  readonly checkpoint?: Checkpoint
  /** File the checkpoint was read from. */
  readonly file?: string
  /** Problems that were skipped, for people to read. */
  readonly warnings: readonly string[]
}

/** A run folder, to be written by `create` and `resume`, or only read by `open`. */
export class RunFolder {
  readonly path: string
  #recipe: unknown
  #writer: { readonly lock: RunLock; readonly log: EventLog; readonly keep: number } | undefined
  /** Steps whose checkpoints are kept permanently. */
  readonly #always = new Set<number>()
  #keepAlways: NonNullable<RunFolderOptions['keepAlways']> = () => false

  private constructor(path: string, recipe: unknown) {
    this.path = path
    this.#recipe = recipe
  }

  /** The recipe as resolved, JSON. */
  get recipe(): unknown {
    return this.#recipe
  }

  /**
   * Makes the folder of a new run and locks it: `root/name`, or `root/name-2`, `root/name-3`, … when that is taken. The
   * network of an ONNX file is copied into it.
   *
   * @throws RunFolderError when `name` is not a folder name; RecipeError when the ONNX file of the recipe has changed; FileError when `root` cannot be written; it is then
   * unchanged.
   */
  static async create(root: string, name: string, recipe: unknown, options: RunFolderOptions = {}): Promise<RunFolder> {
    const keep = checkKeep(options)
    if (!/^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u.test(name)) {
      throw new RunFolderError(`run name ${JSON.stringify(name)}: expected letters, digits, '.', '_' and '-'`)
    }
    const path = await makeFreeFolder(root, name)
    try {
      const lock = await RunLock.acquire(join(path, 'lock'))
      const stored = await keepNetwork(path, recipe)
      const folder = new RunFolder(path, stored)
      await makeFolder(folder.#checkpointsPath)
      await writeRecipe(path, stored)
      folder.#keepAlways = options.keepAlways ?? folder.#keepAlways
      folder.#writer = { lock, log: new EventLog(folder.#eventsPath), keep }
      return folder
    } catch (error) {
      await rm(path, { recursive: true, force: true }).catch(() => undefined)
      throw error
    }
  }

  /**
   * Opens an existing run to read it.
   *
   * @throws RunFolderError saying what is missing when `path` is not a run folder.
   */
  static async open(path: string): Promise<RunFolder> {
    const about = await stat(path).catch(() => undefined)
    if (!about) throw new RunFolderError(`${path}: no such folder`)
    if (!about.isDirectory()) throw new RunFolderError(`${path}: is a file, expected a run folder`)
    const recipePath = join(path, 'recipe.json')
    const text = await readIfThere(recipePath)
    if (text === undefined) throw new RunFolderError(`${path}: is not a run folder: recipe.json is missing`)
    try {
      return new RunFolder(path, JSON.parse(text))
    } catch (error) {
      throw new RunFolderError(`${recipePath}: is not JSON: ${(error as Error).message}`)
    }
  }

  /**
   * Locks the run and goes back to its last checkpoint: verifies it, falls back to the one before when it is broken,
   * and cuts the event log to it. After this the run can be written.
   *
   * @throws RunLockError when another process trains here; CheckpointError when there were checkpoints and none is
   * usable.
   */
  async resume(options: RunFolderOptions = {}): Promise<Resumed> {
    const keep = checkKeep(options)
    if (this.#writer) throw new RunFolderError(`${this.path}: is already open for writing`)
    const lock = await RunLock.acquire(join(this.path, 'lock'), options)
    try {
      await makeFolder(this.#checkpointsPath)
      await removeTemporaries(this.path)
      await removeTemporaries(this.#checkpointsPath)
      const found = await this.#lastUsable()
      const warnings = [...found.warnings]
      warnings.push(...(await rewindEvents(this.#eventsPath, found.checkpoint?.progress.step ?? 0)))
      this.#keepAlways = options.keepAlways ?? this.#keepAlways
      for (const event of await this.events()) {
        if (event.type === 'checkpoint' && this.#keepAlways(event)) this.#always.add(event.step)
      }
      this.#writer = { lock, log: new EventLog(this.#eventsPath), keep }
      return { ...found, warnings }
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** Replaces the recipe, for a run that is given more epochs. */
  async changeRecipe(recipe: unknown): Promise<void> {
    this.#writing()
    this.#recipe = asStored(this.path, recipe)
    await writeRecipe(this.path, this.#recipe)
  }

  /** Appends an event to the log. */
  log(event: TrainEvent): void {
    this.#writing().log.append(event)
  }

  /**
   * Writes a checkpoint, makes it the latest, logs it, and deletes the checkpoints that are no longer kept. The newest
   * few, the best one and permanent ones are kept, but none of a later step, which a run that went back has abandoned.
   * The values are copied before the promise is returned.
   *
   * @param options.best whether this is the best so far
   * @returns the event that was logged; its `file` is relative to the folder
   */
  async save(checkpoint: Checkpoint, options: { readonly best?: boolean } = {}): Promise<CheckpointEvent> {
    const { lock, log, keep } = this.#writing()
    const { step, epoch } = checkpoint.progress
    await Promise.all([writeCheckpoint(this.#checkpointsPath, checkpoint), log.sync()])
    await lock.verify()
    const file = `checkpoints/${checkpointName(step)}`
    await writeAtomic(join(this.path, 'latest'), `${file}\n`)
    if (options.best) await writeAtomic(join(this.path, 'best'), `${file}\n`)
    const event: CheckpointEvent = { type: 'checkpoint', step, epoch, file }
    this.log(event)
    if (this.#keepAlways(event)) this.#always.add(step)
    const steps = await checkpointSteps(this.#checkpointsPath)
    const always = [...this.#always].filter(other => other <= step)
    const kept = new Set([
      ...always,
      ...steps.filter(other => other <= step).slice(-keep),
      await this.#pointedStep('best'),
    ])
    for (const other of steps) if (!kept.has(other)) await removeCheckpoint(this.#checkpointsPath, other)
    return event
  }

  /**
   * Reads and verifies the latest or the best checkpoint.
   *
   * @throws CheckpointError when there is none, or naming the file that is truncated or corrupt.
   */
  async load(which: 'latest' | 'best' = 'latest'): Promise<Checkpoint> {
    const step = await this.#pointedStep(which)
    if (step === undefined) throw new CheckpointError(`${this.path}: has no ${which} checkpoint`)
    return readCheckpoint(join(this.#checkpointsPath, checkpointName(step)))
  }

  /** The events logged so far. */
  async events(): Promise<LoggedEvent[]> {
    return readEvents(this.#eventsPath)
  }

  /** Removes another file from the folder. */
  async removeFile(name: string): Promise<void> {
    const path = join(this.path, name)
    await writing(path, () => rm(path, { force: true }))
  }

  /** Writes another file into the folder, whole or not at all. */
  async writeFile(name: string, contents: string | Uint8Array): Promise<string> {
    const path = join(this.path, name)
    await writeAtomic(path, contents)
    return path
  }

  /** Closes the log and releases the lock. */
  async close(): Promise<void> {
    const writer = this.#writer
    this.#writer = undefined
    writer?.log.close()
    await writer?.lock.release()
  }

  get #eventsPath(): string {
    return join(this.path, 'events.jsonl')
  }

  get #checkpointsPath(): string {
    return join(this.path, 'checkpoints')
  }

  #writing() {
    if (!this.#writer) throw new RunFolderError(`${this.path}: is open for reading only, call resume to write`)
    return this.#writer
  }

  /** The step that `latest` or `best` names, or undefined when the file is missing or names no checkpoint. */
  async #pointedStep(which: 'latest' | 'best'): Promise<number | undefined> {
    const line = await readIfThere(join(this.path, which))
    const prefix = 'checkpoints/'
    return line?.startsWith(prefix) ? checkpointStep(line.slice(prefix.length).trimEnd()) : undefined
  }

  /** The checkpoint that `latest` names, or the newest usable one before it. */
  async #lastUsable(): Promise<Resumed> {
    const latest = await this.#pointedStep('latest')
    const everFinished = latest !== undefined || (await readIfThere(join(this.path, 'latest'))) !== undefined
    const steps = (await checkpointSteps(this.#checkpointsPath)).reverse()
    const candidates = latest === undefined ? steps : [latest, ...steps.filter(step => step < latest)]
    const warnings: string[] = []
    if (everFinished && latest === undefined) warnings.push(`${join(this.path, 'latest')}: names no checkpoint`)
    for (const step of candidates) {
      const file = join(this.#checkpointsPath, checkpointName(step))
      try {
        return { checkpoint: await readCheckpoint(file), file, warnings }
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error
        warnings.push(error.message)
      }
    }
    // `latest` is written last: without it no checkpoint was ever finished, and starting over loses nothing.
    if (!everFinished) {
      const isUntouched = warnings.length === 0 && (await readIfThere(this.#eventsPath)) === ''
      return { warnings: isUntouched ? [] : [...warnings, `${this.path}: no checkpoint yet, the run starts anew`] }
    }
    throw new CheckpointError(`${this.path}: no usable checkpoint: ${warnings.join('; ')}`)
  }
}

function checkKeep({ keep = 2 }: RunFolderOptions): number {
  if (Number.isInteger(keep) && keep >= 1) return keep
  throw new RunFolderError(`keep (=${keep}) must be a whole number of at least 1`)
}

const writeRecipe = (folder: string, recipe: unknown): Promise<void> =>
  writeAtomic(join(folder, 'recipe.json'), `${JSON.stringify(recipe, undefined, 2)}\n`)

/** Makes the first folder of `name`, `name-2`, … that does not exist; two processes never get the same folder. */
async function makeFreeFolder(root: string, name: string): Promise<string> {
  await makeFolder(root)
  for (let number = 1; ; number++) {
    const path = join(root, number === 1 ? name : `${name}-${number}`)
    try {
      await mkdir(path)
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw notWritten(path, error)
    }
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
