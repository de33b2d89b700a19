/** Turns a table of layers into the boxes of a drawing: which layers are drawn, their names, and what they read. */
import { formatCount } from '../text/format.ts'
import type { Edge } from './volumeArrows.ts'
import type { VolumeLayer } from './volumeLayer.ts'
import type { VolumeBox } from './volumeLayout.ts'

/** The boxes of a drawing, and which box reads which; a network without branches has no edges. */
export function boxesOf(table: readonly VolumeLayer[]): { boxes: VolumeBox[]; edges: Edge[] } {
  const layers = inOrder(table)
  const isDrawn = drawnOf(layers)
  const hostOf = hosts(layers, isDrawn)
  const boxes: (VolumeBox & { readonly details: string[] })[] = []
  const numbers = new Map<number, number>()
  layers.forEach((layer, index) => {
    if (hostOf(index) !== index) return
    numbers.set(index, boxes.length)
    boxes.push(boxOf(layer, isDrawn[index], boxes.at(-1)?.group))
  })
  layers.forEach((layer, index) => {
    const host = hostOf(index)
    if (host !== index) boxes[numbers.get(host) as number].details.push(`then ${layer.path}: ${layer.type}`)
  })
  const edges = [...numbers].flatMap(([index, to]) => {
    const read = (layers[index].inputs ?? []).map(input => numbers.get(hostOf(input)) as number)
    return [...new Set(read)].filter(from => from !== to).map(from => ({ from, to }))
  })
  return { boxes, edges: edges.some(({ from, to }) => to !== from + 1) ? edges : [] }
}

/** The layers ordered so that each comes after those it reads; a table lists a block after its layers. */
function inOrder(table: readonly VolumeLayer[]): VolumeLayer[] {
  const order: number[] = []
  const seen = new Set<number>()
  const visit = (index: number): void => {
    if (seen.has(index)) return
    seen.add(index)
    for (const read of table[index].inputs ?? []) visit(read)
    order.push(index)
  }
  for (const index of table.keys()) visit(index)
  const places = new Map(order.map((index, place) => [index, place]))
  return order.map(index => {
    const { inputs, ...layer } = table[index]
    return inputs ? { ...layer, inputs: inputs.map(read => places.get(read) as number) } : layer
  })
}

/** For each layer, whether it makes a new volume, which gets a box. */
function drawnOf(layers: readonly VolumeLayer[]): boolean[] {
  let last: string | undefined
  return layers.map(layer => {
    const volume = volumeText(layer.output)
    const isNew = layer.activationBytes > 0 && volume !== last && !isJunction(layer)
    if (last !== undefined && !isWindowed(layer) && !isNew) return false
    last = volume
    return true
  })
}

const isJunction = ({ combines }: VolumeLayer): boolean => combines === 'add' || combines === 'multiply'

/**
 * The layer whose box shows a given layer. It is the layer itself if it is drawn or is a circle where values from
 * different boxes meet. Otherwise the box is that of its first input, or of the previous layer in the list if no
 * inputs are known.
 */
function hosts(layers: readonly VolumeLayer[], isDrawn: readonly boolean[]): (index: number) => number {
  const known = new Map<number, number>()
  const hostOf = (index: number): number => {
    const found = known.get(index)
    if (found !== undefined) return found
    const layer = layers[index]
    const inputs = layer.inputs ?? []
    const isOwn = isDrawn[index] || (isJunction(layer) && new Set(inputs.map(hostOf)).size > 1)
    const host = isOwn ? index : hostOf(inputs[0] ?? index - 1)
    known.set(index, host)
    return host
  }
  return hostOf
}

function boxOf(layer: VolumeLayer, isVolume: boolean, before: string | undefined): VolumeBox & { details: string[] } {
  const [channels, height = 1, width = 1] = layer.output
  const volume = volumeText(layer.output)
  const size = layer.output.length === 1 ? { length: channels } : { channels, height, width }
  return {
    ...groupOf(layer.path, before),
    kind: kindText(layer),
    volume,
    size: isVolume ? size : { symbol: layer.combines === 'multiply' ? '×' : '+' },
    hue: /pool/i.test(layer.type) ? 'pool' : layer.parameters > 0 ? 'weights' : 'other',
    details: [
      `${layer.path}: ${layer.type}${layer.window ? ` ${layer.window}` : ''}, ${volume}` +
        (layer.parameters > 0 ? `, ${formatCount(layer.parameters)} parameters` : ''),
    ],
  }
}

/** A convolution, pool or linear layer that computes something: drawn even when it keeps the volume's size. */
function isWindowed({ type, window, activationBytes }: VolumeLayer): boolean {
  return activationBytes > 0 && (window !== undefined || /conv|pool|linear/i.test(type))
}

/**
 * The block that a layer belongs to and its name in it: `layer1.0.conv2` is `conv2` of `layer1.0`, `features.3` is `3`
 * of
 * `features`; the result of a block is its `output`.
 */
function groupOf(path: string, before: string | undefined): { path: string; name: string; group: string | undefined } {
  if (path === before) return { path, name: 'output', group: path }
  const parts = path.split('.')
  const depth = parts.length > 2 && /^\d+$/.test(parts[1]) ? 2 : 1
  if (parts.length <= depth) return { path, name: path, group: undefined }
  return { path, name: parts.slice(depth).join('.'), group: parts.slice(0, depth).join('.') }
}

/** `28×28×6`: height, width, channels; other shapes keep their order. */
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
