/**
 * The parts of one box of a network laid out from top to bottom, by dagre: ranks by Gansner et al. 1993, order by the barycenter method
 * of Sugiyama, Tagawa and Toda 1981, positions by Brandes and Köpf 2002. Edges are then led so that they are upright beside nodes and
 * oblique only between ranks, where they cannot touch any.
 */
import { Graph, layout } from '@dagrejs/dagre'
import { sizes } from './networkNode.ts'
import type { Box, Point } from './networkWires.ts'

/** What stands in a box: a node, or a port at its upper or lower edge. */
export interface Part {
  readonly kind: 'node' | 'in' | 'out'
  readonly width: number
  readonly height: number
}

/** An edge between two parts, by position, and where it leaves and arrives, from the left of each. */
export interface Link {
  readonly from: number
  readonly to: number
  readonly leaves: number
  readonly arrives: number
}

/** A box that is laid out, its upper left corner at (0, 0). */
export interface BoxLayout {
  readonly width: number
  readonly height: number
  readonly parts: readonly Box[]
  /** The way of each link. */
  readonly ways: readonly (readonly Point[])[]
}

/** Space around the parts: above them, below them, at both sides; and the least width of the box. */
export interface Frame {
  readonly above: number
  readonly below: number
  readonly beside: number
  readonly least: number
}

/** Names of nodes that hold ports on their rank. */
const [upper, lower] = ['upper', 'lower']

/** Lays parts out. */
export function layOutBox(parts: readonly Part[], links: readonly Link[], frame: Frame): BoxLayout {
  const graph = new Graph({ multigraph: true })
  graph.setGraph({ rankdir: 'TB', nodesep: sizes.beside, edgesep: sizes.beside / 2, ranksep: sizes.below })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const [k, { width, height }] of parts.entries()) graph.setNode(String(k), { width, height })
  for (const [k, { from, to }] of links.entries()) graph.setEdge(String(from), String(to), {}, String(k))
  holdPorts(graph, parts)
  layout(graph)
  const placed = parts.map(({ width, height }, k): Box => {
    const { x, y } = graph.node(String(k)) as { x: number; y: number }
    return { x: x - width / 2, y: y - height / 2, width, height }
  })
  const ranks = ranksOf(placed)
  const ways = links.map((link, k) => {
    const { points } = graph.edge(String(link.from), String(link.to), String(k)) as {
      points: { x: number; y: number }[]
    }
    return wayOf(link, points, placed, ranks)
  })
  return framed({ parts: placed, ways }, parts, frame)
}

/** Ports of one edge of the box stand on one rank, which a node above or below all of them pulls them to. */
function holdPorts(graph: Graph, parts: readonly Part[]): void {
  for (const [kind, holder] of [
    ['in', upper],
    ['out', lower],
  ] as const) {
    const ports = [...parts.keys()].filter(k => parts[k]!.kind === kind)
    if (ports.length < 2) continue
    graph.setNode(holder, { width: 0, height: 0 })
    for (const port of ports) {
      const [from, to] = kind === 'in' ? [holder, String(port)] : [String(port), holder]
      graph.setEdge(from, to, { weight: 1000 }, `${holder}${port}`)
    }
  }
}

/** Upper and lower end of the tallest part around a height. */
type Ranks = readonly { readonly middle: number; readonly top: number; readonly bottom: number }[]

const middleOf = ({ y, height }: Box): number => y + height / 2

/** The ranks, which dagre centers. */
function ranksOf(parts: readonly Box[]): Ranks {
  const ranks: { middle: number; top: number; bottom: number }[] = []
  for (const part of parts) {
    const middle = middleOf(part)
    const known = ranks.find(rank => Math.abs(rank.middle - middle) < 0.5)
    if (!known) ranks.push({ middle, top: part.y, bottom: part.y + part.height })
    else {
      known.top = Math.min(known.top, part.y)
      known.bottom = Math.max(known.bottom, part.y + part.height)
    }
  }
  return ranks
}

const rankAt = (ranks: Ranks, height: number): Ranks[number] | undefined =>
  ranks.find(({ middle }) => Math.abs(middle - height) < 0.5)

/** Upright through every rank, oblique between two. */
function wayOf(
  { from, to, leaves, arrives }: Link,
  points: readonly { x: number; y: number }[],
  parts: readonly Box[],
  ranks: Ranks,
): Point[] {
  const [source, target] = [parts[from]!, parts[to]!]
  const [begin, end] = [source.x + leaves, target.x + arrives]
  const passed = points.slice(1, -1).flatMap(({ x, y }): Point[] => {
    const rank = rankAt(ranks, y)
    return rank
      ? [
          [x, rank.top],
          [x, rank.bottom],
        ]
      : []
  })
  return [
    [begin, source.y + source.height],
    [begin, rankAt(ranks, middleOf(source))!.bottom],
    ...passed,
    [end, rankAt(ranks, middleOf(target))!.top],
    [end, target.y],
  ]
}

/** The frame around what was placed; ports are moved to its edges. */
function framed(
  { parts, ways }: Pick<BoxLayout, 'parts' | 'ways'>,
  given: readonly Part[],
  { above, below, beside, least }: Frame,
): BoxLayout {
  const left = Math.min(...parts.map(({ x }) => x), ...ways.flat().map(([x]) => x))
  const right = Math.max(...parts.map(({ x, width }) => x + width), ...ways.flat().map(([x]) => x))
  const top = Math.min(...parts.map(({ y }) => y))
  const bottom = Math.max(...parts.map(({ y, height }) => y + height))
  // The port at the upper edge stands in the middle, so that boxes that follow each other are joined by straight lines.
  const ports = parts.filter((_, k) => given[k]!.kind === 'in')
  const middle = ports.length === 1 ? ports[0]!.x : (left + right) / 2
  const width = Math.max(least, 2 * Math.max(middle - left, right - middle) + 2 * beside)
  const [dx, dy] = [width / 2 - middle, above - top]
  const height = bottom + dy + below
  const move = ([x, y]: Point): Point => [x + dx, y + dy]
  return {
    width,
    height,
    parts: parts.map((part, k) => {
      const { kind } = given[k]!
      const y = kind === 'in' ? 0 : kind === 'out' ? height : part.y + dy
      return { ...part, x: part.x + dx, y }
    }),
    ways: ways.map(way => way.map(move)),
  }
}
