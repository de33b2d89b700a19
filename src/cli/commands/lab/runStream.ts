/**
 * The stream of server-sent events that a page follows runs by: `runs` has what changed in the list, `log` new lines of one run's event
 * log, `cut` says that a log has other lines than those that were sent. The id of an event tells how far each log was sent, in bytes, so a
 * page that connects again with the last id goes on right there.
 */
import type { ServerResponse } from 'node:http'
import { type Follower, logStart, type Place } from '../../../runs/live/logTail.node.ts'
import type { RunSummary, RunsNews, SearchSummary } from '../../../runs/live/protocol.ts'
import type { RunWatch } from '../../../runs/live/runWatch.node.ts'
import { headers } from './reply.ts'

/** Places in logs by the keys of their runs. */
export type Places = ReadonlyMap<number, Place>

/** Milliseconds between two lines that only keep the connection. */
const heartbeat = 15_000

/** Places as text: `3:16384:0a1b2c3d,5:0:00000000`. */
export const formatPlaces = (places: Iterable<readonly [number, Place]>): string =>
  Array.from(places, ([key, { offset, mark }]) => `${key}:${offset}:${mark}`).join(',')

/** Reads places, at most so many; what is none is left out. A run without a place is followed from its start. */
export function parsePlaces(text: string, most: number): Map<number, Place> {
  const places = new Map<number, Place>()
  for (const part of text.split(',').slice(0, most)) {
    const [, key, offset, mark] = /^(\d{1,9})(?::(\d{1,15}):([0-9a-f]{8}))?$/.exec(part) ?? []
    if (key !== undefined)
      places.set(Number(key), offset === undefined ? logStart : { offset: Number(offset), mark: mark! })
  }
  return places
}

/** One stream. */
export class RunStream {
  readonly #watch: RunWatch
  readonly #response: ServerResponse
  readonly #tails = new Map<number, Follower>()
  /** Logs to read on in, and rows of the list to send; the last of each run counts. */
  readonly #grown = new Set<number>()
  readonly #news = new Map<number, RunSummary>()
  readonly #gone = new Set<number>()
  #searches: readonly SearchSummary[] | undefined
  #isSending = false
  #isClosed = false

  constructor(watch: RunWatch, response: ServerResponse) {
    this.#watch = watch
    this.#response = response
  }

  /** Answers, and goes on until the page or the server ends it. @param places what to follow from where */
  start(places: Places): void {
    this.#response.writeHead(200, { ...headers, 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    this.#searches = this.#watch.searches()
    for (const summary of this.#watch.summaries()) this.#news.set(summary.key, summary)
    for (const [key, place] of places) {
      const run = this.#watch.run(key)
      if (run) this.#tails.set(key, run.follow(place))
      else this.#gone.add(key)
      this.#grown.add(key)
    }
    const onNews = (runs: readonly RunSummary[], gone: readonly number[]): void => {
      for (const summary of runs) this.#news.set(summary.key, summary)
      for (const key of gone) {
        this.#news.delete(key)
        this.#gone.add(key)
      }
      void this.#send()
    }
    const onLog = (key: number): void => {
      if (!this.#tails.has(key)) return
      this.#grown.add(key)
      void this.#send()
    }
    const onSearches = (searches: readonly SearchSummary[]): void => {
      this.#searches = searches
      void this.#send()
    }
    const beat = setInterval(() => this.#response.write(': here\n\n'), heartbeat)
    this.#watch.on('news', onNews).on('log', onLog).on('searches', onSearches)
    // Whoever goes away while something is written is gone, and no more.
    this.#response.on('error', () => undefined)
    this.#response.on('close', () => {
      this.#isClosed = true
      clearInterval(beat)
      this.#watch.off('news', onNews).off('log', onLog).off('searches', onSearches)
      for (const tail of this.#tails.values()) tail.end()
    })
    void this.#send(true)
  }

  /** Sends what there is, one event after the other, no faster than it is taken. @param isFirst sends the list even when it is empty */
  async #send(isFirst = false): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    try {
      if (isFirst) await this.#sendNews()
      while (!this.#isClosed && (this.#hasNews || this.#grown.size > 0)) {
        if (this.#hasNews) await this.#sendNews()
        const [key] = this.#grown
        if (key === undefined) continue
        this.#grown.delete(key)
        await this.#sendLog(key)
      }
    } finally {
      this.#isSending = false
    }
  }

  get #hasNews(): boolean {
    return this.#news.size > 0 || this.#gone.size > 0 || this.#searches !== undefined
  }

  async #sendNews(): Promise<void> {
    const searches = this.#searches
    const news: RunsNews = {
      runs: [...this.#news.values()],
      gone: [...this.#gone],
      ...(searches && { searches }),
    }
    this.#searches = undefined
    this.#news.clear()
    this.#gone.clear()
    await this.#write(`event: runs\ndata: ${JSON.stringify(news)}\n\n`)
  }

  async #sendLog(key: number): Promise<void> {
    const tail = this.#tails.get(key)
    // A log that cannot be read now may be later; the list says what is wrong.
    const ended = await tail?.read(lines => this.#sendLines(key, lines)).catch(() => 'read')
    if (ended !== 'cut') return
    this.#tails.delete(key)
    await this.#write(`event: cut\ndata: ${key}\n\n`)
  }

  #sendLines(key: number, lines: readonly string[]): Promise<void> {
    const id = formatPlaces(Array.from(this.#tails, ([followed, { place }]) => [followed, place]))
    // A carriage return would end a line of the stream; in JSON it is a space.
    const data = lines.map(line => `data: ${line.replaceAll('\r', ' ')}\n`).join('')
    return this.#write(`event: log\nid: ${id}\ndata: ${key}\n${data}\n`)
  }

  /** @returns when more can be taken */
  async #write(text: string): Promise<void> {
    if (this.#isClosed || this.#response.write(text)) return
    await new Promise<void>(resolve => {
      const go = (): void => {
        this.#response.off('drain', go).off('close', go)
        resolve()
      }
      this.#response.on('drain', go).on('close', go)
    })
  }
}
