/** `mnist()` for pages: the digits that lie beside the Lab, in the form that its build gives them. */
import { type DatasetSplits, type ImageDataset, imageDataset } from '../../dist/data/index.js'

/** What the folder says of its files. */
interface Manifest {
  readonly name: string
  readonly classes: readonly string[]
  readonly shape: readonly [number, number, number]
}

/**
 * The first 2,000 training images of MNIST and the first 1,000 test images: in Node, `mnist()` gives all 70,000.
 * @throws Error when they cannot be had.
 */
export async function mnist(): Promise<DatasetSplits> {
  const folder = new URL(/* @vite-ignore */ '../lab/data/mnist/', import.meta.url)
  const { name, classes, shape } = (await (await file(new URL('manifest.json', folder))).json()) as Manifest
  const part = async (shard: string): Promise<ImageDataset> => {
    const packed = (await file(new URL(shard, folder))).body!.pipeThrough(new DecompressionStream('gzip'))
    const bytes = new Uint8Array(await new Response(packed).arrayBuffer())
    const count = bytes.length / (shape[0] * shape[1] * shape[2] + 1)
    // All pixels, then a byte for each label.
    return imageDataset({ name, classes, shape, images: bytes.slice(0, -count), labels: bytes.subarray(-count) })
  }
  const [train, test] = await Promise.all([part('0'), part('test')])
  return { train, test }
}

async function file(address: URL): Promise<Response> {
  const response = await fetch(address)
  if (!response.ok) throw new Error(`mnist: ${address} answers ${response.status} ${response.statusText}`)
  return response
}
