/**
 * The training images in the order of a seed, without an end. They come in shards, and the first pass takes the shards as they
 * come, so that training begins with the first; later passes take them in a random order. Within a shard the order is always
 * random. The order depends on (seed, pass) alone: batches of any size, changed at any time, are cut from the same stream.
 */
import { shuffledIndices } from '../../../src/random/philox.ts'
import { type ImageEdits, noEdits } from '../state/edits.ts'

/** Some images and their labels. */
export interface Shard {
  /** `[count, height, width, channels]` */
  readonly images: Uint8Array
  readonly labels: Uint8Array
}

/** Where the images come from. */
export interface ShardSource {
  /** Images in all shards together. */
  readonly count: number
  /** Images in each shard but the last, which may have fewer. */
  readonly shardSize: number
  /** Bytes of an image. */
  readonly imageBytes: number
  /** A shard; asked for again and again, it is the same one. */
  shard(index: number): Promise<Shard>
}

/** The order of a pass: `order[i]` is the i-th image to take, and its place in the data set. */
export function passOrder(count: number, shardSize: number, seed: number, pass: number): Int32Array {
  const shards = Math.ceil(count / shardSize)
  const sequence = pass === 0 ? Int32Array.from({ length: shards }, (_, k) => k) : shuffledIndices(shards, seed, pass)
  const order = new Int32Array(count)
  let at = 0
  for (const shard of sequence) {
    const first = shard * shardSize
    const size = Math.min(shardSize, count - first)
    for (const index of shuffledIndices(size, seed, pass, `shard ${shard}`)) order[at++] = first + index
  }
  return order
}

/** Cuts batches from the stream. */
export class ImageStream {
  readonly source: ShardSource
  readonly #seed: number
  #pass = -1
  #order: Int32Array | undefined

  constructor(source: ShardSource, seed: number) {
    this.source = source
    this.#seed = seed
  }

  /**
   * Copies the images that come after the first `seen` of the stream, as many as there are labels; those that are left out are passed over.
   * @param places are set to the images' places in the stream
   * @returns how many of the stream are seen then
   * @throws RangeError when all images are left out.
   */
  async fill(
    seen: number,
    images: Uint8Array,
    labels: Int32Array,
    places: Int32Array = new Int32Array(labels.length),
    edits: ImageEdits = noEdits,
  ): Promise<number> {
    const { count, shardSize, imageBytes } = this.source
    let at = seen
    let passedOver = 0
    for (let i = 0; i < labels.length; at++) {
      const index = this.#orderOf(Math.floor(at / count))[at % count]!
      const edit = edits.get(index)
      if (edit === 'out') {
        if (++passedOver > 2 * count)
          throw new RangeError(`images: all ${count} training images are left out; one at least must stay`)
        continue
      }
      passedOver = 0
      const found = this.#shard(Math.floor(index / shardSize))
      const shard = found instanceof Promise ? await found : found
      const place = index % shardSize
      images.set(shard.images.subarray(place * imageBytes, (place + 1) * imageBytes), i * imageBytes)
      labels[i] = edit ?? shard.labels[place]!
      places[i++] = at
    }
    return at
  }

  #orderOf(pass: number): Int32Array {
    if (this.#pass !== pass || !this.#order) {
      this.#order = passOrder(this.source.count, this.source.shardSize, this.#seed, pass)
      this.#pass = pass
    }
    return this.#order
  }

  /** Shards that have come are not waited for: a promise an image would cost more than the step. */
  readonly #there = new Map<number, Shard>()
  #shard(index: number): Shard | Promise<Shard> {
    const there = this.#there.get(index)
    if (there) return there
    return this.source.shard(index).then(shard => {
      this.#there.set(index, shard)
      return shard
    })
  }
}
