/**
 * A classifier in a worker of the page, which compiles and computes there, so the page stays responsive. The worker is
 * a two-line file of the page, so that any bundler finds its imports.
 */

import type { DownloadProgress } from '../formats/fetchFile.ts'
import type { GlobalBlob, GlobalUrl } from '../formats/globals.ts'
import type { ClassifierInfo } from './artifact.ts'
import type { Classifier, ClassifyOptions, LoadClassifierOptions } from './classifier.ts'
import { loadClassifier } from './classifier.ts'
import { ClassifierError } from './errors.ts'
import { bitmapOf, isPixels, type Picture } from './pictures.ts'

/** The questions of the page; each has a number. */
type Question =
  | { readonly load: string | GlobalBlob | Uint8Array; readonly options: Omit<WorkerOptions, 'onProgress'> }
  | { readonly picture: unknown; readonly options: ClassifyOptions | undefined }
  | { readonly close: true }
type Asked = Question & { readonly id: number }

/** The answers of the worker; a question that takes long has progress reports first. */
type Answer = { readonly id: number } & (
  | { readonly value: unknown }
  | { readonly error: string }
  | { readonly progress: DownloadProgress }
)

/** Options of {@link classifierInWorker}: those of `loadClassifier` without the engine, which is the worker's own. */
export type WorkerOptions = Pick<LoadClassifierOptions, 'warm' | 'file' | 'cache' | 'onProgress'>

/** The part of a worker, seen from either side, that is used here. */
export interface MessagePortLike {
  /** Sends a message to the other side. */
  postMessage(message: unknown, transfer: never[]): void
  /** Listens to the other side. */
  addEventListener(
    type: 'message' | 'messageerror' | 'error',
    listener: (event: { readonly data?: unknown; readonly message?: string }) => void,
  ): void
}

/**
 * In the worker: answers a page's {@link classifierInWorker}.
 * @example
 * // worker.ts
 * import { serveClassifier } from 'fovea/classifier'
 * serveClassifier()
 */
export function serveClassifier(port: MessagePortLike = globalThis as unknown as MessagePortLike): void {
  let classifier: Promise<Classifier> | undefined
  const answer = async ({ id, ...question }: Asked): Promise<unknown> => {
    if ('load' in question) {
      const onProgress = (progress: DownloadProgress): void => port.postMessage({ id, progress }, [])
      classifier = loadClassifier(question.load, { ...question.options, onProgress })
      return (await classifier).info
    }
    if (!classifier) throw new ClassifierError('the worker has no classifier yet')
    if ('close' in question) return (await classifier).close()
    const { picture, options } = question
    try {
      return await (await classifier)(picture as Picture, options)
    } finally {
      if (typeof ImageBitmap === 'function' && picture instanceof ImageBitmap) picture.close()
    }
  }
  port.addEventListener('message', ({ data }) => {
    const { id } = data as Asked
    answer(data as Asked)
      .then(value => port.postMessage({ id, value }, []))
      .catch((error: Error) => port.postMessage({ id, error: error.message }, []))
  })
}

/**
 * In the page: a classifier that runs in a worker, to be used like one that does not.
 * @param worker of a script that calls {@link serveClassifier}; `close()` ends it
 * @param source the address of the classifier's file, relative to the page; or its contents
 * @throws ClassifierError with the worker's message, as `loadClassifier` does, and when its script cannot be run.
 * @example
 * const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
 * const classify = await classifierInWorker(worker, 'cats.fovea')
 */
export async function classifierInWorker(
  worker: MessagePortLike & { terminate(): void },
  source: string | GlobalUrl | GlobalBlob | Uint8Array,
  { onProgress, ...options }: WorkerOptions = {},
): Promise<Classifier> {
  const questions = new Questions(worker, onProgress)
  const isAddress = typeof source === 'string' || source instanceof URL
  const load = isAddress ? new URL(source, globalThis.document?.baseURI).href : (source as Blob | Uint8Array)
  const info = (await questions.ask({ load, options }).catch(error => {
    worker.terminate()
    throw error
  })) as ClassifierInfo
  const classify = async (picture: Picture, options?: ClassifyOptions) => {
    const sent = await sendable(picture)
    return (await questions.ask({ picture: sent, options }, sent === picture ? [] : [sent as Transferable])) as Awaited<
      ReturnType<Classifier>
    >
  }
  const end = async (): Promise<void> => {
    try {
      if (!questions.hasFailed) await questions.ask({ close: true })
    } finally {
      worker.terminate()
      // What a worker has not answered by now it never will.
      questions.fail('the classifier is closed')
    }
  }
  let ended: Promise<void> | undefined
  const close = (): Promise<void> => {
    ended ??= end()
    return ended
  }
  return Object.assign(classify, { info, classes: info.classes, close })
}

/** Open questions, by their numbers. */
class Questions {
  readonly #worker: MessagePortLike
  readonly #onProgress: ((progress: DownloadProgress) => void) | undefined
  readonly #open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #next = 0
  #failure: ClassifierError | undefined

  constructor(worker: MessagePortLike, onProgress?: (progress: DownloadProgress) => void) {
    this.#worker = worker
    this.#onProgress = onProgress
    worker.addEventListener('message', ({ data }) => this.#take(data as Answer))
    worker.addEventListener('messageerror', () => this.fail('an answer of the worker cannot be read'))
    worker.addEventListener('error', ({ message }) =>
      this.fail(`the worker failed: ${message || 'its script cannot be loaded'}`),
    )
  }

  /** Whether nothing is answered any more. */
  get hasFailed(): boolean {
    return this.#failure !== undefined
  }

  ask(question: Question, transfer: Transferable[] = []): Promise<unknown> {
    if (this.#failure) return Promise.reject(this.#failure)
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject })
      this.#worker.postMessage({ ...question, id }, transfer as never[])
    })
  }

  #take(answer: Answer): void {
    if ('progress' in answer) {
      this.#onProgress?.(answer.progress)
      return
    }
    const question = this.#open.get(answer.id)
    this.#open.delete(answer.id)
    if ('error' in answer) question?.reject(new ClassifierError(answer.error))
    else question?.resolve(answer.value)
  }

  /** Refuses open questions and all later ones. */
  fail(message: string): void {
    this.#failure ??= new ClassifierError(message)
    for (const { reject } of this.#open.values()) reject(this.#failure)
    this.#open.clear()
  }
}

/** A picture that can be sent: elements of the page stay there, their pixels are sent. */
async function sendable(picture: Picture): Promise<unknown> {
  const isSentAsIs = isPixels(picture) || picture instanceof Blob
  if (isSentAsIs || (typeof ImageBitmap === 'function' && picture instanceof ImageBitmap)) return picture
  return bitmapOf(picture)
}
