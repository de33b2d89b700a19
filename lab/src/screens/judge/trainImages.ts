/** The training images that the worker has told of, shard by shard: in shared memory where there is such. */
import { signal } from '@preact/signals'
import type { JudgeAnswer } from '../../worker/protocol.ts'

type Shard = Extract<JudgeAnswer, { type: 'shard' }>

/** The images. */
export class TrainImages {
  /** Shards that are there; whoever draws follows it. */
  readonly count = signal(0)
  readonly #shards = new Map<number, Shard>()
  /** Images in each shard but the last. */
  #size = 1

  add(shard: Shard): void {
    if (shard.first === 0) this.#size = shard.labels.length
    this.#shards.set(shard.first, shard)
    this.count.value = this.#shards.size
  }

  clear(): void {
    this.#shards.clear()
    this.count.value = 0
  }

  /** Bytes `[height, width, channels]`; undefined before they are there. */
  pixels(image: number): Uint8Array | undefined {
    const { images, labels, first } = this.#shardOf(image) ?? {}
    if (!images || !labels) return undefined
    const bytes = images.length / labels.length
    return images.subarray((image - first!) * bytes, (image - first! + 1) * bytes)
  }

  /** The label that it came with. */
  label(image: number): number | undefined {
    const shard = this.#shardOf(image)
    return shard?.labels[image - shard.first]
  }

  #shardOf(image: number): Shard | undefined {
    return this.#shards.get(Math.floor(image / this.#size) * this.#size)
  }
}
