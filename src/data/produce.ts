/**
 * Makes a batch step by step: pictures are read, augmented and mixed in the background, by this thread or another.
 * All threads run the same function, and its result depends only on (seed, epoch, sample).
 */
import type { Raster } from '../augment/raster.ts'
import { ImageError } from './errors.ts'
import type { BatchAssembly } from './place.ts'

/** Memory of one batch. */
export interface BatchSlot {
  /** `u8 [batchSize, height, width, channels]`. */
  readonly images: Uint8Array
  /** `i32 [batchSize]`, or `f32 [batchSize, classes]`. */
  readonly labels: Int32Array | Float32Array
}

/** A batch to make. */
export interface BatchTask {
  readonly epoch: number
  readonly batch: number
  /** Indices of the images in the data set. */
  readonly indices: Int32Array
  /** Position of each image in the batch. */
  readonly positions: readonly number[]
  /** True when the batch is mixed once all its images are there; its labels are there by then. */
  readonly mix: boolean
  readonly slot: BatchSlot
}

/** An image that could not be read. */
export interface ReadFailure {
  readonly position: number
  readonly reason: Error
}

/** A producer of batches. */
export interface BatchProducer {
  /** Number of batches worth making at the same time. */
  readonly depth: number
  /** Memory for a batch. */
  allocate(imageBytes: number, labels: number, soft: boolean): BatchSlot
  /** Makes a batch; resolves with the images that could not be read. */
  produce(task: BatchTask): Promise<readonly ReadFailure[]>
  /** Sets whether work under way keeps the process alive. */
  hold(alive: boolean): void
  close(): Promise<void>
}

/** Reads image `k` of a task. @throws ImageError when it cannot be read. */
export type ReadPicture = (task: BatchTask, k: number) => Raster | Promise<Raster>

/** Images that one thread decodes at the same time: decoders work in their own threads. */
const readsAtOnce = 4

/** Makes a batch. @throws what augmentation throws; images that cannot be read are returned. */
export async function produceBatch(
  task: BatchTask,
  assembly: BatchAssembly,
  read: ReadPicture,
): Promise<ReadFailure[]> {
  const { indices, positions, slot, epoch, batch } = task
  const failures: ReadFailure[] = []
  let next = 0
  const readSome = async (): Promise<void> => {
    while (next < indices.length) {
      const k = next++
      const index = indices[k]!
      const position = positions[k]!
      try {
        assembly.place(await read(task, k), slot.images, { epoch, index, position })
      } catch (error) {
        if (!(error instanceof ImageError)) throw error
        failures.push({ position, reason: error })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(readsAtOnce, indices.length) }, readSome))
  if (task.mix && failures.length === 0) assembly.mix(slot, { epoch, batch, size: indices.length })
  return failures.sort((a, b) => a.position - b.position)
}
