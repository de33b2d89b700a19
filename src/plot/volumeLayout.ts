/** Layout of the boxes in a drawing of volumes: their drawn sizes, lines, labels and the brackets of blocks. */
import { type Edge, type Level, type Span, type SpanLine, wireRoom, wiresOf } from './volumeArrows.ts'

/** A box before it is placed. */
export interface VolumeBox {
  readonly path: string
  /** Name within the block. */
  readonly name: string
  /** Block of layers, held together by a bracket. */
  readonly group: string | undefined
  /** Description of the layer, in words. */
  readonly kind: string
  /** `28×28×6` */
  readonly volume: string
  readonly size:
    | { readonly channels: number; readonly height: number; readonly width: number }
    | { readonly length: number }
    /** A small circle where values are added or multiplied. */
    | { readonly symbol: string }
  readonly hue: 'weights' | 'pool' | 'other'
  /** Lines of the pop-up title. */
  readonly details: readonly string[]
}

/** A box with its position. */
export interface PlacedBox {
  readonly box: VolumeBox
  /** Upper left corner of the front. */
  readonly x: number
  readonly y: number
  /** Width and height of the front. */
  readonly front: readonly [number, number]
  /** Offset of the back face to the right and upwards. */
  readonly depth: readonly [number, number]
  /** Horizontal center of the labels. */
  readonly center: number
  /** Baseline of the first label. */
  readonly labels: number
}

/** A bent line. */
export interface PlacedWire {
  readonly points: readonly (readonly [x: number, y: number])[]
  /** True when it ends in an arrow head. */
  readonly head: boolean
}

/** A bracket under the boxes of a block. */
export interface VolumeGroup {
  readonly name: string
  readonly left: number
  readonly right: number
  readonly top: number
}

/** A drawing whose parts are placed. */
export interface VolumeLayout {
  readonly boxes: readonly PlacedBox[]
  readonly groups: readonly VolumeGroup[]
  readonly wires: readonly PlacedWire[]
  /** Points at which wires branch or meet. */
  readonly dots: readonly (readonly [x: number, y: number])[]
  readonly width: number
  readonly height: number
}

/** Height of the longest upright edge, and width of the most channels, in SVG units. */
const [tallest, thickest] = [110, 60]
/** The most units that edges get per square root of their size, so that small networks do not look large. */
const largestScale = 3
const vectorWidth = 6
/** Oblique projection: shift to the right and up per unit of depth. */
const [obliqueRight, obliqueUp] = [0.38, 0.3]
const gap = 16
/** Diameter of the circle of an addition, and the distance between two tracks. */
const [circle, trackHeight] = [14, 7]
const labelHeight = 14
/** Approximate width of a label's character at 11 units. */
const characterWidth = 6.2
/** Ratio of the width of bold letters to regular ones. */
const bold = 1.2

/**
 * Places boxes in lines of at most `most` units; a block that fits in one line is not broken. `edges` says which box
 * reads which; with it there are also arrows.
 */
export function placeVolumes(boxes: readonly VolumeBox[], most: number, edges: readonly Edge[] = []): VolumeLayout {
  const shape = shaper(boxes)
  const runs = runsOf(boxes).map(run => cellsOf(run, shape))
  const room = edges.length > 0 ? wireRoom : { before: 0, behind: 0, between: gap }
  const lines = linesOf(runs, most - room.before - room.behind, room.between)
  const wiring = wiresOf(spansOf(lines, room), edges)
  const placed: PlacedBox[] = []
  const groups: VolumeGroup[] = []
  const wires: PlacedWire[] = []
  const dots: [number, number][] = []
  let top = 0
  let right = 0
  lines.forEach((line, index) => {
    const tall = Math.max(...line.map(({ front, depth }) => front[1] + depth[1]))
    const wired = wiring[index]
    if (wired.tracks > 0) top += 4 + wired.tracks * trackHeight
    const heightOf = heights(top + 2 + tall / 2, top - 4)
    for (const { points, head } of wired.wires) wires.push({ points: points.map(([x, at]) => [x, heightOf(at)]), head })
    for (const [x, at] of wired.dots) dots.push([x, heightOf(at)])
    const labels = top + 2 + tall + 18
    let left = room.before
    line.forEach((cell, i) => {
      const { front, depth, width, box } = cell
      const x = left + (width - front[0] - depth[0]) / 2
      const y = top + 2 + (tall - front[1] - depth[1]) / 2 + depth[1]
      placed.push({ box, x, y, front, depth, center: left + width / 2, labels })
      const last = groups.at(-1)
      if (cell.bracket !== undefined && i > 0 && line[i - 1].run === cell.run && last) {
        groups[groups.length - 1] = { ...last, right: left + width }
      } else if (cell.bracket !== undefined) {
        groups.push({ name: cell.bracket, left, right: left + width, top: labels + 2 * labelHeight + 7 })
      }
      left += width + room.between
    })
    right = Math.max(right, left - room.between + room.behind)
    const hasBrackets = line.some(({ bracket }) => bracket !== undefined)
    top = labels + 2 * labelHeight + (hasBrackets ? 30 : 10) + 22
  })
  return { boxes: placed, groups, wires, dots, width: Math.ceil(Math.max(right, 240)), height: Math.ceil(top - 22) }
}

