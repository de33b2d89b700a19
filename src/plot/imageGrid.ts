/**
 * A grid of small images with captions. It is HTML rather than SVG, so that it adapts to the width of the page: six
 * images per row on a desktop screen, three on a phone.
 */
import { html } from './markup.ts'
import { type ImageShape, pngDataUrl } from './png.ts'

/** One image of the grid. */
export interface GridImage {
  /** `[H, W, C]` bytes, row by row; C as in `encodePng`. */
  readonly pixels: Uint8Array
  readonly shape: ImageShape
  /** Description of the image for readers who cannot see it. */
  readonly alt: string
  /** Lines under the image; the first is bold. */
  readonly caption: readonly string[]
}

/** The longest side of an embedded image in pixels; larger ones are reduced, see `shrink`. */
const longestSide = 64

/**
 * Lays out the images; `gridCss` styles the grid.
 *
 * @returns a `<ul>` element as text, with every image embedded as PNG.
 * @throws RangeError as `encodePng` does.
 */
export function imageGrid(images: readonly GridImage[]): string {
  return html`<ul class="fovea-grid">${images.map(({ pixels, shape, alt, caption }) => {
    const small = shrink(pixels, shape, longestSide)
    const [height, width] = small.shape
    const lines = caption.map((line, i) => (i === 0 ? html`<b>${line}</b>` : html`<span>${line}</span>`))
    return html`<li><figure><img src="${pngDataUrl(small.pixels, small.shape)}" width="${width}" height="${height}" alt="${alt}"><figcaption>${lines}</figcaption></figure></li>\n`
  })}</ul>`.markup
}

/** CSS of the grid. Enlarged pixels stay square. */
export const gridCss = `.fovea-grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(7.75rem,28%),1fr));gap:1.25rem 1rem;list-style:none;margin:0;padding:0}
.fovea-grid figure{margin:0;break-inside:avoid}
.fovea-grid img{display:block;width:100%;height:auto;image-rendering:pixelated;border-radius:4px}
.fovea-grid figcaption{margin-top:.4rem;line-height:1.35}
.fovea-grid figcaption>*{display:block}`

/**
 * Reduces an image by the smallest whole factor that brings its longest side to `limit` or below; each new pixel is
 * the mean of the block it covers (rows and columns beyond the last whole block are dropped).
 *
 * @throws RangeError when the number of bytes does not fit the shape.
 */
export function shrink(
  pixels: Uint8Array,
  [height, width, channels]: ImageShape,
  limit: number,
): { pixels: Uint8Array; shape: ImageShape } {
  if (pixels.length !== height * width * channels) {
    throw new RangeError(`image: ${height} × ${width} × ${channels} does not fit ${pixels.length} bytes`)
  }
  const factor = Math.ceil(Math.max(height, width) / limit)
  if (factor === 1) return { pixels, shape: [height, width, channels] }
  // A very long image keeps at least one row or column.
  const stepY = Math.min(factor, height)
  const stepX = Math.min(factor, width)
  const shape: ImageShape = [Math.floor(height / stepY), Math.floor(width / stepX), channels]
  const out = new Uint8Array(shape[0] * shape[1] * channels)
  for (let y = 0; y < shape[0]; y++) {
    for (let x = 0; x < shape[1]; x++) {
      for (let c = 0; c < channels; c++) {
        let total = 0
        for (let dy = 0; dy < stepY; dy++) {
          for (let dx = 0; dx < stepX; dx++) {
            total += pixels[((y * stepY + dy) * width + x * stepX + dx) * channels + c]!
          }
        }
        out[(y * shape[1] + x) * channels + c] = Math.round(total / (stepX * stepY))
      }
    }
  }
  return { pixels: out, shape }
}
