/**
 * A network as a graph: boxes for layers and modules, circles where values are added or multiplied, and the tensors between them with
 * their shapes. A module is one box, or open, around what it holds.
 */
import { formatCount } from '../text/format.ts'
import { coordinate, html, type Markup } from './markup.ts'
import { layoutNetwork, type NetworkLayout, type PlacedEdge, type PlacedNode } from './networkLayout.ts'
import { openModules } from './networkModules.ts'
import { type DrawnNetwork, type DrawnNode, signOf, sizes, volumeOf, wordsOf } from './networkNode.ts'
import { roundedPath } from './networkWires.ts'

/** Options of {@link networkDrawing}. */
export interface NetworkDrawingOptions {
  /** Name of the network, read aloud by screen readers. */
  readonly title: string
  /** The modules that show what they hold, by their ids; those of {@link openModules} by default. */
  readonly open?: ReadonlySet<number>
}

/** Options of {@link drawLayout}. */
export interface DrawLayoutOptions {
  readonly title: string
  /** True for a page whose script listens to the nodes: each is then a button with its id in `data-node`. */
  readonly isLive?: boolean
}

/**
 * Draws a network as a graph. Blue boxes have weights, orange ones pool, gray ones have neither; a bar at the lower edge is the share of
 * the multiply-adds, of which the largest that is shown has the whole width.
 * @returns an `<svg>` element as text
 * @throws RangeError without nodes
 * @example networkDrawing(networkGraph(resnet18(), [3, 224, 224]), { title: 'ResNet-18' })
 */
export function networkDrawing(network: DrawnNetwork, { title, open }: NetworkDrawingOptions): string {
  if (network.nodes.length === 0) throw new RangeError(`${title}: expected at least one node`)
  return drawLayout(layoutNetwork(network, open ?? openModules(network)), { title })
}

/** Draws a network that is laid out. @returns an `<svg>` element as text */
export function drawLayout(layout: NetworkLayout, { title, isLive = false }: DrawLayoutOptions): string {
  const { nodes, edges, width, height } = layout
  const most = Math.max(1, ...nodes.filter(({ isOpen }) => !isOpen).map(({ node }) => node.multiplyAdds))
  const open = nodes.filter(({ isOpen }) => isOpen)
  const reads = isLive ? readsOf(layout) : undefined
  const shown = nodes.filter(({ isOpen, node }) => !isOpen && signOf(node) === undefined)
  const list = shown.map(({ node }) => `${node.path} ${volumeOf(node.output)}`).join(', ')
  const wide = Math.max(width, legendWidth)
  // What is narrower than its legend stands in the middle above it.
  const left = (width - wide) / 2
  return html`<svg class="fovea-plot fovea-network" xmlns="http://www.w3.org/2000/svg" viewBox="${coordinate(left)} 0 ${coordinate(wide)} ${coordinate(height + legendHeight)}" ${isLive ? html`role="group" aria-label="${title}"` : html`role="img"`}
 font-family="system-ui, sans-serif" font-size="${sizes.font}" fill="currentColor" style="max-width: ${coordinate(wide)}px; font-variant-numeric: tabular-nums">
<title>${title}</title>${!isLive && html`<desc>${shown.length} nodes in order: ${list}.</desc>`}
${open.map(drawFrame)}<g fill="none" stroke="currentColor" stroke-opacity="0.5">${edges.map(drawEdge)}</g>
<g fill-opacity="0.6">${edges.map(drawHead)}</g>
<g class="fovea-ground-line" font-size="${sizes.small}" fill-opacity="0.75" stroke="#fff" stroke-width="3" stroke-linejoin="round" paint-order="stroke" aria-hidden="true">${shapeLabels(edges)}</g>
${nodes.map(placed => drawNode(placed, most, reads?.get(placed.node.id)))}${legend(left, height)}
</svg>`.markup
}

/** What each node reads, in words; modules that are open read nothing. */
function readsOf({ nodes, edges }: NetworkLayout): ReadonlyMap<number, string> {
  const names = new Map(nodes.map(({ node }) => [node.id, wordsOf(node).name]))
  return new Map(
    nodes.map(({ node: { id } }) => {
      const read = edges.filter(({ to }) => to === id).map(({ from }) => names.get(from)!)
      return [id, read.length > 0 ? `, reads ${read.join(' and ')}` : '']
    }),
  )
}

