/** A contact sheet: rows of pictures with captions, for seeing what a network sees. */
import { coordinate, html, type Markup } from './markup.ts'
import { type ImageShape, pngDataUrl } from './png.ts'

/** One picture of a sheet. */
export interface SheetPicture {
  /** `[H, W, C]` bytes, row by row; C as in `encodePng`. */
  readonly pixels: Uint8Array
  readonly shape: ImageShape
  /** Text under the picture, one line or, with line breaks, several. */
  readonly caption?: string
  /** What is said of it under the pointer: by default its row, its column and its caption. */
  readonly said?: string
}

/** A row of a sheet. */
export interface SheetRow {
  /** Text on the left of the row. */
  readonly title: string
  readonly pictures: readonly SheetPicture[]
}

/** Options of {@link contactSheet}. */
export interface ContactSheetOptions {
  /** Headings of the columns. */
  readonly columns?: readonly string[]
  /** Side of the square that each picture is fitted into, in pixels; 72 by default. */
  readonly cell?: number
  /** Description of the sheet for readers who cannot see it. */
  readonly description?: string
}

/** Space between pictures, for a heading, for a caption, and around the sheet. */
const [gap, heading, captionHeight, lineHeight, border] = [8, 22, 14, 11, 6] as const
/** Length of the longest title shown in full, and the widths of a letter in titles and in captions. */
const [longest, letter, smallLetter] = [16, 7, 5.4] as const
/** Font size of a caption. */
const captionSize = 9.5

/**
 * Draws a sheet; pixels of enlarged pictures stay square.
 * @returns an `<svg>` element as text.
 * @throws RangeError for no rows or no pictures, or as `encodePng` does.
 * @example contactSheet([{ title: 'cat', pictures: [{ pixels, shape: [32, 32, 3] }] }])
 */
export function contactSheet(rows: readonly SheetRow[], options: ContactSheetOptions = {}): string {
  const { columns = [], cell = 72, description } = options
  const most = Math.max(0, ...rows.map(({ pictures }) => pictures.length))
  if (most === 0) throw new RangeError('contactSheet: no pictures')
  const lines = Math.max(0, ...rows.flatMap(({ pictures }) => pictures.map(({ caption }) => linesOf(caption).length)))
  const pitch = cell + gap + (lines > 0 ? captionHeight + (lines - 1) * lineHeight : 0)
  const top = columns.length > 0 ? heading : 0
  const margin = gap + letter * Math.max(...rows.map(({ title }) => Math.min(title.length, longest)))
  const width = margin + most * (cell + gap) - gap
  const height = top + rows.length * pitch - gap
  const headings = columns.map(
    (text, k) =>
      html`<text x="${margin + k * (cell + gap) + cell / 2}" y="${heading - 8}" text-anchor="middle">${text}</text>`,
  )
  const drawn = rows.map(({ title, pictures }, r) => {
    const y = top + r * pitch
    const images = pictures.map((picture, k) => {
      const { caption, said = [title, columns[k], ...linesOf(caption)].filter(Boolean).join(', ') } = picture
      const x = margin + k * (cell + gap)
      // The whole cell answers the pointer, not only a picture that is not square.
      const frame = html`<rect x="${coordinate(x)}" y="${coordinate(y)}" width="${cell}" height="${cell}" fill="none" pointer-events="all"/>`
      return html`<g class="fovea-part"><title>${said}</title>${drawPicture(picture, x, y, cell)}${frame}</g>`
    })
    return html`<text x="0" y="${coordinate(y + cell / 2 + 4)}">${shorten(title)}</text>${images}\n`
  })
  const what = description ?? `${rows.length} rows of pictures`
  return html`<svg class="fovea-plot" xmlns="http://www.w3.org/2000/svg" viewBox="${-border} ${-border} ${width + 2 * border} ${height + 2 * border}" width="${width + 2 * border}" height="${height + 2 * border}" role="img"
 font-family="system-ui, sans-serif" font-size="12" fill="currentColor" style="max-width: ${width + 2 * border}px">
<title>Contact sheet</title><desc>${what}</desc>
${headings}
${drawn}</svg>`.markup
}

/** A picture centered in its cell, with its proportions kept. */
function drawPicture({ pixels, shape, caption }: SheetPicture, left: number, top: number, cell: number): Markup {
  const scale = cell / Math.max(shape[0], shape[1])
  const [height, width] = [shape[0] * scale, shape[1] * scale]
  const x = coordinate(left + (cell - width) / 2)
  const y = coordinate(top + (cell - height) / 2)
  // Enlarged pixels stay squares; reduced pictures are smoothed.
  const rendering = scale > 1 ? 'pixelated' : 'auto'
  const image = html`<image x="${x}" y="${y}" width="${coordinate(width)}" height="${coordinate(height)}" preserveAspectRatio="none" style="image-rendering:${rendering}" href="${pngDataUrl(pixels, shape)}"/>`
  const middle = coordinate(left + cell / 2)
  return html`${image}${linesOf(caption).map((line, k) => {
    // A label wider than its cell would run into its neighbors, so its font is smaller.
    const size = Math.min(captionSize, (captionSize * (cell + gap / 2)) / (line.length * smallLetter))
    return html`<text x="${middle}" y="${coordinate(top + cell + 11 + k * lineHeight)}" font-size="${coordinate(size)}" text-anchor="middle">${line}</text>`
  })}`
}

const linesOf = (caption: string | undefined): readonly string[] => caption?.split('\n') ?? []

/** A title shortened to fit the margin. */
const shorten = (title: string): string => (title.length > longest ? `${title.slice(0, longest - 1)}…` : title)
