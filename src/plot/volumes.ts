/**
 * A network as a row of volumes, as the lectures draw it: one box in oblique projection for each layer that makes a
 * new volume. Height is drawn upright, width into the depth, channels from left to right, each by its square root, so
 * that 224×224×3 and 7×7×512 fit on one page; a vector is upright. Layers that keep their input's volume (activations,
 * normalization, dropout) are listed in the pop-up title of the box before them. Branches follow each other in the
 * order of computation, grouped under the name of their block. In a network with branches, arrows show what reads
 * what, and circles show where values are added or multiplied.
 */
import { coordinate, html, type Markup } from './markup.ts'
import { boxesOf } from './volumeBoxes.ts'
import type { VolumeLayer } from './volumeLayer.ts'
import { type PlacedBox, type PlacedWire, placeVolumes, type VolumeBox } from './volumeLayout.ts'

/** Options of {@link volumes}. */
export interface VolumesOptions {
  /** Name of the network, read aloud by screen readers. */
  readonly title: string
  /** Width of a line in SVG units; longer networks continue on the next line. Default 1120. */
  readonly width?: number
}

/**
 * Draws the volumes of a network. Blue layers have weights, orange ones pool, gray ones have neither.
 *
 * @returns an `<svg>` element as text.
 * @throws RangeError without layers, or when a size is not a whole number ≥ 1.
 * @example volumes(summarize(lenet5(), [1, 28, 28]).rows, { title: 'LeNet-5' })
 */
export function volumes(layers: readonly VolumeLayer[], { title, width: most = 1120 }: VolumesOptions): string {
  if (layers.length === 0) throw new RangeError(`${title}: expected at least one layer`)
  for (const { path, output } of layers) {
    if (output.length === 0 || output.some(size => !Number.isInteger(size) || size < 1)) {
      throw new RangeError(`${path}: the output [${output.join(', ')}] must have sizes that are whole numbers ≥ 1`)
    }
  }
  const { boxes: drawn, edges } = boxesOf(layers)
  const { boxes, groups, wires, dots, width, height } = placeVolumes(drawn, most, edges)
  const volumeBoxes = drawn.filter(({ size }) => !('symbol' in size))
  const list = volumeBoxes.map(box => `${box.name} ${box.volume}`).join(', ')
  const description = `${volumeBoxes.length} volumes in order: ${list}.`
  return html`<svg class="fovea-plot" xmlns="http://www.w3.org/2000/svg" viewBox="-6 0 ${width + 12} ${height + 26}" role="img"
 font-family="system-ui, sans-serif" font-size="11" fill="currentColor" style="max-width: ${width + 12}px; font-variant-numeric: tabular-nums">
<title>${title}</title><desc>${description}</desc>
${wires.length > 0 && drawWires(wires, dots)}${boxes.map(drawBox)}
${groups.map(
  ({ name, left, right, top }) =>
    html`<path d="M${coordinate(left)} ${coordinate(top)}v4H${coordinate(right)}v-4" fill="none" stroke="currentColor" stroke-opacity="0.4"/><text x="${coordinate((left + right) / 2)}" y="${coordinate(top + 17)}" text-anchor="middle" font-weight="600">${name}</text>\n`,
)}
${legend(height)}
</svg>`.markup
}

/** Front, top and side of a box, and its labels. */
function drawBox({ box, x, y, front, depth, center, labels }: PlacedBox): Markup {
  const [width, height] = front
  if ('symbol' in box.size) {
    const middle = [x + width / 2, y + height / 2] as const
    return html`<g class="fovea-junction"><title>${box.details.join('\n')}</title><circle cx="${coordinate(middle[0])}" cy="${coordinate(middle[1])}" r="${width / 2}" fill="none" stroke="currentColor"/><text x="${coordinate(middle[0])}" y="${coordinate(middle[1] + 4)}" text-anchor="middle">${box.size.symbol}</text></g>\n`
  }
  const [right, up] = depth
  const at = (dx: number, dy: number): string => `${coordinate(x + dx)} ${coordinate(y + dy)}`
  const top = [at(0, 0), at(right, -up), at(right + width, -up), at(width, 0)]
  const side = [at(width, 0), at(right + width, -up), at(right + width, height - up), at(width, height)]
  const face = [at(0, 0), at(width, 0), at(width, height), at(0, height)]
  const lines = [box.volume, box.kind, ...(box.name === box.kind ? [] : [box.name])]
  return html`<g><title>${box.details.join('\n')}</title>${draw(top, box.hue, 0.12)}${draw(side, box.hue, 0.6)}${draw(face, box.hue, 0.3)}${lines.map(
    (text, i) =>
      html`<text x="${coordinate(center)}" y="${coordinate(labels + 14 * i)}" text-anchor="middle"${
        i === 0 ? html` font-weight="600"` : html` fill-opacity="0.7"`
      }>${text}</text>`,
  )}</g>\n`
}

/** All lines as one path and all arrow heads as another. */
function drawWires(wires: readonly PlacedWire[], dots: readonly (readonly [number, number])[]): Markup {
  const at = ([x, y]: readonly [number, number]): string => `${coordinate(x)} ${coordinate(y)}`
  const lines = wires.map(({ points }) => `M${points.map(at).join('L')}`).join('')
  const heads = wires
    .filter(({ head }) => head)
    .map(({ points }) => {
      const [before, end] = points.slice(-2)
      const isDown = before[0] === end[0]
      return `M${at(end)}${isDown ? 'l-3 -6h6' : 'l-6 -3v6'}z`
    })
    .join('')
  return html`<g class="fovea-wires" stroke-opacity="0.55" fill-opacity="0.65"><path d="${lines}" fill="none" stroke="currentColor"/><path d="${heads}"/>${dots.map(
    ([x, y]) => html`<circle cx="${coordinate(x)}" cy="${coordinate(y)}" r="2"/>`,
  )}</g>\n`
}

function draw(corners: readonly string[], hue: VolumeBox['hue'], opacity: number): Markup {
  // Black would stand out among the colors.
  const shown = hue === 'other' ? opacity / 2 : opacity
  return html`<path d="M${corners.join('L')}Z" ${colors[hue]} fill-opacity="${shown}" stroke-linejoin="round"/>`
}

const colors = {
  weights: html`class="fovea-blue fovea-blue-line" fill="#0072b2" stroke="#0072b2"`,
  pool: html`class="fovea-orange fovea-orange-line" fill="#d55e00" stroke="#d55e00"`,
  other: html`fill="currentColor" stroke="currentColor" stroke-opacity="0.6"`,
} as const

function legend(top: number): Markup[] {
  const entries = [
    ['weights', 'with weights', 0],
    ['pool', 'pooling', 100],
    ['other', 'neither', 170],
  ] as const
  return entries.map(
    ([hue, text, x]) =>
      html`<rect x="${x + 1}" y="${top + 11}" width="10" height="10" ${colors[hue]} fill-opacity="0.3"/><text x="${x + 17}" y="${top + 20}" fill-opacity="0.7">${text}</text>`,
  )
}
