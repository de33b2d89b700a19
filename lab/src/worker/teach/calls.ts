/** Questions to a worker, which answers them one after the other, in their order: with a value or a sentence. */

/** The questions of a worker by their names, as functions. */
type Questions = Readonly<Record<string, (...given: never[]) => unknown>>

/** How a worker answers. */
export type Answers<Q extends Questions> = {
  readonly [Name in keyof Q]: (...given: Parameters<Q[Name]>) => ReturnType<Q[Name]> | Promise<ReturnType<Q[Name]>>
}

type Reply = { readonly value: unknown } | { readonly error: string }

/** In the worker: answers the page. */
export function answerCalls<Q extends Questions>(answers: Answers<Q>): void {
  let last: Promise<void> = Promise.resolve()
  const answer = async ([name, ...given]: [keyof Q, ...Parameters<Q[keyof Q]>]): Promise<void> => {
    try {
      const value = await answers[name](...given)
      self.postMessage({ value } satisfies Reply)
    } catch (error) {
      self.postMessage({ error: error instanceof Error ? error.message : String(error) } satisfies Reply)
    }
  }
  self.onmessage = ({ data }: MessageEvent<[keyof Q, ...Parameters<Q[keyof Q]>]>) => {
    last = last.then(() => answer(data))
  }
}

/** The part of a worker that is used here. */
export type WorkerEnd = Pick<Worker, 'postMessage' | 'onmessage' | 'onerror'>

/** In the page: asks a worker. A worker that cannot be loaded or was ended fails what is open, and all that is asked later. */
export class Calls<Q extends Questions> {
  readonly #worker: WorkerEnd
  readonly #open: { resolve(value: never): void; reject(error: Error): void }[] = []
  #failure: Error | undefined

  constructor(worker: WorkerEnd) {
    this.#worker = worker
    worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const question = this.#open.shift()
      if ('error' in data) question?.reject(new Error(data.error))
      else question?.resolve(data.value as never)
    }
    worker.onerror = ({ message }) => {
      this.#failure = new Error(
        `a worker of the page has failed: ${message || 'the browser could not load it, or has ended it'}. Reload the page: what was kept comes back.`,
      )
      for (const { reject } of this.#open.splice(0)) reject(this.#failure)
    }
  }

  /** @param transfer what is given away, not copied */
  ask<Name extends keyof Q>(
    name: Name,
    given: Parameters<Q[Name]>,
    transfer: Transferable[] = [],
  ): Promise<ReturnType<Q[Name]>> {
    if (this.#failure) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#open.push({ resolve, reject })
      this.#worker.postMessage([name, ...given], transfer)
    })
  }
}
