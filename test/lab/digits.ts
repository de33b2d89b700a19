/** Digits in shards, as the page gets them. */
import type { ShardSource } from '../../lab/src/worker/imageStream.ts'
import { imageDataset, subsetOf } from '../../src/data/index.ts'
import { mnist } from '../../src/data/mnist.node.ts'
import type { Engine } from '../../src/index.ts'
import type { Module } from '../../src/nn/index.ts'
import { type Evaluation, Evaluator } from '../../src/train/index.ts'

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

/** The test digits that the page has. */
export async function testDigits() {
  const { images, labels } = (await digits()).test
  return { images: images.subarray(0, 1000 * 784), labels: Array.from(labels.subarray(0, 1000)) }
}

/** The library's evaluation of a network on them. */
export async function evaluateDigits(engine: Engine, model: Module): Promise<Evaluation> {
  const { images, labels } = await testDigits()
  const pictures = Array.from(labels, (_, k) => images.subarray(k * 784, (k + 1) * 784))
  const classes = Array.from({ length: 10 }, (_, k) => String(k))
  const dataset = imageDataset({ name: 'digits', images: pictures, labels, shape: [28, 28, 1], classes })
  return new Evaluator(engine, model, [28, 28, 1]).evaluate(subsetOf(dataset))
}
