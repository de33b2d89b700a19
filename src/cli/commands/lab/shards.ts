/**
 * Data sets as the Lab reads them: `manifest.json`, `test`, and shards of training images `0`, `1`, …, so that training
 * begins with the first. A shard is all pixels, then a byte for each label, compressed with gzip.
 */
import { gzipSync } from 'node:zlib'
import type { DatasetSplits, ImageDataset } from '../../../data/dataset.ts'

/** Images in a shard. */
export const shardSize = 2000

/** Numbers of images of a data set that the Lab gets. */
export interface ShardCounts {
  /** Training images, all by default. */
  readonly trainCount?: number
  /** Test images, 1,000 by default. */
  readonly testCount?: number
}

/** A data set as files that are made on request. */
export class DataFolder {
  readonly #splits: DatasetSplits
  readonly #trainCount: number
  readonly #testCount: number
  readonly #level: number

  /** @param level of compression, 0 … 9 */
  constructor(splits: DatasetSplits, { trainCount, testCount = 1000 }: ShardCounts = {}, level = 1) {
    this.#splits = splits
    this.#trainCount = Math.min(trainCount ?? Number.POSITIVE_INFINITY, splits.train.labels.length)
    this.#testCount = Math.min(testCount, splits.test.labels.length)
    this.#level = level
  }

  /** Names of all files. */
  get names(): string[] {
    const shards = Math.ceil(this.#trainCount / shardSize)
    return ['manifest.json', 'test', ...Array.from({ length: shards }, (_, k) => String(k))]
  }

  /** A file's bytes; undefined when there is no such file. */
  file(name: string): Uint8Array | undefined {
    if (!this.names.includes(name)) return undefined
    if (name === 'manifest.json') return Buffer.from(JSON.stringify(this.#manifest()))
    if (name === 'test') return this.#shard(this.#splits.test, 0, this.#testCount)
    const from = Number(name) * shardSize
    return this.#shard(this.#splits.train, from, Math.min(from + shardSize, this.#trainCount))
  }

  #manifest(): object {
    const { name, classes, shape } = this.#splits.train
    return { name, classes, shape, count: this.#trainCount, shardSize, testCount: this.#testCount }
  }

  #shard({ images, labels, shape }: ImageDataset, from: number, to: number): Uint8Array {
    const bytes = shape[0] * shape[1] * shape[2]
    const whole = new Uint8Array((to - from) * (bytes + 1))
    whole.set(images.subarray(from * bytes, to * bytes))
    whole.set(labels.subarray(from, to), (to - from) * bytes)
    return gzipSync(whole, { level: this.#level })
  }
}
