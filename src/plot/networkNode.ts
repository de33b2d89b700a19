/** The nodes and edges from which a network is drawn as a graph, and how large each node is drawn. */
import { formatCount } from '../text/format.ts'

/** A node to draw, such as one of `networkGraph` of `fovea/inspect`. */
export interface DrawnNode {
  /** Position in the list of nodes. */
  readonly id: number
  readonly kind: 'input' | 'layer' | 'operation' | 'module' | 'output'
  /** `layer1.0.conv1` */
  readonly path: string
  /** Class of a layer or module, or what an operation does. */
  readonly type: string
  /** Kernel, stride and padding: `5×5, padding 2`. */
  readonly window?: string
  /** What it gives: `[C, H, W]` or `[F]`. */
  readonly output: readonly number[]
  readonly parameters: number
  /** For one image. */
  readonly multiplyAdds: number
  /** The module that it is in; comes before it in the list. */
  readonly parent?: number
}

/** A value that one node makes and another reads. */
export interface DrawnEdge {
  readonly from: number
  readonly to: number
  readonly shape: readonly number[]
}

/** A network to draw. */
export interface DrawnNetwork {
  readonly nodes: readonly DrawnNode[]
  /** Between nodes that hold no others. */
  readonly edges: readonly DrawnEdge[]
}

/** Sizes of a drawing, in its units. */
export const sizes = {
  font: 12,
  small: 11,
  line: 16,
  /** Between the frame of a box and its words. */
  inset: 10,
  /** The head of an open module. */
  head: 26,
  /** Between the frame of an open module and what is in it. */
  margin: 14,
  /** Between two nodes beside each other, and between a node and the next one below. */
  beside: 22,
  below: 30,
  /** Diameter of an operation with a sign. */
  junction: 26,
} as const

/** Signs of operations that are drawn as circles. */
const signs: Readonly<Record<string, string>> = { add: '+', multiply: '×', subtract: '−', divide: '÷' }

/** The sign of an operation; undefined for any that is drawn as a box with words. */
export const signOf = ({ kind, type }: DrawnNode): string | undefined =>
  kind === 'operation' ? signs[type] : undefined

/** `28×28×6` for `[6, 28, 28]`, `120` for `[120]`. */
export const volumeOf = (shape: readonly number[]): string =>
  shape.length === 3 ? `${shape[1]}×${shape[2]}×${shape[0]}` : shape.length === 0 ? '1' : shape.join('×')

/** The words of a box: a name, what it is, and what it has to learn. */
export interface NodeWords {
  readonly name: string
  readonly about: string
  readonly cost: string
}

/** The last part of a path: `conv1` of `layer1.0.conv1`, and of the slashes that other programs write. */
const lastPart = (path: string): string => path.split(/[./]/).findLast(part => part !== '') ?? path

/** What stands in the box of a node. */
export function wordsOf({ kind, path, type, window, output, parameters }: DrawnNode): NodeWords {
  if (kind === 'input' || kind === 'output') return { name: kind, about: volumeOf(output), cost: '' }
  const cost = parameters > 0 ? `${formatCount(parameters)} parameter${parameters === 1 ? '' : 's'}` : ''
  if (kind === 'operation') return { name: type, about: '', cost }
  return { name: lastPart(path), about: window ? `${type} ${window}` : type, cost }
}

/**
 * Width of a text in the system's font, estimated: the layout is made where there is no font to measure, and must be the same
 * everywhere.
 */
export function textWidth(text: string, size: number = sizes.font): number {
  let width = 0
  for (const character of text)
    width += /[ilj.,:;'|!·]/.test(character) ? 0.33 : /[mwMWOQ×]/.test(character) ? 0.86 : 0.6
  return Math.ceil(width * size)
}

/** Width and height of a node that is not open. */
export function sizeOf(node: DrawnNode): readonly [width: number, height: number] {
  if (signOf(node) !== undefined) return [sizes.junction, sizes.junction]
  const { name, about, cost } = wordsOf(node)
  const words = Math.max(textWidth(name), textWidth(about, sizes.small), textWidth(cost, sizes.small))
  const lines = [name, about, cost].filter(text => text !== '').length
  return [Math.max(72, words + 2 * sizes.inset), lines * sizes.line + 10]
}