/** Heights of the levels of wires: the middle of the boxes, the top of junctions, and tracks from `tracks` upward. */
function heights(middle: number, tracks: number): (level: Level) => number {
  return level => {
    if (level === 'middle') return middle
    return level === 'junction' ? middle - circle / 2 : tracks - level * trackHeight
  }
}

/** The extents of the boxes of each line. */
function spansOf(lines: readonly (readonly Cell[])[], room: { before: number; between: number }): SpanLine[] {
  let first = 0
  return lines.map(line => {
    let left = room.before
    const spans = line.map(({ front, depth, width, box }): Span => {
      const own = front[0] + depth[0]
      const start = left + (width - own) / 2
      left += width + room.between
      return { left: start, right: start + own, junction: 'symbol' in box.size }
    })
    first += line.length
    return { first: first - line.length, spans, left: 0, right: left - room.between + wireRoom.behind }
  })
}

interface Cell {
  readonly box: VolumeBox
  readonly front: readonly [number, number]
  readonly depth: readonly [number, number]
  readonly width: number
  /** Name of the block, if it holds more than this box. */
  readonly bracket: string | undefined
  /** The neighboring boxes of the block. */
  readonly run: readonly VolumeBox[]
}

type Shape = (box: VolumeBox) => Pick<Cell, 'front' | 'depth'>

/** Edges grow with the square root of their size; the largest in the drawing sets the scale. */
function shaper(boxes: readonly VolumeBox[]): Shape {
  const largest = { side: 1, channels: 1, length: 1 }
  for (const { size } of boxes) {
    if ('symbol' in size) continue
    if ('length' in size) largest.length = Math.max(largest.length, size.length)
    else {
      largest.side = Math.max(largest.side, size.height, size.width)
      largest.channels = Math.max(largest.channels, size.channels)
    }
  }
  const side = (pixels: number): number => tallest * Math.sqrt(pixels / largest.side)
  const scaled = (count: number, most: number, room: number): number =>
    Math.min(largestScale, room / Math.sqrt(most)) * Math.sqrt(count)
  return ({ size }) => {
    if ('symbol' in size) return { front: [circle, circle], depth: [0, 0] }
    if ('length' in size) {
      return { front: [vectorWidth, scaled(size.length, largest.length, tallest)], depth: [4, 3] }
    }
    const back = side(size.width)
    return {
      front: [Math.max(2, scaled(size.channels, largest.channels, thickest)), side(size.height)],
      depth: [obliqueRight * back, obliqueUp * back],
    }
  }
}

/** Boxes in runs: neighbors of the same block. */
function runsOf(boxes: readonly VolumeBox[]): VolumeBox[][] {
  const runs: VolumeBox[][] = []
  for (const box of boxes) {
    const last = runs.at(-1)
    if (last && box.group !== undefined && last[0].group === box.group) last.push(box)
    else runs.push([box])
  }
  return runs
}

function cellsOf(run: readonly VolumeBox[], shape: Shape): Cell[] {
  const bracket = run.length > 1 ? run[0].group : undefined
  return run.map(box => {
    // A layer that is alone in its block shows its whole path.
    const shown = bracket === undefined ? { ...box, name: box.path } : box
    const { front, depth } = shape(box)
    const isLabeled = !('symbol' in box.size)
    const letters = isLabeled ? Math.max(shown.name.length, shown.kind.length, shown.volume.length * bold) : 0
    const own = Math.max(front[0] + depth[0], letters * characterWidth)
    const share = ((bracket?.length ?? 0) * characterWidth * bold) / run.length
    return { box: shown, front, depth, width: Math.max(own, share), bracket, run }
  })
}

/** Breaks a row of runs into lines; a run wider than a line is broken between its boxes. */
function linesOf(runs: readonly (readonly Cell[])[], most: number, gap: number): Cell[][] {
  const lines: Cell[][] = [[]]
  let used = 0
  const breakLine = (): void => {
    lines.push([])
    used = 0
  }
  for (const run of runs) {
    const whole = run.reduce((sum, cell) => sum + cell.width + gap, -gap)
    if (used > 0 && used + gap + whole > most && whole <= most) breakLine()
    for (const cell of run) {
      const needed = cell.width + (used > 0 ? gap : 0)
      if (used > 0 && used + needed > most) breakLine()
      used += cell.width + (used > 0 ? gap : 0)
      lines[lines.length - 1].push(cell)
    }
  }
  return lines
}
