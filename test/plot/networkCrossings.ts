/** How well a network is laid out: what overlaps, what goes up, and which edges cross. */
import type { NetworkLayout, PlacedNode } from '../../src/plot/networkLayout.ts'
import type { Point } from '../../src/plot/networkWires.ts'

/** What is wrong with a layout, each as words. */
export function flaws({ nodes, edges }: NetworkLayout): string[] {
  const found: string[] = []
  const byId = new Map(nodes.map(placed => [placed.node.id, placed]))
  const name = ({ node }: PlacedNode): string => `${node.path}#${node.id}`
  for (const parent of new Set(nodes.map(({ node }) => node.parent))) {
    const own = nodes.filter(({ node }) => node.parent === parent)
    const holder = parent === undefined ? undefined : byId.get(parent)!
    for (const [k, a] of own.entries()) {
      if (holder && !isInside(a, holder)) found.push(`${name(a)} leaves ${name(holder)}`)
      for (const b of own.slice(k + 1)) if (overlap(a, b)) found.push(`${name(a)} lies on ${name(b)}`)
    }
  }
  for (const { from, to, points } of edges) {
    const [source, target] = [byId.get(from)!, byId.get(to)!]
    const words = `${name(source)} → ${name(target)}`
    if (Math.abs(points[0]![1] - source.y - source.height) > 0.01) found.push(`${words} does not begin at its node`)
    if (Math.abs(points.at(-1)![1] - target.y) > 0.01) found.push(`${words} does not end at its node`)
    for (const [k, [, y]] of points.entries()) if (k > 0 && y < points[k - 1]![1] - 0.01) found.push(`${words} goes up`)
    const [top, bottom] = [points[0]![1], points.at(-1)![1]]
    for (const placed of nodes) {
      if (placed.isOpen || placed.y > bottom || placed.y + placed.height < top) continue
      if (placed !== source && placed !== target && runsThrough(points, placed)) {
        found.push(`${words} runs through ${name(placed)}`)
      }
    }
  }
  return found
}

type Rectangle = Pick<PlacedNode, 'x' | 'y' | 'width' | 'height'>

const overlap = (a: Rectangle, b: Rectangle): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

const isInside = (a: Rectangle, b: Rectangle): boolean =>
  a.x >= b.x && a.y >= b.y && a.x + a.width <= b.x + b.width && a.y + a.height <= b.y + b.height

/** Whether a line has a part within a rectangle, a unit inside of its frame. */
function runsThrough(points: readonly Point[], { x, y, width, height }: Rectangle): boolean {
  const [left, right, top, bottom] = [x + 1, x + width - 1, y + 1, y + height - 1]
  return points.slice(1).some((end, k) => {
    const begin = points[k]!
    let [first, last] = [0, 1]
    for (const [from, to, least, most] of [
      [begin[0], end[0], left, right],
      [begin[1], end[1], top, bottom],
    ] as const) {
      if (from === to) {
        if (from < least || from > most) return false
        continue
      }
      const [a, b] = [(least - from) / (to - from), (most - from) / (to - from)]
      first = Math.max(first, Math.min(a, b))
      last = Math.min(last, Math.max(a, b))
    }
    return first < last
  })
}

/** Pairs of edges that cross, counted once for each place; edges of one value that run together do not. */
export function crossings({ edges }: NetworkLayout): number {
  const segments = edges.flatMap(({ from, points }) =>
    points.slice(1).map((end, k) => ({ from, begin: points[k]!, end })),
  )
  segments.sort((a, b) => a.begin[1] - b.begin[1])
  const places = new Set<string>()
  for (const [k, a] of segments.entries()) {
    for (let j = k + 1; j < segments.length && segments[j]!.begin[1] < a.end[1]; j++) {
      const b = segments[j]!
      if (a.from !== b.from && cross(a.begin, a.end, b.begin, b.end)) {
        places.add(`${Math.min(a.from, b.from)} ${Math.max(a.from, b.from)} ${Math.round(a.begin[1])}`)
      }
    }
  }
  return places.size
}

/** Whether two lines cross between their ends. */
function cross(a: Point, b: Point, c: Point, d: Point): boolean {
  const side = (p: Point, q: Point, r: Point): number =>
    Math.sign(Math.round(1000 * ((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))) / 1000)
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0
}
