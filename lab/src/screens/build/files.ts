/** A network of a file: opened by a worker of its own, which then classifies pictures with it. */
import { signal } from '@preact/signals'
import type { ClassProbability } from '../../../../src/classifier/classifier.ts'
import type { GivenFile } from '../../network/openFiles.ts'
import type { NetworkAnswer, NetworkFacts, NetworkRequest } from '../../worker/networkWorker.ts'

/** Classes that are shown of a picture. */
const top = 5

/** What the network says of a picture. */
export interface Said {
  readonly picture: File
  readonly classes: readonly ClassProbability[]
}

/** The network of a file. */
export class FileNetwork {
  readonly facts: NetworkFacts
  /** Of the picture that was given last. */
  readonly said = signal<Said | undefined>(undefined)
  /** Name of a picture that is being looked at. */
  readonly reading = signal<string | undefined>(undefined)
  readonly #worker: Worker
  /** The last question: a worker answers one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(worker: Worker, facts: NetworkFacts) {
    this.#worker = worker
    this.facts = facts
  }

  /** @throws Error with a sentence for who dropped the files */
  static async open(files: readonly GivenFile[]): Promise<FileNetwork> {
    const worker = new Worker(new URL('../../worker/networkWorker.ts', import.meta.url), { type: 'module' })
    try {
      const told = await ask(worker, { type: 'open', files })
      if (told.type === 'opened') return new FileNetwork(worker, told.facts)
      throw new Error('The file could not be opened.')
    } catch (error) {
      worker.terminate()
      throw error
    }
  }

  /** Classifies a picture. @throws Error with a sentence */
  async classify(picture: File): Promise<void> {
    this.reading.value = picture.name
    const asked = this.#last.then(() => ask(this.#worker, { type: 'classify', picture, top }))
    this.#last = asked.catch(() => undefined)
    try {
      const told = await asked
      if (told.type === 'classified') this.said.value = { picture, classes: told.classes }
    } finally {
      if (this.reading.value === picture.name) this.reading.value = undefined
    }
  }

  close(): void {
    this.#worker.terminate()
  }
}

function ask(worker: Worker, request: NetworkRequest): Promise<NetworkAnswer> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<NetworkAnswer>) => {
      if (data.type === 'failed') reject(new Error(data.message))
      else resolve(data)
    }
    worker.onerror = ({ message }) =>
      reject(
        new Error(
          `The browser has ended the worker that reads the file${message ? ` (${message})` : ''}: it may be too large for this page.`,
        ),
      )
    worker.postMessage(request)
  })
}
