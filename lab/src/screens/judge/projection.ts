/** Features laid out on a plane, by a worker that is started when there are some. */
import { signal } from '@preact/signals'
import type { FeatureRows, Split } from '../../worker/protocol.ts'
import type { Method, ProjectAnswer, ProjectRequest } from './projectWorker.ts'

/** Points of a plane, and which features of which moment they are of. */
export interface Projected {
  readonly method: Method
  readonly of: FeatureRows
  /** The images that they are of. */
  readonly split: Split
  readonly step: number
  /** `[N, 2]` */
  readonly points: Float32Array
  readonly shares?: readonly number[]
}

/** The points. */
export class Projection {
  readonly shown = signal<Projected | undefined>(undefined)
  readonly progress = signal<{ readonly method: Method; readonly done: number; readonly total: number } | undefined>(
    undefined,
  )
  #worker: Worker | undefined

  /** Lays features out; what was being laid out before ends. */
  layOut(method: Method, of: FeatureRows, { split, step }: Pick<Projected, 'split' | 'step'>): void {
    this.cancel()
    this.progress.value = { method, done: 0, total: 0 }
    const worker = new Worker(new URL('./projectWorker.ts', import.meta.url), { type: 'module' })
    this.#worker = worker
    worker.onmessage = ({ data }: MessageEvent<ProjectAnswer>) => {
      if (data.type === 'points') {
        const { type: _, ...found } = data
        this.shown.value = { ...found, of, split, step }
        this.cancel()
      } else this.progress.value = { method, done: data.done, total: data.total }
    }
    const features = { shape: [of.count, of.values.length / of.count], values: of.values }
    worker.postMessage({ method, features } satisfies ProjectRequest)
  }

  /** Ends what is being laid out; what is shown stays. */
  cancel(): void {
    this.#worker?.terminate()
    this.#worker = undefined
    this.progress.value = undefined
  }
}