const drawEdge = ({ from, to, shape, points }: PlacedEdge): Markup =>
  html`<path data-from="${from}" data-to="${to}" d="${roundedPath(points)}"><title>${volumeOf(shape)}</title></path>`

/** The head of an arrow, which comes from above. */
function drawHead({ points }: PlacedEdge): Markup {
  const [x, y] = points.at(-1)!
  return html`<path d="M${coordinate(x)} ${coordinate(y)}l-3.5 -7h7z"/>`
}

/** The shape of each value once, where its line leaves the node; at the left where lines lead to the right. */
function shapeLabels(edges: readonly PlacedEdge[]): Markup[] {
  const sources = new Map<number, PlacedEdge[]>()
  for (const edge of edges) sources.set(edge.from, [...(sources.get(edge.from) ?? []), edge])
  return [...sources.values()].map(own => {
    const [x, y] = own[0]!.points[0]!
    const aside = own.map(({ points }) => points.find(([next]) => Math.abs(next - x) > 1)?.[0] ?? x)
    const isLeft = aside.some(next => next > x) && !aside.some(next => next < x)
    return html`<text x="${coordinate(x + (isLeft ? -6 : 6))}" y="${coordinate(y + 14)}"${isLeft && html` text-anchor="end"`}>${volumeOf(own[0]!.shape)}</text>`
  })
}

/** The frame of an open module, beneath the lines. */
function drawFrame({ x, y, width, height }: PlacedNode): Markup {
  return html`<rect ${box(x, y, width, height)} rx="6" fill-opacity="0.025" stroke="currentColor" stroke-opacity="0.35"/>`
}

/** A node, and of an open module the head, which lies on the lines that enter it. */
function drawNode(placed: PlacedNode, most: number, reads: string | undefined): Markup {
  const { node, isOpen } = placed
  const drawn = isOpen ? drawHeadOf(placed) : signOf(node) === undefined ? drawBox(placed, most) : drawJunction(placed)
  const expands = node.kind === 'module' && html` aria-expanded="${isOpen ? 'true' : 'false'}"`
  return reads === undefined
    ? html`<g>${titleOf(node)}${drawn}</g>\n`
    : html`<g data-node="${node.id}" role="button" tabindex="-1" aria-label="${labelOf(placed)}${reads}"${expands}>${drawn}</g>\n`
}

/** A name that begins with the words in the box, so that who speaks them is understood. */
function labelOf({ node, isOpen }: PlacedNode): string {
  const { name, about, cost } = wordsOf(node)
  const words = isOpen ? [name, about] : [signOf(node) ?? '', name, about, cost]
  return `${words.filter(text => text !== '').join(' ')}, gives ${volumeOf(node.output)}`
}

function titleOf({ path, type, window, output, parameters, multiplyAdds }: DrawnNode): Markup {
  const lines = [
    `${path}: ${window ? `${type} ${window}` : type}`,
    `gives ${volumeOf(output)}`,
    ...(parameters > 0 ? [`${formatCount(parameters)} parameters`] : []),
    ...(multiplyAdds > 0 ? [`${formatCount(multiplyAdds)} multiply-adds`] : []),
  ]
  return html`<title>${lines.join('\n')}</title>`
}

function drawHeadOf({ node, x, y, width }: PlacedNode): Markup {
  const { name, about } = wordsOf(node)
  return html`<rect class="fovea-ground" ${box(x, y, width, sizes.head - 4)} rx="6" fill="#fff"/><rect class="node" ${box(x, y, width, sizes.head - 4)} rx="6" fill-opacity="0.07" stroke="currentColor" stroke-opacity="0.35"/>${corner(x + 13, y + 11, true)}<text x="${coordinate(x + 24)}" y="${coordinate(y + 15)}"><tspan font-weight="600">${name}</tspan> <tspan dx="3" font-size="${sizes.small}" fill-opacity="0.7">${about}</tspan></text>`
}

