/**
 * Views of a picture: moved, turned and scaled a little, differently at every step. A picture that excites a unit in all of
 * them cannot do it by a pattern of single pixels (Olah, Mordvintsev and Schubert, "Feature visualization", 2017).
 *
 * A view is a bilinear sampling: each of its pixels is a weighted sum of four pixels of the picture. Places and weights are
 * computed outside of the graph, so one compiled program serves every view; beyond the edges the picture is mirrored.
 */
import { mul } from '../../graph/ops/elementwise.ts'
import { gather } from '../../graph/ops/gather.ts'
import { sum } from '../../graph/ops/reduce.ts'
import { reshape } from '../../graph/ops/reshape.ts'
import { transpose } from '../../graph/ops/transpose.ts'
import { input } from '../../graph/sources.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { RandomSequence } from '../../random/philox.ts'

/** How a picture is looked at. */
export interface View {
  /** Rows and columns of the picture's point that is seen in the middle, counted from the picture's middle. */
  readonly shift: readonly [rows: number, columns: number]
  /** By how much it looks larger: 1 for its own size. */
  readonly scale: number
  /** By how many degrees it is turned, counterclockwise as it is seen. */
  readonly angle: number
}

/** How far views may depart from the picture. */
export interface ViewRanges {
  /** Pixels up, down, left and right; a whole number. */
  readonly jitter: number
  /** Largest change of the scale: 0.1 for 0.9 … 1.1. */
  readonly scale: number
  /** Largest angle in degrees. */
  readonly rotation: number
}

/** The picture itself. */
export const plainView: View = { shift: [0, 0], scale: 1, angle: 0 }

/** A view from the next four random numbers. */
export function drawView(random: RandomSequence, { jitter, scale, rotation }: ViewRanges): View {
  const within = (range: number): number => range * (2 * random.uniform() - 1)
  const pixels = (): number => random.integer(2 * jitter + 1) - jitter
  return { shift: [pixels(), pixels()], scale: 1 + within(scale), angle: within(rotation) }
}

/** Where the pixels of a view come from: four places `[4 · H · W]` in the picture's rows, and the weight of each. */
export interface Sampling {
  readonly places: Int32Array
  readonly weights: Float32Array
}

/** The sampling of a view of pictures of a size. */
export function samplingOf({ shift, scale, angle }: View, [height, width]: readonly [number, number]): Sampling {
  const area = height * width
  const places = new Int32Array(4 * area)
  const weights = new Float32Array(4 * area)
  const turn = (angle * Math.PI) / 180
  const [cos, sin] = [Math.cos(turn) / scale, Math.sin(turn) / scale]
  const [middleY, middleX] = [(height - 1) / 2, (width - 1) / 2]
  for (let i = 0; i < area; i++) {
    const y = Math.floor(i / width) - middleY
    const x = (i % width) - middleX
    const down = placeOf(middleY + sin * x + cos * y + shift[0], height)
    const across = placeOf(middleX + cos * x - sin * y + shift[1], width)
    for (let corner = 0; corner < 4; corner++) {
      const [row, vertical] = corner < 2 ? [down.low, 1 - down.part] : [down.high, down.part]
      const [column, horizontal] = corner % 2 === 0 ? [across.low, 1 - across.part] : [across.high, across.part]
      places[corner * area + i] = row * width + column
      weights[corner * area + i] = vertical * horizontal
    }
  }
  return { places, weights }
}

/** The two pixels next to a coordinate, mirrored at the outer edges of the first and the last pixel, and how far it is from the first. */
function placeOf(coordinate: number, size: number): { low: number; high: number; part: number } {
  const period = (((coordinate + 0.5) % (2 * size)) + 2 * size) % (2 * size)
  const mirrored = (period > size ? 2 * size - period : period) - 0.5
  const inside = Math.min(Math.max(mirrored, 0), size - 1)
  const low = Math.min(Math.floor(inside), Math.max(size - 2, 0))
  return { low, high: Math.min(low + 1, size - 1), part: inside - low }
}

/**
 * The view of pictures `[N, C, H, W]` that the inputs `places` and `weights` describe, see {@link samplingOf}; the same for
 * all of them.
 */
export function viewOf(pictures: Tensor): Tensor {
  const [images, channels, height, width] = pictures.shape
  const area = height * width
  const places = input('places', [4 * area], { dtype: 'i32' })
  const weights = input('weights', [4 * area, 1])
  const rows = transpose(reshape(pictures, [images * channels, area]), [1, 0])
  const corners = reshape(mul(gather(rows, places), weights), [4, area, images * channels])
  return reshape(transpose(sum(corners, [0]), [1, 0]), pictures.shape)
}
