/** Digits in shards, as the page gets them. */
import type { ShardSource } from '../../lab/src/worker/imageStream.ts'
import { mnist } from '../../src/data/mnist.node.ts'

let splits: ReturnType<typeof mnist> | undefined

/** MNIST, read once. */
export const digits = (): ReturnType<typeof mnist> => (splits ??= mnist())

/** The first digits of the training set. */
export async function digitShards(count: number, shardSize = 2000): Promise<ShardSource> {
  const { images, labels } = (await digits()).train
  return {
    count,
    shardSize,
    imageBytes: 784,
    shard: async index => {
      const [from, to] = [index * shardSize, Math.min((index + 1) * shardSize, count)]
      return { images: images.subarray(from * 784, to * 784), labels: Uint8Array.from(labels.subarray(from, to)) }
    },
  }
}
