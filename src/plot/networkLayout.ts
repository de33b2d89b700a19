/**
 * Places for the nodes of a network and ways for its edges, from top to bottom.
 *
 * Each open module is laid out by itself, with a port at its upper edge for every value that enters and one at its lower edge for every
 * value that leaves, and is then one box in what holds it. So nothing leaves a box but through its ports, a module of hundreds of layers
 * is as quick as its parts, and equal blocks look the same.
 */
import { type BoxLayout, type Frame, type Link, layOutBox, type Part } from './networkBox.ts'
import { type DrawnNetwork, type DrawnNode, sizeOf, sizes, textWidth, wordsOf } from './networkNode.ts'
import { type Box, type Point, straightened } from './networkWires.ts'

/** A node with its place. */
export interface PlacedNode extends Box {
  readonly node: DrawnNode
  /** True for a module that shows what it holds. */
  readonly isOpen: boolean
}

/** An edge between two nodes that are shown, neither of which is open. */
export interface PlacedEdge {
  readonly from: number
  readonly to: number
  /** What flows: of the first of the edges that are drawn as this one. */
  readonly shape: readonly number[]
  readonly points: readonly Point[]
}

/** A network with its places. */
export interface NetworkLayout {
  readonly width: number
  readonly height: number
  /** A module before what it holds. */
  readonly nodes: readonly PlacedNode[]
  readonly edges: readonly PlacedEdge[]
}

/**
 * Lays a network out.
 * @param open the modules that show what they hold; one in a module that is not open is not shown
 */
export const layoutNetwork = (network: DrawnNetwork, open: ReadonlySet<number>): NetworkLayout =>
  new Layouter(network, open).run()

/** Around the whole drawing. */
const rootFrame: Frame = { above: 8, below: 8, beside: 8, least: 0 }

/** A part of a box: a node, or a port for the value of a node that is shown elsewhere. */
type Item = `n${number}` | `in${number}` | `out${number}`

/** A piece of an edge's way within one box; `value` is the shown node whose value it leads. */
interface Step {
  readonly from: Item
  readonly to: Item
  readonly value: number
}

const keyOf = ({ from, to, value }: Step): string => `${from}>${to}:${value}`

/** The steps in a box, and the box as it is laid out: positions of its items, and of its steps. */
interface Inside {
  readonly layout: BoxLayout
  readonly items: ReadonlyMap<Item, number>
  readonly steps: ReadonlyMap<string, number>
}

/** A box: a module, or the whole network. */
type Holder = number | undefined

class Layouter {
  readonly #network: DrawnNetwork
  readonly #open: ReadonlySet<number>
  readonly #children = new Map<Holder, number[]>()
  readonly #steps = new Map<Holder, Map<string, Step>>()
  readonly #insides = new Map<Holder, Inside>()
  /** Layouts by what was laid out: equal blocks are laid out once. */
  readonly #known = new Map<string, BoxLayout>()

  constructor(network: DrawnNetwork, open: ReadonlySet<number>) {
    this.#network = network
    for (const { id, parent } of network.nodes) {
      const siblings = this.#children.get(parent)
      if (siblings) siblings.push(id)
      else this.#children.set(parent, [id])
    }
    this.#open = new Set([...open].filter(id => this.#children.has(id)))
  }

