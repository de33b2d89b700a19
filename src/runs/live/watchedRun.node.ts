/** A run folder that is watched: its recipe, its log as far as it was read, and whether a process trains in it. */
import { join } from 'node:path'
import { isRecord } from '../../rules/record.ts'
import { parseEventLine } from '../eventLine.ts'
import { lockState } from '../runLock.node.ts'
import { type Follower, LogTail, type Place } from './logTail.node.ts'
import { readOwnJson } from './ownJson.node.ts'
import type { CurveReply, RunState, RunSummary, SearchSummary, StepReply, TrialSummary } from './protocol.ts'
import { RunStory } from './runStory.ts'
import { trialOf } from './searches.node.ts'
import { StepColumns } from './stepColumns.ts'
import type { Watched } from './watched.ts'

/** Names of files in a run folder. */
export const runFiles = { recipe: 'recipe.json', log: 'events.jsonl', lock: 'lock', result: 'result.json' } as const

/** The run folder of a training by Fovea. */
export class WatchedRun implements Watched {
  readonly key: number
  readonly name: string
  /** Without links. */
  readonly path: string
  #tail: LogTail
  #story = new RunStory()
  #columns: StepColumns | undefined = new StepColumns()
  #lock: 'free' | 'held' | 'left' = 'free'
  #about: { readonly model: string; readonly data: string } = { model: '', data: '' }
  #trial: TrialSummary | undefined
  /** The search for which its recipe was read. */
  #placed: SearchSummary | undefined
  #test: number | undefined
  #isFinished = false
  #isRead = false
  #problem: string | undefined
  #told = ''
  /** The reads of the log, one after the other. */
  #turn: Promise<unknown> = Promise.resolve()
  asked = 0
  search: SearchSummary | undefined

  constructor(key: number, name: string, path: string) {
    this.key = key
    this.name = name
    this.path = path
    this.#tail = this.#newTail()
  }

  get isRead(): boolean {
    return this.#isRead
  }

  get isRunning(): boolean {
    return this.#lock === 'held'
  }

  get bytes(): number {
    return this.#columns?.bytes ?? 0
  }

  follow(place: Place): Follower {
    return new LogTail(this.#logPath, place)
  }

  get #logPath(): string {
    return join(this.path, runFiles.log)
  }

  forget(): void {
    this.#columns = undefined
  }

  end(): void {
    this.#tail.end()
  }

  async look(): Promise<void> {
    this.#lock = await lockState(join(this.path, runFiles.lock)).catch(() => 'free' as const)
    if (this.#about.model === '' || this.#placed !== this.search) await this.#readRecipe()
    // A run that goes on after its end has no result until it ends again.
    if (this.#isFinished && this.#lock === 'free') return
    const result = await readOwnJson(join(this.path, runFiles.result))
    this.#isFinished = result !== undefined
    const test = isRecord(result?.test) ? result.test.accuracy : undefined
    this.#test = typeof test === 'number' ? test : undefined
  }

  async #readRecipe(): Promise<void> {
    const { search } = this
    const recipe = await readOwnJson(join(this.path, runFiles.recipe))
    this.#about = aboutOf(recipe)
    this.#trial = search && trialOf(search, recipe)
    this.#placed = search
  }

  read(): Promise<void> {
    return this.#inTurn(() => this.#read())
  }

  curve(from: number, to: number, most: number): Promise<CurveReply> {
    return this.#withColumns(columns => {
      const { offset, mark } = this.#tail.place
      const curve = columns.curve(from, to, most).data
      return { key: this.key, place: `${offset}:${mark}`, story: this.#story.story, curve }
    })
  }

