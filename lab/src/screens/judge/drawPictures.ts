/** Draws the part of a grid of pictures that is in its window: what is scrolled away costs nothing. */
import { paintPicture } from '../../draw/pixels.ts'
import type { Theme } from '../../draw/scale.ts'

/** How pictures are laid out, in CSS pixels. */
export interface Layout {
  readonly columns: number
  /** Of a picture with its words, and the gap. */
  readonly cellWidth: number
  readonly cellHeight: number
  /** Of the picture alone. */
  readonly width: number
  readonly height: number
}

const [gap, words] = [8, 28]

/** Lays out pictures of a size in a width. @param shape `[height, width, channels]` */
export function layoutOf(shape: readonly [number, number, number], width: number): Layout {
  const isPoint = shape[0] * shape[1] === 1
  // Small pictures are twice their size, and a point is drawn on a plane.
  const scale = isPoint ? 48 : Math.max(1, Math.floor(64 / Math.max(shape[0], shape[1])))
  const [own, high] = [shape[1] * scale, shape[0] * scale]
  const cellWidth = own + gap
  return {
    columns: Math.max(1, Math.floor((width + gap - 4) / cellWidth)),
    cellWidth,
    cellHeight: high + words + gap,
    width: own,
    height: high,
  }
}

/** Words under a picture. */
export interface Caption {
  readonly first: string
  readonly second: string
  readonly kind: 'right' | 'wrong' | 'changed'
}

/** What is drawn. */
export interface Scene {
  readonly layout: Layout
  readonly count: number
  /** CSS pixels that are scrolled away, and of the window. */
  readonly top: number
  readonly size: { readonly width: number; readonly height: number }
  readonly shape: readonly [number, number, number]
  /** Place that is chosen. */
  readonly place: number
  readonly theme: Theme
  readonly pixels: (place: number) => Uint8Array | undefined
  readonly caption: (place: number) => Caption
}

/** Room left of the first column and above the first row, for the outline. */
const margin = 3

/** The place of a picture under a point of the window; undefined between pictures. */
export function placeAt(
  { layout, count, top }: Pick<Scene, 'layout' | 'count' | 'top'>,
  x: number,
  y: number,
): number | undefined {
  const { columns, cellWidth, cellHeight, width } = layout
  const column = Math.floor((x - margin) / cellWidth)
  const row = Math.floor((y + top - margin) / cellHeight)
  if (column < 0 || column >= columns || row < 0 || (x - margin) % cellWidth > width) return undefined
  const place = row * columns + column
  return place < count ? place : undefined
}

/** Draws. @param colors of words: those of the style sheet */
export function drawPictures(context: CanvasRenderingContext2D, scene: Scene, colors: (name: string) => string): void {
  const { layout, count, top, size, shape, place: chosen } = scene
  const { columns, cellWidth, cellHeight, width, height } = layout
  context.clearRect(0, 0, size.width, size.height)
  context.imageSmoothingEnabled = false
  context.textBaseline = 'alphabetic'
  const first = Math.max(0, Math.floor((top - margin) / cellHeight)) * columns
  const last = Math.min(count, (Math.floor((top + size.height) / cellHeight) + 1) * columns)
  for (let place = first; place < last; place++) {
    const x = margin + (place % columns) * cellWidth
    const y = margin + Math.floor(place / columns) * cellHeight - top
    const bytes = scene.pixels(place)
    if (bytes) {
      if (shape[0] * shape[1] === 1) drawPoint(context, bytes, [x, y, width, height], colors)
      else context.drawImage(pictureOf(bytes, shape, scene.theme), x, y, width, height)
    }
    context.strokeStyle = colors('--line')
    context.lineWidth = 1
    context.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1)
    const { first: above, second: below, kind } = scene.caption(place)
    context.fillStyle = colors(kind === 'wrong' ? '--orange-text' : kind === 'changed' ? '--fork' : '--text')
    context.fillText(above, x, y + height + 13, width + 4)
    context.fillStyle = colors('--quiet')
    context.fillText(below, x, y + height + 25, width + 4)
    if (place !== chosen) continue
    context.lineWidth = 2
    context.strokeStyle = colors('--text')
    context.strokeRect(x - 2, y - 2, width + 4, height + 4)
  }
}

/** A point of the plane, whose sides are −2 and 2. */
function drawPoint(
  context: CanvasRenderingContext2D,
  bytes: Uint8Array,
  [x, y, width, height]: readonly [number, number, number, number],
  colors: (name: string) => string,
): void {
  context.fillStyle = colors('--text')
  context.beginPath()
  context.arc(x + (bytes[0]! / 255) * width, y + (1 - bytes[1]! / 255) * height, 3, 0, 2 * Math.PI)
  context.fill()
}

let scratch: { readonly canvas: OffscreenCanvas; readonly image: ImageData; readonly pixels: Uint32Array } | undefined

/** A picture as a small canvas, which the next one takes. */
function pictureOf(
  bytes: Uint8Array,
  [height, width]: readonly [number, number, number],
  theme: Theme,
): OffscreenCanvas {
  if (scratch?.image.width !== width || scratch.image.height !== height) {
    const image = new ImageData(width, height)
    scratch = { canvas: new OffscreenCanvas(width, height), image, pixels: new Uint32Array(image.data.buffer) }
  }
  paintPicture(scratch.pixels, bytes, theme)
  scratch.canvas.getContext('2d')!.putImageData(scratch.image, 0, 0)
  return scratch.canvas
}