/** The mark of a module: it points down when it is open. */
function corner(x: number, y: number, isOpen: boolean): Markup {
  const tip = isOpen
    ? `${coordinate(x)} ${coordinate(y + 3)}l-4 -5h8z`
    : `${coordinate(x + 3)} ${coordinate(y)}l-5 -4v8z`
  return html`<path d="M${tip}" fill-opacity="0.6"/>`
}

function drawJunction({ node, x, y, width }: PlacedNode): Markup {
  const [cx, cy] = [x + width / 2, y + width / 2]
  return html`<circle class="node" cx="${coordinate(cx)}" cy="${coordinate(cy)}" r="${coordinate(width / 2)}" fill="none" stroke="currentColor" stroke-opacity="0.7"/><text x="${coordinate(cx)}" y="${coordinate(cy + 5)}" text-anchor="middle" font-size="15">${signOf(node)!}</text>`
}

function drawBox({ node, x, y, width, height }: PlacedNode, most: number): Markup {
  const { name, about, cost } = wordsOf(node)
  const round = node.kind === 'input' || node.kind === 'output' ? height / 2 : 6
  const hue = hueOf(node)
  const middle = coordinate(x + width / 2)
  const lines = [name, about, cost].filter(text => text !== '')
  const share = (node.multiplyAdds / most) * (width - 12)
  return html`${node.kind === 'module' && html`<path d="M${coordinate(x + 5)} ${coordinate(y + height + 3)}h${coordinate(width - 8)}v${coordinate(5 - height)}" fill="none" stroke="currentColor" stroke-opacity="0.35"/>`}<rect ${colors[hue]} ${box(x, y, width, height)} rx="${coordinate(round)}"/>${node.kind === 'module' && corner(x + 10, y + 13, false)}${share > 0 && html`<rect ${box(x + 6, y + height - 4, Math.max(1, share), 2)} fill-opacity="0.55"/>`}${lines.map(
    (text, k) =>
      html`<text x="${middle}" y="${coordinate(y + 17 + sizes.line * k)}" text-anchor="middle"${k === 0 ? html` font-weight="600"` : html` font-size="${sizes.small}" fill-opacity="0.75"`}>${text}</text> `,
  )}`
}

const box = (x: number, y: number, width: number, height: number): Markup =>
  html`x="${coordinate(x)}" y="${coordinate(y)}" width="${coordinate(width)}" height="${coordinate(height)}"`

type NodeHue = 'weights' | 'pool' | 'other'

const hueOf = ({ type, parameters, kind }: DrawnNode): NodeHue =>
  parameters > 0 && kind !== 'module' ? 'weights' : /pool/i.test(type) ? 'pool' : 'other'

const colors: Readonly<Record<NodeHue, Markup>> = {
  weights: html`class="node fovea-blue fovea-blue-line" fill="#0072b2" stroke="#0072b2" fill-opacity="0.14"`,
  pool: html`class="node fovea-orange fovea-orange-line" fill="#d55e00" stroke="#d55e00" fill-opacity="0.14"`,
  other: html`class="node" fill="currentColor" stroke="currentColor" fill-opacity="0.04" stroke-opacity="0.5"`,
}

const [legendHeight, legendWidth] = [44, 370]

function legend(left: number, top: number): Markup {
  const entries: readonly (readonly [NodeHue, string, number])[] = [
    ['weights', 'with weights', 9],
    ['pool', 'pooling', 105],
    ['other', 'neither', 175],
  ]
  return html`<g font-size="${sizes.small}" aria-hidden="true">${entries.map(
    ([hue, text, x]) =>
      html`<rect ${colors[hue]} ${box(left + x, top + 6, 10, 10)}/><text x="${coordinate(left + x + 16)}" y="${coordinate(top + 15)}" fill-opacity="0.75">${text}</text>`,
  )}<rect ${box(left + 9, top + 30, 24, 2)} fill-opacity="0.55"/><text x="${coordinate(left + 40)}" y="${coordinate(top + 34)}" fill-opacity="0.75">multiply-adds, the most that are shown being a whole bar</text></g>`
}