  at(step: number): Promise<StepReply> {
    return this.#withColumns(columns => {
      const found = columns.at(step)
      if (!found) return { key: this.key }
      // JSON has no words for numbers that are not finite.
      const loss = Number.isFinite(found.loss) ? found.loss : String(found.loss)
      return { key: this.key, ...found, loss }
    })
  }

  news(): RunSummary | undefined {
    const summary = this.summary()
    const text = JSON.stringify(summary)
    if (text === this.#told) return undefined
    this.#told = text
    return summary
  }

  summary(): RunSummary {
    const { story } = this.#story
    const { scores, notices, step, epochs, stepsPerEpoch, began } = story
    const last = scores.at(-1)
    const best = scores.reduce<typeof last>(
      (most, score) => (most && most.accuracy >= score.accuracy ? most : score),
      undefined,
    )
    const broken = notices.findLast(({ kind }) => kind === 'broken')
    const left =
      this.#lock === 'left'
        ? 'Its process ended without a word; resumed, it goes on from its last checkpoint.'
        : undefined
    const why = this.#problem ?? (broken ? `At step ${broken.step} ${broken.message}.` : left)
    const state: RunState = this.isRunning
      ? 'running'
      : this.#isFinished || story.isDone
        ? 'done'
        : why === undefined
          ? 'paused'
          : 'failed'
    return {
      key: this.key,
      name: this.name,
      ...this.#about,
      state,
      ...(state === 'failed' && why !== undefined && { why }),
      isRead: this.#isRead,
      step,
      epoch: stepsPerEpoch > 0 ? Math.floor(step / stepsPerEpoch) : 0,
      epochs,
      stepsPerEpoch,
      ...(last && { last }),
      ...(best && { best }),
      ...(this.#test !== undefined && { test: this.#test }),
      began,
      seconds: this.#story.seconds,
      ...(story.isPaused && { isPaused: true }),
      ...(this.isRunning && story.rate > 0 && { rate: story.rate }),
      ...(this.#trial && { trial: this.#trial }),
    }
  }

  #newTail(): LogTail {
    return new LogTail(this.#logPath)
  }

  async #read(): Promise<void> {
    try {
      const ended = await this.#tail.read(lines => takeLines(lines, this.#story, this.#columns))
      if (ended === 'cut') await this.#readAgain()
      if (!this.#isRead) this.#columns?.trim()
      this.#problem = undefined
    } catch (error) {
      this.#problem = `Its log cannot be read: ${(error as Error).message}`
    }
    this.#isRead = true
  }

  /** Reads the log from its start; what it said before holds until that is done. */
  async #readAgain(): Promise<void> {
    const [tail, story, columns] = [this.#newTail(), new RunStory(), new StepColumns()]
    this.#tail = tail
    await tail.read(lines => takeLines(lines, story, columns))
    columns.trim()
    this.#story = story
    this.#columns = columns
  }

  #withColumns<T>(ask: (columns: StepColumns) => T): Promise<T> {
    return this.#inTurn(async () => {
      await this.#read()
      // Its steps were given back.
      if (!this.#columns) await this.#readAgain()
      return ask(this.#columns ?? new StepColumns())
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }
}

function takeLines(lines: readonly string[], story: RunStory, columns: StepColumns | undefined): void {
  for (const line of lines) {
    const event = parseEventLine(line)
    if (!event) continue
    story.take(event)
    if (event.type !== 'step') continue
    const { step, loss, accuracy } = event
    columns?.add({ step, loss, accuracy, seconds: story.seconds })
  }
}

/** Names in a recipe, which may be of any version. */
function aboutOf(recipe: Record<string, unknown> | undefined): { model: string; data: string } {
  if (!recipe) return { model: '', data: '' }
  const nameOf = (value: unknown, ...fields: readonly string[]): string => {
    if (typeof value === 'string') return value
    if (!isRecord(value)) return ''
    const found = fields.map(field => (Object.hasOwn(value, field) ? value[field] : undefined))
    return String(found.find(held => typeof held === 'string') ?? '')
      .split(/[\\/]/)
      .at(-1)!
  }
  const { data } = recipe
  const isFolder = isRecord(data) && data.name === 'folder'
  return { model: nameOf(recipe.model, 'name', 'file'), data: nameOf(data, isFolder ? 'directory' : 'name') }
}
