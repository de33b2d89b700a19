/** Data sets as the page's server has them: a description, test images, and shards of training images that come one by one. */
import { Kept } from '../../../src/async/kept.ts'
import type { Shard, ShardSource } from './imageStream.ts'
import { shared } from './sharing.ts'

/** `data/NAME/manifest.json` */
export interface DataManifest {
  readonly name: string
  readonly classes: readonly string[]
  /** `[height, width, channels]` */
  readonly shape: readonly [number, number, number]
  /** Training images there are. */
  readonly count: number
  /** Images in a shard; files `0`, `1`, … */
  readonly shardSize: number
  /** Images in the file `test`. */
  readonly testCount: number
}

/** Thrown when images cannot be had; says what to do. */
export class DataError extends Error {
  override readonly name = 'DataError'
}

/** Reads a description. @param folder address of the data set, with a slash at its end */
export async function readManifest(folder: string): Promise<DataManifest> {
  const response = await answer(`${folder}manifest.json`)
  return (await response.json()) as DataManifest
}

/** The test images. */
export const readTest = (folder: string, manifest: DataManifest): Promise<Shard> =>
  readShard(`${folder}test`, manifest, manifest.testCount)

/**
 * The training images of a data set, each shard read when it is first needed, and the next one meanwhile.
 * @param count how many of them are meant
 * @param onRead told of how many images are there
 */
export function shardSource(
  folder: string,
  manifest: DataManifest,
  count: number,
  onRead: (done: number, total: number) => void,
): ShardSource {
  const { shardSize, shape } = manifest
  const shards = Math.ceil(count / shardSize)
  const shardsRead = new Kept<number, Shard>()
  let read = 0
  const ask = (index: number): Promise<Shard> =>
    shardsRead.of(index, async () => {
      const size = Math.min(shardSize, manifest.count - index * shardSize)
      const shard = await readShard(`${folder}${index}`, manifest, size)
      read += Math.min(shardSize, count - index * shardSize)
      onRead(read, count)
      if (index + 1 < shards) ask(index + 1).catch(() => undefined)
      return shard
    })
  return { count, shardSize, imageBytes: shape[0] * shape[1] * shape[2], shard: ask }
}

/** A file of images and labels: all pixels, then a byte for each label; compressed with gzip. */
async function readShard(url: string, { shape }: DataManifest, count: number): Promise<Shard> {
  const response = await answer(url)
  const stream = response.body!.pipeThrough(new DecompressionStream('gzip'))
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer())
  const pixels = count * shape[0] * shape[1] * shape[2]
  if (bytes.length !== pixels + count) {
    throw new DataError(
      `${url} has ${bytes.length} bytes, expected ${pixels + count}: reload the page to read it again.`,
    )
  }
  return shared({ images: bytes.subarray(0, pixels), labels: bytes.slice(pixels) })
}

async function answer(url: string): Promise<Response> {
  const response = await fetch(url).catch(() => {
    throw new DataError(
      'The images cannot be read: the server does not answer. What was learned stays. If `fovea lab` was stopped, start it again, and put what this page’s link has from its # on behind the address that it prints.',
    )
  })
  if (response.ok) return response
  const reason = (await response.text()).trim()
  throw new DataError(reason || `${url}: the server answered ${response.status} ${response.statusText}.`)
}
