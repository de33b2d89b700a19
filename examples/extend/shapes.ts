/** A data set of one's own: drawn disks and squares, made from a seed, so that every run sees the same pictures. */
import { RandomSequence } from 'fovea/augment'
import { type ImageDataset, imageDataset } from 'fovea/data'

/**
 * Gray pictures of one disk or one square each, at a random place and of a random size.
 * @param count how many pictures, half of each class
 * @example const train = shapes(1000, 0)
 */
export function shapes(count: number, seed: number, size = 20): ImageDataset {
  const random = new RandomSequence(seed, 'shapes')
  const images = Array.from({ length: count }, (_, k) => {
    const radius = 3 + random.integer(4)
    const [top, left] = [0, 1].map(() => radius + random.integer(size - 2 * radius))
    const isInside = k % 2 === 0 ? (y: number, x: number) => Math.hypot(y, x) <= radius : isInSquare(radius * 0.88)
    return Uint8Array.from({ length: size * size }, (_, i) =>
      isInside(Math.floor(i / size) - top!, (i % size) - left!) ? 200 : random.integer(60),
    )
  })
  const labels = images.map((_, k) => k % 2)
  return imageDataset({ name: 'shapes', images, labels, shape: [size, size, 1], classes: ['disk', 'square'] })
}

const isInSquare =
  (half: number) =>
  (y: number, x: number): boolean =>
    Math.max(Math.abs(y), Math.abs(x)) <= half
