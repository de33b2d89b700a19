/**
 * A network as a row of volumes, as the lectures draw it: one box in oblique projection for each layer that makes a new
 * volume. Height is drawn upright, width into the depth, channels from left to right, each by its square root, so that
 * 224×224×3 and 7×7×512 fit on one page; a vector stands upright. Layers that keep their input's volume (activations,
 * normalization, dropout) are listed in the pop-up title of the box before them. Branches follow each other in the order
 * of computation, held together by the name of their block.
 */
import { formatCount } from './format.ts'
import { coordinate, html, type Markup } from './markup.ts'
import { type PlacedBox, placeVolumes, type VolumeBox } from './volumeLayout.ts'

/** A layer to draw; the rows of `fovea/inspect`'s summary are such. */
export interface VolumeLayer {
  /** `conv1`, `layer1.0.conv2`. */
  readonly path: string
  /** Class of the layer. */
  readonly type: string
  /** Kernel, stride and padding: `5×5, padding 2`. */
  readonly window?: string
  /** Output of one image: `[C, H, W]` or `[F]`. */
  readonly output: readonly number[]
  /** Trainable numbers. */
  readonly parameters: number
  /** 0 for a layer that keeps its values where they are. */
  readonly activationBytes: number
}

/** Options of {@link volumes}. */
export interface VolumesOptions {
  /** Name of the network, spoken by a screen reader. */
  readonly title: string
  /** Width of a line in SVG units; longer networks go on in the next line. Default 1120. */
  readonly width?: number
}

/**
 * Draws the volumes of a network. Blue layers have weights, orange ones pool, gray ones have neither.
 *
 * @returns an `<svg>` element as text.
 * @throws RangeError when there are no layers, or a size is not a whole number ≥ 1.
 * @example volumes(summarize(lenet5(), [1, 28, 28]).rows, { title: 'LeNet-5' })
 */
export function volumes(layers: readonly VolumeLayer[], { title, width: most = 1120 }: VolumesOptions): string {
  if (layers.length === 0) throw new RangeError(`${title}: there are no layers to draw`)
  for (const { path, output } of layers) {
    if (output.length === 0 || output.some(size => !Number.isInteger(size) || size < 1)) {
      throw new RangeError(`${path}: the output [${output.join(', ')}] must have sizes that are whole numbers ≥ 1`)
    }
  }
  const drawn = boxesOf(layers)
  const { boxes, groups, width, height } = placeVolumes(drawn, most)
  const description = `${drawn.length} volumes in order: ${drawn.map(box => `${box.name} ${box.volume}`).join(', ')}.`
  return html`<svg class="fovea-plot" xmlns="http://www.w3.org/2000/svg" viewBox="-6 0 ${width + 12} ${height + 26}" role="img"
 font-family="system-ui, sans-serif" font-size="11" fill="currentColor" style="max-width: ${width + 12}px; font-variant-numeric: tabular-nums">
<title>${title}</title><desc>${description}</desc>
${boxes.map(drawBox)}
${groups.map(
  ({ name, left, right, top }) =>
    html`<path d="M${coordinate(left)} ${coordinate(top)}v4H${coordinate(right)}v-4" fill="none" stroke="currentColor" stroke-opacity="0.4"/><text x="${coordinate((left + right) / 2)}" y="${coordinate(top + 17)}" text-anchor="middle" font-weight="600">${name}</text>\n`,
)}
${legend(height)}
</svg>`.markup
}

/** The layers that make a new volume; the others are noted at the layer before them. */
function boxesOf(layers: readonly VolumeLayer[]): VolumeBox[] {
  const boxes: (VolumeBox & { details: string[] })[] = []
  for (const layer of layers) {
    const last = boxes.at(-1)
    const volume = volumeText(layer.output)
    const isDrawn = isWindowed(layer) || (layer.activationBytes > 0 && volume !== last?.volume)
    if (last && !isDrawn) {
      last.details.push(`then ${layer.path}: ${layer.type}`)
      continue
    }
    const [channels, height = 1, width = 1] = layer.output
    const group = groupOf(layer.path, last?.group)
    boxes.push({
      ...group,
      kind: kindText(layer),
      volume,
      size: layer.output.length === 1 ? { length: channels } : { channels, height, width },
      hue: /pool/i.test(layer.type) ? 'pool' : layer.parameters > 0 ? 'weights' : 'other',
      details: [
        `${layer.path}: ${layer.type}${layer.window ? ` ${layer.window}` : ''}, ${volume}` +
          (layer.parameters > 0 ? `, ${formatCount(layer.parameters)} parameters` : ''),
      ],
    })
  }
  return boxes
}

/** A convolution, pool or linear layer that computes something: drawn even when it keeps the volume's size. */
function isWindowed({ type, window, activationBytes }: VolumeLayer): boolean {
  return activationBytes > 0 && (window !== undefined || /conv|pool|linear/i.test(type))
}

/**
 * The block that a layer belongs to and its name within: `layer1.0.conv2` is `conv2` of `layer1.0`, `features.3` is `3` of
 * `features`; the result of a block is its `output`.
 */
function groupOf(path: string, before: string | undefined): { path: string; name: string; group: string | undefined } {
  if (path === before) return { path, name: 'output', group: path }
  const parts = path.split('.')
  const depth = parts.length > 2 && /^\d+$/.test(parts[1]) ? 2 : 1
  if (parts.length <= depth) return { path, name: path, group: undefined }
  return { path, name: parts.slice(depth).join('.'), group: parts.slice(0, depth).join('.') }
}

/** `28×28×6`: height, width, channels; other shapes in their own order. */
function volumeText(output: readonly number[]): string {
  return output.length === 3 ? `${output[1]}×${output[2]}×${output[0]}` : output.join('×')
}

/** `conv 7×7 / 2`, `max pool 2×2 / 2`, `linear`. */
function kindText({ type, window = '' }: VolumeLayer): string {
  const words = type
    .replace(/[12]d$/, '')
    .replace(/^Adaptive/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
  const stride = /stride ([\d×]+)/.exec(window)?.[1]
  return [words, window.split(',')[0], ...(stride ? [`/ ${stride}`] : [])].filter(word => word !== '').join(' ')
}

/** Front, top and side of a box, and what it is. */
function drawBox({ box, x, y, front, depth, center, labels }: PlacedBox): Markup {
  const [width, height] = front
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
