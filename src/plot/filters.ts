/**
 * Convolution filters as pictures. Filters over RGB images are shown in color, as lectures show AlexNet's first layer;
 * all others channel by channel on a diverging scale. All pictures of one drawing share one scale, symmetric about
 * zero, so that they can be compared.
 */

import { formatSignificant } from '../text/format.ts'
import { diverging } from './colors.ts'
import { coordinate, html, type Markup } from './markup.ts'
import { pngDataUrl } from './png.ts'

/** Options of `filters`. */
export interface FilterOptions {
  /** Pictures per row. Default 6 for up to 24 pictures, else 12. */
  readonly columns?: number
  /** Largest number of pictures to draw, 192 by default. */
  readonly limit?: number
}

/**
 * Draws the filters of a convolution.
 *
 * With C = 3 there is one RGB picture for each output channel: mid-gray is 0, and 0 and 255 are ∓ the largest weight.
 * Otherwise there is one picture for each output and input channel: orange is negative, white 0, blue positive. A
 * weight that is not finite is gray (if C ≠ 3).
 *
 * @param values `[O, C, H, W]` weights, in that order.
 * @returns an `<svg>` element as text.
 * @throws RangeError when the number of values does not fit the shape.
 */
export function filters(
  values: Float32Array,
  shape: readonly [outputs: number, channels: number, height: number, width: number],
  options: FilterOptions = {},
): string {
  const [outputs, channels, height, width] = shape
  if (
    shape.some(size => !Number.isInteger(size) || size < 1) ||
    values.length !== outputs * channels * height * width
  ) {
    throw new RangeError(`filters: ${shape.join(' × ')} do not fit ${values.length} values`)
  }
  const isColor = channels === 3
  const max = values.reduce((a, b) => (Number.isFinite(b) ? Math.max(a, Math.abs(b)) : a), 0)
  const total = isColor ? outputs : outputs * channels
  const shown = Math.min(total, options.limit ?? 192)
  const columns = Math.min(shown, options.columns ?? (shown <= 24 ? 6 : 12))
  const rows = Math.ceil(shown / columns)
  const [cell, gap, caption] = columns > 6 ? [52, 6, 14] : [96, 14, 20]
  const side = columns * (cell + gap) - gap
  const bottom = rows * (cell + caption + gap)
  const name = (i: number) => (isColor || channels === 1 ? `${i}` : `${Math.floor(i / channels)}, ${i % channels}`)

  const pictures = Array.from({ length: shown }, (_, i) => {
    const size = height * width * (isColor ? 3 : 1)
    const own = values.subarray(i * size, (i + 1) * size)
    const pixels = isColor ? rgbPixels(own, height * width, max) : divergingPixels(own, max)
    const x = (i % columns) * (cell + gap)
    const y = Math.floor(i / columns) * (cell + caption + gap)
    // Filters that are not square keep their proportions.
    const scale = cell / Math.max(height, width)
    return html`<g class="fovea-part"><title>filter ${name(i)}: ${rangeOf(own)}</title><image x="${x}" y="${y}" width="${coordinate(width * scale)}" height="${coordinate(height * scale)}" preserveAspectRatio="none" style="image-rendering: pixelated" href="${pngDataUrl(pixels, [height, width, 3])}"/><rect x="${x}" y="${y}" width="${coordinate(width * scale)}" height="${coordinate(height * scale)}" fill="none" stroke="currentColor" stroke-opacity="0.3"/><text x="${coordinate(x + (width * scale) / 2)}" y="${y + cell + caption - 5}" text-anchor="middle">${name(i)}</text></g>`
  })
  const what = isColor ? 'RGB filters' : 'filters'
  const rest = shown < total ? `, the first ${shown} of ${total}` : ''
  return html`<svg class="fovea-plot" xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 ${Math.max(side, 260) + 2} ${bottom + (isColor ? 1 : 31)}" role="img"
 font-family="system-ui, sans-serif" font-size="${columns > 6 ? 10 : 12.5}" fill="currentColor" style="font-variant-numeric: tabular-nums">
<title>Filters</title><desc>${outputs} ${what} of ${height} × ${width} over ${channels} channel${channels === 1 ? '' : 's'}${rest}; weights from −${formatSignificant(max)} to ${formatSignificant(max)}.</desc>
${pictures}
${isColor ? html`` : colorBar(bottom, max)}</svg>`.markup
}

/** `weights from −0.21 to 0.34` */
function rangeOf(weights: Float32Array): string {
  const finite = weights.filter(Number.isFinite)
  if (finite.length === 0) return 'no weight is finite'
  const signed = (value: number): string => `${value < 0 ? '−' : ''}${formatSignificant(Math.abs(value))}`
  return `weights from ${signed(Math.min(...finite))} to ${signed(Math.max(...finite))}`
}

/** A strip of the scale, labeled at both ends and in the middle. */
function colorBar(top: number, max: number): Markup {
  const length = 64
  const pixels = new Uint8Array(length * 3)
  for (let i = 0; i < length; i++) pixels.set(diverging((2 * i) / (length - 1) - 1), 3 * i)
  const end = formatSignificant(max, 2)
  return html`<g font-size="12.5"><image x="0" y="${top}" width="260" height="10" preserveAspectRatio="none" href="${pngDataUrl(pixels, [1, length, 3])}"/><text y="${top + 26}">−${end}</text><text x="130" y="${top + 26}" text-anchor="middle">0</text><text x="260" y="${top + 26}" text-anchor="end">${end}</text></g>`
}

function divergingPixels(values: Float32Array, max: number): Uint8Array {
  const pixels = new Uint8Array(values.length * 3)
  values.forEach((value, i) => {
    pixels.set(diverging(max === 0 ? 0 : Number.isFinite(value) ? value / max : Number.NaN), 3 * i)
  })
  return pixels
}

/** `[3, H, W]` weights to `[H, W, 3]` bytes. */
function rgbPixels(values: Float32Array, size: number, max: number): Uint8Array {
  const pixels = new Uint8Array(size * 3)
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) {
      const value = values[c * size + i]!
      pixels[3 * i + c] = max === 0 || !Number.isFinite(value) ? 128 : Math.round(127.5 + (127.5 * value) / max)
    }
  }
  return pixels
}
