/**
 * A run of others that is watched: a folder with event files of TensorBoard, which all belong to one run, whoever wrote
 * them. Its scalars are curves by their tags.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ScalarsEvent } from '../tensorboardReading.ts'
import { EventFile } from './eventFile.node.ts'
import { type Follower, logStart, type Place } from './logTail.node.ts'
import type { CurveReply, RunSummary, ScalarChoice, SearchSummary, StepReply } from './protocol.ts'
import type { StoryScore } from './runStory.ts'
import { ScalarColumns } from './scalarColumns.ts'
import { type ScalarLine, ScalarView } from './scalarView.ts'
import type { Watched } from './watched.ts'

/** A file that TensorBoard reads, by its name. */
export const isEventFile = (name: string): boolean => name.includes('tfevents') && !name.endsWith('.profile-empty')

/** Folders of one run, as Keras makes them; the tags of the second have its name before them. */
export const pairedFolders = ['train', 'validation'] as const

/** Milliseconds since something was written in which a run is still trained: its files say nothing of an end. */
const patience = 60_000
/** The largest step that can be shown. */
const lastStep = 2 ** 32 - 2
/** Lines that are sent at a time. */
const chunkLines = 400

/** What the list says, which stays when the values were given back. */
interface Row {
  readonly began: number
  readonly last: number
  readonly step: number
  readonly scores: readonly StoryScore[]
}

/** What a place of a page stands for. */
interface Followed {
  readonly choice: ScalarChoice
  readonly signature: string
}

/** The run. */
export class WatchedScalars implements Watched {
  readonly key: number
  readonly name: string
  readonly path: string
  /** Below its own folder; '' for that. */
  readonly #folders: readonly string[]
  #files = new Map<string, { readonly file: EventFile; readonly prefix: string }>()
  #columns: ScalarColumns | undefined = new ScalarColumns()
  /** Counts what a page that hears of new values alone cannot know: another tag, a value between others. */
  #edition = 1
  /** Places of this edition by their marks. */
  #followed = new Map<string, Followed>()
  #wrongSteps = 0
  #isRead = false
  #problem: string | undefined
  #row: Row = { began: Number.POSITIVE_INFINITY, last: 0, step: 0, scores: [] }
  /** What was last to be said of the files. */
  #remarked = ''
  /** The edition and the turn of that row. */
  #counted = ''
  #told = ''
  #turn: Promise<unknown> = Promise.resolve()
  asked = 0
  search: SearchSummary | undefined

  constructor(key: number, name: string, path: string, folders: readonly string[]) {
    this.key = key
    this.name = name
    this.path = path
    this.#folders = folders
  }

  get isRead(): boolean {
    return this.#isRead
  }

