/** Memory that the page reads where it lies, if it may: thousands of images are too many to be copied while the page waits. */
import type { Shard } from './imageStream.ts'

/** The same images, in shared memory where there is such. */
export function shared({ images, labels }: Shard): Shard {
  if (!globalThis.crossOriginIsolated || typeof SharedArrayBuffer === 'undefined') return { images, labels }
  const memory = new Uint8Array(new SharedArrayBuffer(images.length))
  memory.set(images)
  return { images: memory, labels }
}
