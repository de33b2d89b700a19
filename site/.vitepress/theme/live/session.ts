/** The cells of a page and the worker that runs them. Cells share what they declare, so a page has one worker, and one cell runs at a time. */
import { type Ref, ref } from 'vue'
import type { CellMessage, RunMessage } from './protocol.ts'

/** A cell, as its page's session knows it. */
export interface SessionCell {
  /** The code as it is in the editor now. */
  source(): string
  /** Told of what the worker says of this cell. */
  hear(message: CellMessage): void
  /** Told that it was running and was stopped. */
  stopped(): void
}

/** One page's cells. */
export class Session {
  /** The cell that was asked to run, while it does. */
  readonly running: Ref<number | undefined> = ref()
  readonly #cells = new Map<number, SessionCell>()
  readonly #library: string
  #worker: Worker | undefined

  /** @param library address of the folder of Fovea's modules */
  constructor(library: string) {
    this.#library = library
  }

  /** @returns what leaves the session again; the last one to leave ends the worker */
  join(place: number, cell: SessionCell): () => void {
    this.#cells.set(place, cell)
    return () => {
      this.#cells.delete(place)
      if (this.#cells.size === 0) this.#end()
    }
  }

  /** Runs a cell, after those that it needs. Does nothing while another runs. */
  run(place: number): void {
    if (this.running.value !== undefined) return
    this.running.value = place
    const sources = Array.from({ length: place + 1 }, (_, at) => this.#cells.get(at)?.source() ?? '')
    this.#worker ??= this.#start()
    this.#worker.postMessage({ cell: place, sources, library: this.#library } satisfies RunMessage)
  }

  /** Stops what runs, whatever it does: its worker ends, and all that its cells have declared is gone. */
  stop(): void {
    const place = this.running.value
    this.#end()
    if (place !== undefined) this.#cells.get(place)?.stopped()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
    worker.onmessage = ({ data }: MessageEvent<CellMessage>) => {
      if (data.kind === 'finished') this.running.value = undefined
      this.#cells.get(data.cell)?.hear(data)
    }
    worker.onerror = ({ message }) => {
      const place = this.running.value
      this.#end()
      if (place === undefined) return
      this.#cells
        .get(place)
        ?.hear({ kind: 'error', cell: place, line: undefined, message: message ?? 'the worker cannot start' })
    }
    return worker
  }

  #end(): void {
    this.#worker?.terminate()
    this.#worker = undefined
    this.running.value = undefined
  }
}

const sessions = new Map<string, Session>()

/** The session of a page. */
export function sessionOf(page: string, library: string): Session {
  let session = sessions.get(page)
  if (!session) {
    session = new Session(library)
    sessions.set(page, session)
  }
  return session
}
