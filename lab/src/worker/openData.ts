/** The samples of a recipe: pictures from the page's server, points that are drawn, or pictures of one's own. */
import { shuffledIndices } from '../../../src/random/philox.ts'
import { type DatasetEntry, datasets } from '../../../src/recipe/datasets.ts'
import { isPointSet, type Recipe } from '../state/recipe.ts'
import { type DataFacts, factsOf } from './facts.ts'
import type { Shard, ShardSource } from './imageStream.ts'
import { pointsOf } from './points.ts'
import type { OwnPictures } from './protocol.ts'
import { readManifest, readTest, shardSource } from './shards.ts'
import { shared } from './sharing.ts'

/** The samples, on their way: the first training images and the test images are asked for. */
export interface OpenData {
  readonly facts: DataFacts
  readonly subject?: 'digit' | 'clothing'
  readonly source: ShardSource
  readonly test: Promise<Shard>
}

/** Where samples come from. */
export interface DataPlace {
  /** Address of the data set, with a slash at its end. */
  readonly address: string
  readonly own: OwnPictures | undefined
  /** Told of how many training images are there. */
  readonly onRead: (done: number, total: number) => void
}

/** Points to test with. */
const testPoints = 400

/**
 * Opens the samples of a recipe.
 * @throws DataError when they cannot be had.
 */
export async function openData({ data, images }: Recipe, { address, own, onRead }: DataPlace): Promise<OpenData> {
  if (isPointSet(data)) {
    const train = pointsOf(data, 'train', images)
    return { facts: factsOf(data), source: oneShard(train), test: Promise.resolve(pointsOf(data, 'test', testPoints)) }
  }
  if (own) {
    const { test, ...others } = splitOwn(own)
    return { ...others, test: Promise.resolve(test) }
  }
  const manifest = await readManifest(address)
  const count = Math.min(images, manifest.count)
  const source = shardSource(address, manifest, count, onRead)
  if (data === 'own') throw new RangeError('openData: data (=own) needs the pictures')
  const { subject }: DatasetEntry = datasets[data]
  // Who waits for them hears when they cannot be had.
  source.shard(0).catch(() => undefined)
  const test = readTest(address, manifest)
  test.catch(() => undefined)
  return { facts: factsOf(data), ...(subject && { subject }), source, test }
}

/** All samples at once. */
function oneShard(shard: Shard): ShardSource {
  const count = shard.labels.length
  return { count, shardSize: count, imageBytes: shard.images.length / count, shard: async () => shard }
}

/** Every fifth picture of a class is held back to test with, one of each at least, chosen at random but always the same. */
const heldBack = 5

/** Splits one's own pictures, and measures those that are trained on. */
export function splitOwn({
  classes,
  shape,
  images,
  labels,
}: OwnPictures): Omit<OpenData, 'test'> & { readonly test: Shard } {
  const isTest = new Uint8Array(labels.length)
  classes.forEach((_, label) => {
    const own = Array.from(labels.keys()).filter(k => labels[k] === label)
    const order = shuffledIndices(own.length, 0, 0, `class ${label}`)
    const held = Math.max(1, Math.floor(own.length / heldBack))
    for (const k of order.subarray(0, held)) isTest[own[k]!] = 1
  })
  const bytes = shape[0] * shape[1] * shape[2]
  const part = (wanted: number): Shard => {
    // In a random order, so that twelve test pictures are not of one class.
    const chosen = Array.from(shuffledIndices(labels.length, 0, 1)).filter(k => isTest[k] === wanted)
    const shard = { images: new Uint8Array(chosen.length * bytes), labels: new Uint8Array(chosen.length) }
    chosen.forEach((k, at) => {
      shard.images.set(images.subarray(k * bytes, (k + 1) * bytes), at * bytes)
      shard.labels[at] = labels[k]!
    })
    return shard
  }
  const train = part(0)
  const facts: DataFacts = { classes, shape, normalize: channelStatistics(train.images, shape[2]) }
  return { facts, source: oneShard(shared(train)), test: shared(part(1)) }
}

/** Mean and standard deviation of each channel, of pixels from 0 to 1; a channel without any deviation is left as it is. */
function channelStatistics(pixels: Uint8Array, channels: number): DataFacts['normalize'] {
  const count = pixels.length / channels
  const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)]
  for (let k = 0; k < pixels.length; k++) {
    const [channel, value] = [k % channels, pixels[k]! / 255]
    sums[channel]! += value
    squares[channel]! += value * value
  }
  const mean = Array.from(sums, sum => sum / count)
  const std = mean.map((center, channel) => Math.sqrt(Math.max(0, squares[channel]! / count - center * center)) || 1)
  return { mean, std }
}
