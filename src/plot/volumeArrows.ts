/**
 * The lines with arrow heads between the boxes in a drawing of volumes. Neighbors are joined at half height. A value
 * that is read farther on branches off there, runs along a track above the boxes and comes down before its reader;
 * values that meet in one box share a track. A track that does not end on its line of boxes continues at the left of
 * the next line.
 */

/** The space that a box takes on its line. */
export interface Span {
  /** Positions at which lines arrive and leave. */
  readonly left: number
  readonly right: number
  /** True for a small circle, which is also reached from above. */
  readonly junction: boolean
}

/** A line of boxes, starting with box number `first`, and where the line begins and ends in the drawing. */
export interface SpanLine {
  readonly first: number
  readonly spans: readonly Span[]
  readonly left: number
  readonly right: number
}

/** A pair of boxes, by number: box `to` reads box `from`. */
export interface Edge {
  readonly from: number
  readonly to: number
}

/** Height of a point: half the height of the boxes, the top of a junction there, or a track; track 0 is the lowest. */
export type Level = 'middle' | 'junction' | number

/** A bent line, with an arrow head at its end unless it continues elsewhere. */
export interface Wire {
  readonly points: readonly (readonly [x: number, level: Level])[]
  readonly head: boolean
}

/** Drawing of one line of boxes. */
export interface WiredLine {
  readonly tracks: number
  readonly wires: readonly Wire[]
  /** Points at which lines branch or meet. */
  readonly dots: readonly (readonly [x: number, level: Level])[]
}

/** Space that lines need: before the first box, after the last box, and between two boxes. */
export const wireRoom = { before: 18, behind: 14, between: 22 } as const

/** How far behind its source box a line rises, and how far before its target box it comes down. */
const [risesBehind, fallsBefore] = [5, 11]

/** One value with several readers, or several values that meet in one box. */
interface Net {
  readonly sources: readonly number[]
  readonly targets: readonly number[]
}

/** One net on one line of boxes. */
interface Part {
  /** The boxes where the net rises, and the boxes where it comes down. */
  readonly sources: readonly number[]
  readonly targets: readonly number[]
  /** How the net arrives from the previous line: on its track, or along the arrow to the first box. */
  readonly begins: 'track' | 'arrow' | undefined
  /** True if the net continues on the next line. */
  readonly goesOn: boolean
}

/** The lines to every reader, for each line of boxes. */
export function wiresOf(lines: readonly SpanLine[], edges: readonly Edge[]): WiredLine[] {
  const direct = edges.filter(({ from, to }) => to === from + 1)
  const nets = netsOf(edges.filter(({ from, to }) => to !== from + 1))
  return lines.map((line, index) => {
    const last = line.first + line.spans.length - 1
    const previous = lines[index - 1]
    const parts = nets.flatMap(net => partOf(net, line, previous) ?? [])
    return drawLine(line, {
      parts,
      direct: direct.filter(({ from }) => from >= line.first && from < last).map(({ to }) => to),
      arrives: direct.some(({ to }) => to === line.first) && index > 0,
      // A line that meets others on a track leaves on the same track.
      leaves:
        direct.some(({ from }) => from === last) ||
        nets.some(({ sources }) => sources.length === 1 && sources[0] === last),
    })
  })
}

function netsOf(edges: readonly Edge[]): Net[] {
  const readers = new Map<number, number[]>()
  const single = new Map<number, number[]>()
  for (const { from, to } of edges) readers.set(from, [...(readers.get(from) ?? []), to])
  const nets: Net[] = []
  for (const [from, targets] of readers) {
    if (targets.length > 1) nets.push({ sources: [from], targets })
    else single.set(targets[0], [...(single.get(targets[0]) ?? []), from])
  }
  for (const [to, sources] of single) nets.push({ sources, targets: [to] })
  return nets
}

/**
 * The part of a net on one line of boxes; `undefined` if it is elsewhere or leaves along the arrow at the line's end.
 */
