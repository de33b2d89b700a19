/** Resizes maps by bilinear interpolation between the centers of their cells. */
import { ShapeError } from '../graph/shape.ts'
import type { Captured } from './inspector.ts'

/**
 * Resizes maps `[N, h, w]` to `[N, height, width]`: PyTorch's `interpolate(mode='bilinear', align_corners=False)`.
 * Beyond the centers of the outermost cells, their values continue.
 * @throws ShapeError when the maps have other axes, or the size is not of whole numbers ≥ 1.
 */
export function resizeMaps({ shape, values }: Captured, [height, width]: readonly [number, number]): Captured {
  const [images, rows, columns] = shape
  if (shape.length !== 3) throw new ShapeError(`resizeMaps: expected maps [N, h, w], got [${shape.join(', ')}]`)
  if (![height, width].every(size => Number.isInteger(size) && size >= 1)) {
    throw new ShapeError(`resizeMaps: size (=${height} × ${width}) must be whole numbers ≥ 1`)
  }
  const [vertical, horizontal] = [placesOf(rows, height), placesOf(columns, width)]
  const resized = new Float32Array(images * height * width)
  let at = 0
  for (let n = 0; n < images; n++) {
    const map = values.subarray(n * rows * columns, (n + 1) * rows * columns)
    for (const { low: top, high: bottom, part: down } of vertical) {
      for (const { low: left, high: right, part: across } of horizontal) {
        const along = (row: number): number =>
          map[row * columns + left] * (1 - across) + map[row * columns + right] * across
        resized[at++] = along(top) * (1 - down) + along(bottom) * down
      }
    }
  }
  return { shape: [images, height, width], values: resized }
}

/** For each new cell, the two old cells around it, and its distance from the first. */
const placesOf = (from: number, to: number): { low: number; high: number; part: number }[] =>
  Array.from({ length: to }, (_, i) => {
    const place = Math.max(0, ((i + 0.5) * from) / to - 0.5)
    const low = Math.floor(place)
    return { low, high: Math.min(low + 1, from - 1), part: place - low }
  })