  get isRunning(): boolean {
    const changed = Math.max(0, ...Array.from(this.#files.values(), ({ file }) => file.changed))
    return Date.now() - changed < patience
  }

  get bytes(): number {
    return this.#columns?.bytes ?? 0
  }

  forget(): void {
    this.#columns = undefined
  }

  end(): void {
    for (const { file } of this.#files.values()) file.end()
  }

  /** Finds files that are new. */
  async look(): Promise<void> {
    for (const folder of this.#folders) {
      const path = join(this.path, folder)
      const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
      const names = entries.filter(entry => entry.isFile() && isEventFile(entry.name)).map(({ name }) => name)
      const prefix = folder === pairedFolders[1] ? `${folder}/` : ''
      // Names begin with the second in which they were made.
      for (const name of names.sort()) {
        const file = join(path, name)
        if (!this.#files.has(file)) this.#files.set(file, { file: new EventFile(file), prefix })
      }
    }
  }

  read(): Promise<void> {
    return this.#inTurn(() => this.#read())
  }

  follow(place: Place): Follower {
    return new ScalarFollower(place, from => this.#inTurn(async () => this.#linesSince(from)))
  }

  curve(from: number, to: number, most: number, choice: ScalarChoice = {}): Promise<CurveReply> {
    return this.#withColumns(columns => {
      const view = new ScalarView(columns, choice)
      return {
        key: this.key,
        place: `${columns.turn}:${this.#mark(choice, view)}`,
        story: view.story(this.#remarks(columns)),
        curve: view.curve(from, to, most).data,
        scalars: { tags: view.tags, shown: view.shown },
      }
    })
  }

  at(step: number, choice: ScalarChoice = {}): Promise<StepReply> {
    return this.#withColumns(columns => ({ key: this.key, ...new ScalarView(columns, choice).at(step) }))
  }

  news(): RunSummary | undefined {
    const summary = this.summary()
    const text = JSON.stringify(summary)
    if (text === this.#told) return undefined
    this.#told = text
    return summary
  }

  summary(): RunSummary {
    const { began, last, step, scores } = this.#row
    const best = scores.reduce<StoryScore | undefined>(
      (most, score) => (most && isBetter(most, score) ? most : score),
      undefined,
    )
    const hasBegun = Number.isFinite(began)
    return {
      key: this.key,
      name: this.name,
      model: 'TensorBoard',
      data: '',
      state: this.#problem !== undefined ? 'failed' : this.isRunning ? 'running' : 'done',
      ...(this.#problem !== undefined && { why: this.#problem }),
      isRead: this.#isRead,
      isScalars: true,
      step,
      epoch: 0,
      epochs: 0,
      stepsPerEpoch: 0,
      ...(scores.length > 0 && { last: scores.at(-1)! }),
      ...(best && { best }),
      began: hasBegun ? new Date(1000 * began).toISOString() : '',
      seconds: hasBegun ? last - began : 0,
    }
  }

  async #read(): Promise<void> {
    try {
      if (await this.#readFiles()) await this.#readAgain()
      this.#problem = undefined
    } catch (error) {
      this.#problem = `Its event files cannot be read: ${(error as Error).message}`
    }
    this.#isRead = true
    const columns = this.#columns
    const remarks = columns ? this.#remarks(columns).join('\n') : this.#remarked
    // A page that hears of new values alone would not hear of it.
    if (remarks !== this.#remarked) this.#begin()
    this.#remarked = remarks
    const counted = `${this.#edition} ${columns?.turn}`
    if (!columns || counted === this.#counted) return
    this.#counted = counted
    this.#row = rowOf(columns)
  }

  /** @returns whether a file is no longer the one that was read */
  async #readFiles(): Promise<boolean> {
    for (const { file, prefix } of this.#files.values()) {
      if ((await file.read(event => this.#take(event, prefix))) === 'cut') return true
    }
    return false
  }

  async #readAgain(): Promise<void> {
    this.#files = new Map()
    this.#columns = new ScalarColumns()
    this.#wrongSteps = 0
    this.#begin()
    await this.look()
    // A file that is gone meanwhile is one that the next call does not find.
    await this.#readFiles()
  }

  #take({ wallTime, step, scalars, isStart }: ScalarsEvent, prefix: string): void {
    const columns = this.#columns
    if (!columns) {
      // The values were given back: what the list says goes on.
      if (scalars.length > 0) this.#row = { ...this.#row, step: Math.max(this.#row.step, step), last: wallTime }
      return
    }
    if (isStart && columns.dropFrom(step)) this.#begin()
    for (const { tag, value } of scalars) {
      if (!(step >= 0 && step <= lastStep)) this.#wrongSteps++
      else if (!columns.add(prefix + tag, step, value, wallTime)) this.#begin()
    }
  }

  /** Another edition: no place holds any longer. */
  #begin(): void {
    this.#edition++
    this.#followed.clear()
  }

  /** What could not be read, and what is not kept, in sentences. */
  #remarks(columns: ScalarColumns): string[] {
    const damages = Array.from(this.#files.values(), ({ file }) => file.damage).filter(one => one !== undefined)
    const wrong = `${this.#wrongSteps} values are left out whose step is not from 0 to ${lastStep}.`
    return [...damages.map(damage => `${damage}.`), ...(this.#wrongSteps > 0 ? [wrong] : []), ...columns.omissions]
  }

  /** Eight hexadecimal digits for a place of this edition, by FNV-1a. */
  #mark(choice: ScalarChoice, { signature }: ScalarView): string {
    let hash = 0x811c9dc5
    for (const character of `${this.#edition}\n${signature}`)
      hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193) >>> 0
    const mark = hash.toString(16).padStart(8, '0')
    this.#followed.set(mark, { choice, signature })
    return mark
  }

  /** What came after a place; undefined when a page that is there does not know enough. */
  #linesSince({ offset, mark }: Place): readonly ScalarLine[] | undefined {
    const followed = this.#followed.get(mark)
    const columns = this.#columns
    if (!columns || !followed || offset > columns.turn) return undefined
    const view = new ScalarView(columns, followed.choice)
    return view.signature === followed.signature ? view.linesSince(offset) : undefined
  }

  #withColumns<T>(ask: (columns: ScalarColumns) => T): Promise<T> {
    return this.#inTurn(async () => {
      if (!this.#columns) await this.#readAgain()
      await this.#read()
      return ask(this.#columns ?? new ScalarColumns())
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }
}

/** Follows the scalars of a run that are shown. */
class ScalarFollower implements Follower {
  #place: Place
  #isEnded = false
  readonly #linesSince: (place: Place) => Promise<readonly ScalarLine[] | undefined>

  constructor(place: Place, linesSince: (place: Place) => Promise<readonly ScalarLine[] | undefined>) {
    this.#place = place
    this.#linesSince = linesSince
  }

  get place(): Place {
    return this.#place
  }

  end(): void {
    this.#isEnded = true
  }

  async read(take: (lines: readonly string[]) => void | Promise<void>): Promise<'read' | 'cut'> {
    const found = this.#place.mark === logStart.mark ? undefined : await this.#linesSince(this.#place)
    if (!found) return 'cut'
    for (let k = 0; k < found.length && !this.#isEnded; k += chunkLines) {
      const chunk = found.slice(k, k + chunkLines)
      this.#place = { offset: chunk.at(-1)!.turn, mark: this.#place.mark }
      await take(chunk.map(({ text }) => text))
    }
    return 'read'
  }
}

function rowOf(columns: ScalarColumns): Row {
  const ends = columns.tags().flatMap(([, column]) => (column.length > 0 ? [column.row(column.length - 1)] : []))
  return {
    began: columns.began,
    last: Math.max(0, ...ends.map(({ time }) => time)),
    step: Math.max(0, ...ends.map(({ step }) => step + (columns.hasZero ? 1 : 0))),
    scores: new ScalarView(columns).scores(),
  }
}

/** Whether a score is at least as good as another: by its accuracy, or where one has none, by its loss. */
function isBetter(a: StoryScore, b: StoryScore): boolean {
  if (!Number.isNaN(a.accuracy) && !Number.isNaN(b.accuracy)) return a.accuracy >= b.accuracy
  return Number.isNaN(b.loss) || a.loss <= b.loss
}
