/**
 * Reading and augmenting in worker threads. Results do not depend on their number: random numbers belong to samples,
 * and batches are handed out in order, each made by one worker from beginning to end.
 */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { batchShape, type LoaderFactory, type LoaderOptions } from './batches.ts'
import { type ImageCollection, type ImageDataset, isInMemory, type Subset } from './dataset.ts'
import { DatasetError, ImageError } from './errors.ts'
import { isImageFiles } from './folder.node.ts'
import { PrefetchLoader } from './prefetch.ts'
import type { BatchProducer, BatchSlot, BatchTask, ReadFailure } from './produce.ts'
import type { WorkerReply, WorkerSetup, WorkerTask } from './workerMessages.ts'

/** Options of {@link workerLoader}. */
export interface WorkerLoaderOptions {
  /** Worker threads; one fewer than there are cores, from 1 to 8, by default. */
  readonly workers?: number
  /** Batches that are made ahead for each worker, 2 by default; more take more memory. */
  readonly ahead?: number
}

/**
 * A `loader` for the trainer that reads and augments in worker threads, ahead of the steps.
 *
 * @throws RangeError for less than one worker; when it is used: DatasetError for images that are neither in memory nor
 * in an image folder, AugmentError for a custom transform, which cannot be sent to another thread.
 *
 * @example
 * fit({ model, train: subsetOf(photos), augment: imagenetAugmentation(), loader: workerLoader({ workers: 4 }), … })
 */
export function workerLoader(options: WorkerLoaderOptions = {}): LoaderFactory {
  const { workers = Math.min(8, Math.max(1, availableParallelism() - 1)), ahead = 2 } = options
  for (const [name, value] of Object.entries({ workers, ahead })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`workerLoader: ${name} (=${value}) must be a whole number of at least 1`)
    }
  }
  return (subset, loaderOptions) =>
    new PrefetchLoader(subset, loaderOptions, new WorkerPool(subset, loaderOptions, workers, workers * ahead))
}

/** A worker and its current task. */
interface Thread {
  readonly worker: Worker
  task: Job | undefined
}

interface Job {
  readonly message: WorkerTask
  readonly resolve: (failures: ReadFailure[]) => void
  readonly reject: (error: Error) => void
}

/** Threads that make batches; started with the first batch. */
class WorkerPool implements BatchProducer {
  readonly depth: number
  readonly #dataset: ImageCollection
  readonly #setup: WorkerSetup
  readonly #size: number
  #threads: Thread[] = []
  #waiting: Job[] = []
  /** Pictures as bytes, for each batch under way; reused. */
  #raw: Uint8Array[] = []
  #nextId = 0

  constructor(subset: Subset<ImageCollection>, options: LoaderOptions, size: number, depth: number) {
    const { augment, seed = 0 } = options
    const { dataset } = subset
    const isFolder = isImageFiles(dataset)
    if (!isFolder && !isInMemory(dataset)) {
      throw new DatasetError(`${dataset.name}: worker threads need images in memory or an image folder`)
    }
    this.#dataset = dataset
    this.#size = size
    this.depth = depth
    this.#setup = {
      augment: augment?.spec(),
      seed,
      shape: batchShape(dataset, options),
      classes: dataset.classes.length,
      decoding: isFolder ? dataset.decoding : undefined,
      rawShape: dataset.shape,
    }
  }

  allocate(imageBytes: number, labels: number, soft: boolean): BatchSlot {
    const words = new SharedArrayBuffer(4 * labels)
    return {
      images: new Uint8Array(new SharedArrayBuffer(imageBytes)),
      labels: soft ? new Float32Array(words) : new Int32Array(words),
    }
  }

  async produce(task: BatchTask): Promise<readonly ReadFailure[]> {
    this.#start()
    const id = this.#nextId++
    const dataset = this.#dataset
    if (isImageFiles(dataset)) {
      const paths = Array.from(task.indices, index => join(dataset.directory, dataset.files[index]!))
      return this.#give({ id, task, paths })
    }
    const raw = this.#copy(dataset as ImageDataset, task.indices)
    return this.#give({ id, task, raw }).finally(() => {
      this.#raw.push(raw)
    })
  }

  hold(alive: boolean): void {
    for (const { worker } of this.#threads) {
      if (alive) worker.ref()
      else worker.unref()
    }
  }

  async close(): Promise<void> {
    const threads = this.#threads
    this.#threads = []
    this.#raw = []
    this.#fail(new Error('the loader is closed'), threads)
    await Promise.all(threads.map(({ worker }) => worker.terminate()))
  }

  #start(): void {
    while (this.#threads.length < this.#size) {
      const worker = new Worker(workerFile, {
        workerData: this.#setup,
        name: 'fovea data',
        // The flags of this process may say how its source is read; built code needs none of them.
        ...(isSource ? {} : { execArgv: [] }),
      })
      const thread: Thread = { worker, task: undefined }
      worker.unref()
      worker.on('message', (reply: WorkerReply) => this.#receive(thread, reply))
      worker.on('error', error => this.#lose(thread, new Error(`a data worker crashed: ${error.message}`)))
      worker.on('exit', code => this.#lose(thread, new Error(`a data worker exited with code ${code}`)))
      this.#threads.push(thread)
    }
  }

  #give(message: WorkerTask): Promise<ReadFailure[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message, resolve, reject })
      this.#handOut()
    })
  }

  #handOut(): void {
    for (const thread of this.#threads) {
      if (thread.task) continue
      const job = this.#waiting.shift()
      if (!job) return
      thread.task = job
      thread.worker.postMessage(job.message)
    }
  }

  #receive(thread: Thread, { failures, error }: WorkerReply): void {
    const job = thread.task
    thread.task = undefined
    this.#handOut()
    if (error) job?.reject(Object.assign(new Error(error.message), { name: error.name }))
    else job?.resolve(failures.map(([position, reason]) => ({ position, reason: new ImageError(reason) })))
  }

  /** A worker has exited: everything under way is abandoned, and the next batch starts new workers. */
  #lose(thread: Thread, error: Error): void {
    if (!this.#threads.includes(thread)) return
    const threads = this.#threads
    this.#threads = []
    this.#fail(error, threads)
    for (const { worker } of threads) void worker.terminate()
  }

  #fail(error: Error, threads: readonly Thread[]): void {
    const jobs = [...threads.flatMap(({ task }) => (task ? [task] : [])), ...this.#waiting]
    this.#waiting = []
    for (const job of jobs) job.reject(error)
  }

  #copy({ images, shape }: ImageDataset, indices: Int32Array): Uint8Array {
    const bytes = shape[0] * shape[1] * shape[2]
    const free = this.#raw.findIndex(({ length }) => length >= indices.length * bytes)
    const [known] = free < 0 ? [] : this.#raw.splice(free, 1)
    const raw = known ?? new Uint8Array(new SharedArrayBuffer(indices.length * bytes))
    indices.forEach((index, k) => {
      raw.set(images.subarray(index * bytes, (index + 1) * bytes), k * bytes)
    })
    return raw
  }
}

const isSource = import.meta.url.endsWith('.ts')

/** The worker's code, beside this file: built, or the source when Node runs it directly. */
const workerFile = new URL(`./augmentWorker.node.${isSource ? 'ts' : 'js'}`, import.meta.url)