function partOf({ sources, targets }: Net, line: SpanLine, previous: SpanLine | undefined): Part | undefined {
  const last = line.first + line.spans.length - 1
  const here = (box: number): boolean => box >= line.first && box <= last
  const ahead = targets.some(to => to > last)
  // A value made by the line's last box leaves the line along its arrow.
  const [only] = sources
  if (sources.length === 1 && only === last) return undefined
  const before = sources.some(from => from < line.first) && targets.some(to => to >= line.first)
  const rising = sources.filter(here)
  if (!before && rising.length === 0) return undefined
  const byArrow = sources.length === 1 && only === line.first - 1 && previous !== undefined
  return {
    sources: rising,
    targets: targets.filter(here),
    begins: before ? (byArrow ? 'arrow' : 'track') : undefined,
    goesOn: ahead,
  }
}

interface LineContent {
  readonly parts: readonly Part[]
  /** Boxes that read the previous box on the line. */
  readonly direct: readonly number[]
  /** True if the first box reads the last box of the previous line. */
  readonly arrives: boolean
  /** True if a later line reads the last box. */
  readonly leaves: boolean
}

function drawLine(line: SpanLine, { parts, direct, arrives, leaves }: LineContent): WiredLine {
  const span = (box: number): Span => line.spans[box - line.first]
  const wires: Wire[] = []
  const dots: [number, Level][] = []
  const draw = (head: boolean, ...points: Wire['points']): void => {
    wires.push({ points, head })
  }
  for (const to of direct) draw(true, [span(to - 1).right, 'middle'], [span(to).left, 'middle'])
  const entry = line.left + 6
  const [first] = line.spans
  if (arrives) draw(true, [line.left, 'middle'], [first.left, 'middle'])
  else if (parts.some(({ begins }) => begins === 'arrow')) draw(false, [line.left, 'middle'], [entry, 'middle'])
  if (leaves) draw(true, [line.spans[line.spans.length - 1].right, 'middle'], [line.right, 'middle'])

  /** Positions at which a part touches its track, from left to right. */
  const touches = ({ begins, sources, targets, goesOn }: Part): number[] =>
    [
      ...(begins ? [begins === 'track' ? line.left : entry] : []),
      ...sources.map(box => span(box).right + risesBehind),
      ...targets.map(box => landing(span(box))),
      ...(goesOn ? [line.right] : []),
    ].sort((a, b) => a - b)
  const touched = parts.map(touches)
  const tracks = tracksFor(touched)
  parts.forEach(({ begins, sources, targets, goesOn }, index) => {
    const track = tracks[index]
    const places = touched[index]
    draw(goesOn, [places[0], track], [places[places.length - 1], track])
    for (const x of places.slice(1, -1)) dots.push([x, track])
    if (begins === 'arrow') {
      draw(false, [entry, 'middle'], [entry, track])
      if (arrives) dots.push([entry, 'middle'])
    }
    for (const box of sources) {
      const { right } = span(box)
      const x = right + risesBehind
      draw(false, [right, 'middle'], [x, 'middle'], [x, track])
      if (direct.includes(box + 1)) dots.push([x, 'middle'])
    }
    for (const box of targets) {
      const { left, junction } = span(box)
      const x = landing(span(box))
      if (junction) draw(true, [x, track], [x, 'junction'])
      else draw(true, [x, track], [x, 'middle'], [left, 'middle'])
      const isRead = direct.includes(box) || (arrives && box === line.first)
      if (!junction && isRead) dots.push([x, 'middle'])
    }
  })
  return { tracks: Math.max(0, ...tracks.map(track => track + 1)), wires, dots }
}

/** Position at which a line comes down to a box. */
const landing = ({ left, right, junction }: Span): number => (junction ? (left + right) / 2 : left - fallsBefore)

/** A track for each set of touched positions: the shortest are lowest, and none overlap on the same track. */
function tracksFor(touched: readonly (readonly number[])[]): number[] {
  const reach = touched.map(places => [places[0], places[places.length - 1]] as const)
  const tracks = new Array<number>(touched.length).fill(0)
  const taken: (readonly [number, number])[][] = []
  const byLength = reach.map((_, index) => index).sort((a, b) => lengthOf(reach[a]) - lengthOf(reach[b]))
  for (const index of byLength) {
    const [from, to] = reach[index]
    let track = 0
    while (taken[track]?.some(([left, right]) => from <= right && left <= to)) track++
    taken[track] = [...(taken[track] ?? []), [from, to]]
    tracks[index] = track
  }
  return tracks
}

const lengthOf = ([from, to]: readonly [number, number]): number => to - from
