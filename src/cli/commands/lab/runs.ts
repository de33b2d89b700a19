/**
 * The runs that the Lab's server tells of, under `runs/`: `list`, `curve`, `steps`, `differences`, `network`, `weights` and the `stream`. A run is named by the
 * key that the list gives it; no part of an address becomes a path.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { differencesOf } from '../../../runs/differences.ts'
import { networkOf, weightsAt } from '../../../runs/live/checkpoints.node.ts'
import { readOwnJson } from '../../../runs/live/ownJson.node.ts'
import { mostBuckets, mostChosen, type RunsNews, type ScalarChoice } from '../../../runs/live/protocol.ts'
import { RunWatch, type RunWatchOptions } from '../../../runs/live/runWatch.node.ts'
import type { Watched } from '../../../runs/live/watched.ts'
import { runFiles } from '../../../runs/live/watchedRun.node.ts'
import { withRelativePaths } from '../../../runs/relativePaths.node.ts'
import { CheckpointError } from '../../../train/checkpoint.ts'
import { type Reply, says, tells } from './reply.ts'
import { parsePlaces, RunStream } from './runStream.ts'

/** Thrown for a question that cannot be answered. */
class QuestionError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** The largest step that can be asked for. */
const lastStep = 2 ** 32 - 1

/** The runs of a folder. */
export class LabRuns {
  readonly #watch: RunWatch
  #sending: Promise<unknown> = Promise.resolve()

  /** @param folder of runs, or one run; it exists */
  constructor(folder: string, options?: RunWatchOptions) {
    this.#watch = new RunWatch(folder, options)
  }

  /** Name of the folder. */
  get title(): string {
    return this.#watch.title
  }

  close(): Promise<void> {
    return this.#watch.close()
  }

  /** @param name the part of the address after `runs/` */
  async reply(name: string, query: URLSearchParams): Promise<Reply> {
    await this.#watch.wake()
    try {
      switch (name) {
        case 'list':
          return tells({ runs: this.#watch.summaries(), gone: [], searches: this.#watch.searches() } satisfies RunsNews)
        case 'curve':
          return await this.#curve(query)
        case 'steps':
          return await this.#steps(query)
        case 'differences':
          return await this.#differences(query)
        case 'network':
          return tells(await networkOf(this.#runOf(query.get('run')).path))
        case 'weights':
          return await this.#weights(query)
        default:
          return says(404, `runs/${name}: no such answer.`)
      }
    } catch (error) {
      if (error instanceof QuestionError) return says(error.status, error.message)
      if (error instanceof CheckpointError)
        return says(409, `The checkpoint cannot be used: ${nameless(error.message)}`)
      throw error
    }
  }

  /** Answers with a stream. */
  async stream(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    await this.#watch.wake()
    const places = parsePlaces(query.get('follow') ?? '', mostChosen)
    const last = parsePlaces(String(request.headers['last-event-id'] ?? ''), mostChosen)
    for (const [key, place] of last) if (places.has(key)) places.set(key, place)
    new RunStream(this.#watch, response).start(places)
  }

  async #curve(query: URLSearchParams): Promise<Reply> {
    const from = wholeNumber(query, 'from', 1, lastStep, 1)
    const to = wholeNumber(query, 'to', from, lastStep, lastStep)
    const most = wholeNumber(query, 'most', 1, mostBuckets, 1024)
    return tells(await this.#runOf(query.get('run')).curve(from, to, most, choiceOf(query)))
  }

  /** One step of each run. */
  async #steps(query: URLSearchParams): Promise<Reply> {
    const runs = this.#runsOf(query)
    const steps = query.getAll('step')
    if (steps.length !== runs.length) throw new QuestionError(400, `step: ${steps.length} for ${runs.length} runs.`)
    return tells(
      await Promise.all(runs.map((run, k) => run.at(numberOf('step', steps[k]!, 0, lastStep), choiceOf(query)))),
    )
  }

  async #differences(query: URLSearchParams): Promise<Reply> {
    const recipes = await Promise.all(this.#runsOf(query).map(({ path }) => readOwnJson(join(path, runFiles.recipe))))
    return tells(
      differencesOf(
        recipes.map(recipe => withRelativePaths(recipe ?? {})),
        ['fovea'],
      ),
    )
  }

  async #weights(query: URLSearchParams): Promise<Reply> {
    const { path } = this.#runOf(query.get('run'))
    const step = numberOf('step', query.get('step') ?? '', 0, lastStep)
    // One at a time: a checkpoint and what is sent of it are in memory.
    const coming = this.#sending.then(() => weightsAt(path, step))
    this.#sending = coming.catch(() => undefined)
    const body = await coming
    if (!body)
      throw new QuestionError(
        404,
        `step: the run has no checkpoint of step ${step}; it may have been replaced by a later one.`,
      )
    return { status: 200, type: 'application/octet-stream', body }
  }

  #runsOf(query: URLSearchParams): Watched[] {
    const keys = query.getAll('run')
    if (keys.length > mostChosen) throw new QuestionError(400, `run: ${keys.length}; at most ${mostChosen} at once.`)
    return keys.map(key => this.#runOf(key))
  }

  #runOf(key: string | null): Watched {
    const run = key !== null && /^\d{1,9}$/.test(key) ? this.#watch.run(Number(key)) : undefined
    if (!run) throw new QuestionError(404, 'run: expected the key of a run in the list.')
    return run
  }
}

/** Tags that are to be shown of runs of scalars. */
const choiceOf = (query: URLSearchParams): ScalarChoice => ({
  loss: query.get('loss') ?? undefined,
  accuracy: query.get('accuracy') ?? undefined,
})

/** An error's words without the folders of this machine. */
const nameless = (message: string): string => message.replaceAll(/(?:\/|[A-Za-z]:\\)\S*[\\/]/g, '')

function wholeNumber(query: URLSearchParams, name: string, least: number, most: number, usual: number): number {
  const text = query.get(name)
  return text === null ? usual : numberOf(name, text, least, most)
}

function numberOf(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new QuestionError(400, `${name}: expected a whole number from ${least} to ${most}.`)
}
