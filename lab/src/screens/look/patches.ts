/** The part of a picture that a unit sees, as it is drawn: whole pixels, in a frame that is the same for all cells of a map. */
import { type ImageWindow, windowSeenBy } from '../../../../src/inspect/imageWindow.ts'
import type { LayerInfo } from '../../worker/protocol.ts'

/** What a cell sees. */
export interface Box {
  /** Row and column of the frame's corner, which may lie beyond the picture. */
  readonly top: number
  readonly left: number
  /** What there is of the picture in the frame. */
  readonly window: ImageWindow
  /** CSS pixels of a pixel, and of the frame's side. */
  readonly cell: number
  readonly side: number
}

/** CSS pixels of a frame, about; whole pictures of 32 × 32 have twice their size. */
const [usual, ofWhole] = [56, 64]

type Shape = readonly [height: number, width: number, channels: number]

/** What a cell of a layer sees; without rows and columns it is the whole picture. */
export function boxSeenBy(
  { field }: Pick<LayerInfo, 'field'>,
  [row, column]: readonly [row: number, column: number],
  shape: Shape,
): Box {
  const [height, width] = shape
  const seesAll = !field || field.seesAll?.some(Boolean) || field.size[0] >= height || field.size[1] >= width
  const size = seesAll ? Math.max(height, width) : Math.max(...field.size)
  const cell = Math.max(1, Math.floor((size > 28 ? ofWhole : usual) / size))
  const side = size * cell
  if (seesAll) return { top: 0, left: 0, window: { top: 0, left: 0, bottom: height, right: width }, cell, side }
  const { offset, stride } = field
  const window = windowSeenBy(field, [row, column], [height, width])
  return { top: offset[0] + row * stride[0], left: offset[1] + column * stride[1], window, cell, side }
}

/** The bytes of a part of a picture `[height, width, channels]`. */
export function cut(
  pixels: Uint8Array,
  [, width, channels]: Shape,
  { top, left, bottom, right }: ImageWindow,
): Uint8Array {
  const row = (right - left) * channels
  const part = new Uint8Array((bottom - top) * row)
  for (let y = top; y < bottom; y++) {
    const from = (y * width + left) * channels
    part.set(pixels.subarray(from, from + row), (y - top) * row)
  }
  return part
}
