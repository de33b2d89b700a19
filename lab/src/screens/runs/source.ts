/** Where the page has runs from: the server's answers, and its stream. */
import type { Difference } from '../../../../src/runs/differences.ts'
import type { CurveReply, NetworkReply, RunsNews, ScalarChoice, StepReply } from '../../../../src/runs/live/protocol.ts'

/** What a stream says. */
export interface Listener {
  readonly onNews: (news: RunsNews) => void
  /** New lines of a run's log, and the places in all logs that are followed. */
  readonly onLog: (key: number, lines: readonly string[], places: string) => void
  /** The log of a run has other lines now than those that were told. */
  readonly onCut: (key: number) => void
  /** Whether there is a connection; a lost one is tried again. */
  readonly onConnection: (isOpen: boolean) => void
}

/** Runs of a server. */
export interface RunsSource {
  /** A curve of the steps from one to another, in at most so many buckets. */
  curve(key: number, from: number, to: number | undefined, most: number, choice?: ScalarChoice): Promise<CurveReply>
  /** What the logs say of one step of each run. */
  steps(asked: readonly (readonly [key: number, step: number])[], choice?: ScalarChoice): Promise<readonly StepReply[]>
  differences(keys: readonly number[]): Promise<readonly Difference[]>
  /** The network of a run, and its checkpoints. */
  network(key: number): Promise<NetworkReply>
  /** Listens to all news, and to the logs of some runs from places on. @returns what ends it */
  follow(places: string, listener: Listener): () => void
}

function withChoice(query: URLSearchParams, { loss, accuracy }: ScalarChoice = {}): URLSearchParams {
  if (loss !== undefined) query.set('loss', loss)
  if (accuracy !== undefined) query.set('accuracy', accuracy)
  return query
}

/** The server of this page. @param folder its address, with a slash at its end */
export function serverSource(folder: string): RunsSource {
  const get = async <T>(name: string, query: URLSearchParams): Promise<T> => {
    const response = await fetch(`${folder}${name}?${query}`)
    if (!response.ok) throw new Error(await response.text())
    return (await response.json()) as T
  }
  return {
    curve(key, from, to, most, choice) {
      const query = new URLSearchParams({ run: String(key), from: String(from), most: String(most) })
      if (to !== undefined) query.set('to', String(to))
      return get('curve', withChoice(query, choice))
    },
    steps(asked, choice) {
      const words = asked.flatMap(([key, step]) => [
        ['run', String(key)],
        ['step', String(step)],
      ])
      return get('steps', withChoice(new URLSearchParams(words), choice))
    },
    differences: keys => get('differences', new URLSearchParams(keys.map(key => ['run', String(key)]))),
    network: key => get('network', new URLSearchParams({ run: String(key) })),
    follow(places, listener) {
      // How far it was told; a stream that is opened again goes on there.
      let told = places
      let stream: EventSource | undefined
      const open = (): void => {
        stream = new EventSource(`${folder}stream?follow=${told}`)
        const on = (name: string, take: (event: MessageEvent<string>) => void): void =>
          stream!.addEventListener(name, take)
        on('runs', ({ data }) => listener.onNews(JSON.parse(data) as RunsNews))
        on('log', ({ data, lastEventId }) => {
          const [key, ...lines] = data.split('\n')
          told = lastEventId
          listener.onLog(Number(key), lines, lastEventId)
        })
        on('cut', ({ data }) => listener.onCut(Number(data)))
        stream.onopen = () => listener.onConnection(true)
        stream.onerror = () => listener.onConnection(false)
      }
      // A browser has six connections to a server for all of its tabs: one that is hidden needs none.
      const onVisibility = (): void => {
        if (document.hidden) {
          stream?.close()
          stream = undefined
        } else if (!stream) open()
      }
      document.addEventListener('visibilitychange', onVisibility)
      onVisibility()
      return () => {
        document.removeEventListener('visibilitychange', onVisibility)
        stream?.close()
      }
    },
  }
}

/** The places in logs from which they are followed, by keys of runs. */
export const placesOf = (text: string): [key: number, place: string][] =>
  text === '' ? [] : text.split(',').map(place => [Number(place.slice(0, place.indexOf(':'))), place])