  run(): NetworkLayout {
    const edges = this.#shownEdges()
    const { width, height } = this.#layOut(undefined)
    const corners = new Map<Holder, Point>([[undefined, [0, 0]]])
    const nodes = this.#placed(undefined, corners)
    return {
      width,
      height,
      nodes,
      edges: edges.map(({ steps, ...edge }) => ({
        ...edge,
        points: straightened(steps.flatMap(([box, step]) => this.#wayOf(box, step, corners.get(box)!))),
      })),
    }
  }

  /** The edges that are shown, each with its way: out of boxes at their lower edges, across, and into boxes at their upper ones. */
  #shownEdges(): (Omit<PlacedEdge, 'points'> & { readonly steps: [Holder, Step][] })[] {
    const shown = new Map<string, Omit<PlacedEdge, 'points'> & { readonly steps: [Holder, Step][] }>()
    for (const { from: source, to: target, shape } of this.#network.edges) {
      const [out, into] = [this.#shownPath(source), this.#shownPath(target)]
      const [from, to] = [out.at(-1)!, into.at(-1)!]
      if (from === to || shown.has(`${from}>${to}`)) continue
      const shared = out.findIndex((id, k) => id !== into[k])
      const steps: [Holder, Step][] = []
      for (let k = out.length - 1; k > shared; k--) {
        steps.push([out[k - 1], { from: `n${out[k]!}`, to: `out${from}`, value: from }])
      }
      steps.push([out[shared - 1], { from: `n${out[shared]!}`, to: `n${into[shared]!}`, value: from }])
      for (let k = shared + 1; k < into.length; k++) {
        steps.push([into[k - 1], { from: `in${from}`, to: `n${into[k]!}`, value: from }])
      }
      for (const [box, step] of steps) {
        const known = this.#steps.get(box) ?? new Map<string, Step>()
        this.#steps.set(box, known.set(keyOf(step), step))
      }
      shown.set(`${from}>${to}`, { from, to, shape, steps })
    }
    return [...shown.values()]
  }

  /** The open boxes that a node is in, the outermost first, and at the end what is shown of it: itself, or a box that is closed. */
  #shownPath(id: number): number[] {
    const path: number[] = []
    for (let at: Holder = id; at !== undefined; at = this.#network.nodes[at]!.parent) path.unshift(at)
    return path.slice(0, path.findIndex(node => !this.#open.has(node)) + 1)
  }

  #layOut(box: Holder): BoxLayout {
    const children = this.#children.get(box) ?? []
    const parts: Part[] = children.map(id => {
      const [width, height] = this.#sizeOf(id)
      return { kind: 'node', width, height }
    })
    const items = new Map<Item, number>(children.map((id, k) => [`n${id}`, k]))
    const steps = [...(this.#steps.get(box)?.values() ?? [])]
    for (const item of steps.flatMap(({ from, to }) => [from, to])) {
      if (items.has(item)) continue
      items.set(item, parts.length)
      parts.push({ kind: item.startsWith('in') ? 'in' : 'out', width: 0, height: 0 })
    }
    const links = steps.map(({ from, to, value }): Link => {
      const [source, target] = [items.get(from)!, items.get(to)!]
      return {
        from: source,
        to: target,
        leaves: this.#portOf(from, `out${value}`) ?? parts[source]!.width / 2,
        arrives: this.#portOf(to, `in${value}`) ?? parts[target]!.width / 2,
      }
    })
    const frame = box === undefined ? rootFrame : frameOf(this.#network.nodes[box]!)
    const signature = JSON.stringify([parts, links, frame])
    const layout = this.#known.get(signature) ?? layOutBox(parts, links, frame)
    this.#known.set(signature, layout)
    this.#insides.set(box, { layout, items, steps: new Map(steps.map((step, k) => [keyOf(step), k])) })
    return layout
  }

  #sizeOf(id: number): readonly [number, number] {
    if (!this.#open.has(id)) return sizeOf(this.#network.nodes[id]!)
    const { width, height } = this.#layOut(id)
    return [width, height]
  }

  /** Where an open box has a port, from its left; undefined for any other item. */
  #portOf(item: Item, port: Item): number | undefined {
    const inside = item.startsWith('n') ? this.#insides.get(Number(item.slice(1))) : undefined
    return inside && inside.layout.parts[inside.items.get(port)!]!.x
  }

  /** Places of what a box holds, and the corners of the open boxes in it. */
  #placed(box: Holder, corners: Map<Holder, Point>): PlacedNode[] {
    const { layout, items } = this.#insides.get(box)!
    const [left, top] = corners.get(box)!
    return (this.#children.get(box) ?? []).flatMap(id => {
      const part = layout.parts[items.get(`n${id}`)!]!
      const isOpen = this.#open.has(id)
      const placed = { ...part, x: part.x + left, y: part.y + top, node: this.#network.nodes[id]!, isOpen }
      if (!isOpen) return [placed]
      corners.set(id, [placed.x, placed.y])
      return [placed, ...this.#placed(id, corners)]
    })
  }

  #wayOf(box: Holder, step: Step, [left, top]: Point): Point[] {
    const { layout, steps } = this.#insides.get(box)!
    const way = layout.ways[steps.get(keyOf(step))!]!
    const moved = way.map(([x, y]): Point => [x + left, y + top])
    // A port stands at the edge of its box, outside of which the way goes on.
    if (step.from.startsWith('in')) moved.unshift([moved[0]![0], top])
    if (step.to.startsWith('out')) moved.push([moved.at(-1)![0], top + layout.height])
    return moved
  }
}

/** The frame of an open module, as wide as its head. */
function frameOf(node: DrawnNode): Frame {
  const { name, about } = wordsOf(node)
  return {
    above: sizes.head,
    below: 2,
    beside: sizes.margin,
    least: textWidth(name) + textWidth(about, sizes.small) + 2 * sizes.inset + 24,
  }
}
