/** What the page asks of a contender. */
import type { Row } from '../rows.ts'
import { type Batch, batches } from '../work.ts'

/** A framework on the page, with the row's network on the graphics processor. */
export interface PageContender {
  readonly version: string
  /**
   * Performs step number `index` on batch `index` modulo the number of batches, from images in the page's memory to the
   * result in it: the logits `[N, classes]` of an inference, the loss `[1]` of a training step.
   */
  step(index: number): Promise<ArrayLike<number>>
}

/** One mini-batch. */
export interface PageBatch extends Batch {
  /** The images as bytes; {@link Batch.images} are these divided by 255. */
  readonly bytes: Uint8Array
}

/** The batches of a row, with images that bytes can hold: Fovea trains on bytes, TensorFlow.js on numbers. */
export function byteBatches(row: Row): PageBatch[] {
  return batches(row).map(({ images, labels }) => {
    const bytes = Uint8Array.from(images, value => Math.round(value * 255))
    return { bytes, labels, images: Float32Array.from(bytes, byte => byte / 255) }
  })
}
