/**
 * Pixels of maps and pictures, as 32-bit numbers of an `ImageData`: colors come from tables that are made once a theme, since a
 * screen of maps has tens of thousands of cells and is drawn many times a second.
 */
import { colorOf, inkOf, type Rgb, type Theme } from './scale.ts'

/** A color as the bytes of a pixel: red first in memory, whatever the order of bytes is. */
export function pixelOf([red, green, blue]: Rgb): number {
  const bytes = Uint8Array.of(red, green, blue, 255)
  return new Uint32Array(bytes.buffer)[0]!
}

/** Steps of a table on each side of zero: no two neighbors differ by more than one level of a channel. */
const half = 512

const valueTables = new Map<Theme, Uint32Array>()
const inkTables = new Map<Theme, Uint32Array>()

function tableOf(
  tables: Map<Theme, Uint32Array>,
  theme: Theme,
  length: number,
  color: (k: number) => Rgb,
): Uint32Array {
  const known = tables.get(theme)
  if (known) return known
  const table = Uint32Array.from({ length }, (_, k) => pixelOf(color(k)))
  tables.set(theme, table)
  return table
}

const valueTable = (theme: Theme): Uint32Array =>
  tableOf(valueTables, theme, 2 * half + 1, k => colorOf((k - half) / half, 1, theme))

/** A scale from −most to most, as colors of pixels. */
export type PixelScale = (value: number) => number

/** The scale of a maximum: clamped, and paper for what is no number. */
export function pixelScale(most: number, theme: Theme): PixelScale {
  const table = valueTable(theme)
  const factor = most > 0 ? half / most : 0
  return value => {
    const place = value * factor + half + 0.5
    // A comparison with NaN is false.
    return place >= 2 * half ? table[2 * half]! : place >= 0 ? table[place | 0]! : place < 0 ? table[0]! : table[half]!
  }
}

/** Where a map lies in a picture of pixels, and how large a cell of it is drawn. */
export interface MapPlace {
  /** Pixels of a row of the picture. */
  readonly stride: number
  readonly left: number
  readonly top: number
  readonly cell: number
}

/** Paints a map, each cell as a square of pixels. @param from where the map begins among the values */
export function paintMap(
  pixels: Uint32Array,
  { stride, left, top, cell }: MapPlace,
  { values, from = 0, width, height }: PixelMap,
  color: PixelScale,
): void {
  for (let row = 0; row < height; row++) {
    const first = (top + row * cell) * stride + left
    let at = first
    for (let column = 0; column < width; column++) {
      const pixel = color(values[from + row * width + column]!)
      for (let k = 0; k < cell; k++) pixels[at++] = pixel
    }
    for (let k = 1; k < cell; k++) pixels.copyWithin(first + k * stride, first, first + width * cell)
  }
}

/** Values of a map. */
export interface PixelMap {
  readonly values: ArrayLike<number>
  readonly from?: number
  readonly width: number
  readonly height: number
}

/** Paints the edge of a box, one pixel wide, around what lies in it. */
export function paintFrame(
  pixels: Uint32Array,
  { stride, left, top }: Omit<MapPlace, 'cell'>,
  [width, height]: readonly [number, number],
  pixel: number,
): void {
  const above = (top - 1) * stride + left - 1
  const below = (top + height) * stride + left - 1
  pixels.fill(pixel, above, above + width + 2)
  pixels.fill(pixel, below, below + width + 2)
  for (let row = 0; row < height; row++) {
    pixels[above + (row + 1) * stride] = pixel
    pixels[above + (row + 1) * stride + width + 1] = pixel
  }
}

/** Paints a picture, bytes `[cells, channels]`: one channel as ink on paper, three as they are. */
export function paintPicture(pixels: Uint32Array, bytes: Uint8Array, theme: Theme): void {
  if (bytes.length === 3 * pixels.length) {
    paintColors(pixels, bytes)
    return
  }
  const inks = tableOf(inkTables, theme, 256, k => inkOf(k / 255, theme))
  for (let k = 0; k < pixels.length; k++) pixels[k] = inks[bytes[k]!]!
}

/** Paints red, green and blue, a byte each. */
export function paintColors(pixels: Uint32Array, bytes: Uint8Array): void {
  const channels = new Uint8Array(pixels.buffer, pixels.byteOffset, 4 * pixels.length)
  for (let k = 0; k < pixels.length; k++) {
    channels[4 * k] = bytes[3 * k]!
    channels[4 * k + 1] = bytes[3 * k + 1]!
    channels[4 * k + 2] = bytes[3 * k + 2]!
    channels[4 * k + 3] = 255
  }
}
