/** Where the boxes of a drawing of volumes stand: their sizes on paper, lines, labels and the brackets of blocks. */

/** A box before it has a place. */
export interface VolumeBox {
  readonly path: string
  /** Name within the block. */
  readonly name: string
  /** Block of layers, held together by a bracket. */
  readonly group: string | undefined
  /** What the layer is, in words. */
  readonly kind: string
  /** `28×28×6` */
  readonly volume: string
  readonly size:
    | { readonly channels: number; readonly height: number; readonly width: number }
    | { readonly length: number }
  readonly hue: 'weights' | 'pool' | 'other'
  /** Lines of the pop-up title. */
  readonly details: readonly string[]
}

/** A box with its place. */
export interface PlacedBox {
  readonly box: VolumeBox
  /** Upper left corner of the front. */
  readonly x: number
  readonly y: number
  /** Width and height of the front. */
  readonly front: readonly [number, number]
  /** Where the back is: so far to the right, so far up. */
  readonly depth: readonly [number, number]
  /** Middle of the labels. */
  readonly center: number
  /** Baseline of the first label. */
  readonly labels: number
}

/** A bracket under the boxes of a block. */
export interface VolumeGroup {
  readonly name: string
  readonly left: number
  readonly right: number
  readonly top: number
}

/** A drawing, placed. */
export interface VolumeLayout {
  readonly boxes: readonly PlacedBox[]
  readonly groups: readonly VolumeGroup[]
  readonly width: number
  readonly height: number
}

/** Longest edge upright, and widest channels, in SVG units. */
const [tallest, thickest] = [110, 60]
/** Channels and vectors are drawn at most so wide for the root of their number, or small networks would look large. */
const largestScale = 3
const vectorWidth = 6
/** Oblique projection: one unit of depth goes so far to the right and up. */
const [obliqueRight, obliqueUp] = [0.38, 0.3]
const gap = 16
const labelHeight = 14
/** A character of a label at 11 units is about so wide. */
const characterWidth = 6.2
/** Bold ones are so many times wider. */
const bold = 1.2

/** Places boxes in lines of at most `most` units; a block that fits in one line is not broken. */
export function placeVolumes(boxes: readonly VolumeBox[], most: number): VolumeLayout {
  const shape = shaper(boxes)
  const runs = runsOf(boxes).map(run => cellsOf(run, shape))
  const lines = linesOf(runs, most)
  const placed: PlacedBox[] = []
  const groups: VolumeGroup[] = []
  let top = 0
  let right = 0
  for (const line of lines) {
    const tall = Math.max(...line.map(({ front, depth }) => front[1] + depth[1]))
    const labels = top + 2 + tall + 18
    let left = 0
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
      left += width + gap
    })
    right = Math.max(right, left - gap)
    const hasBrackets = line.some(({ bracket }) => bracket !== undefined)
    top = labels + 2 * labelHeight + (hasBrackets ? 30 : 10) + 22
  }
  return { boxes: placed, groups, width: Math.ceil(Math.max(right, 240)), height: Math.ceil(top - 22) }
}

interface Cell {
  readonly box: VolumeBox
  readonly front: readonly [number, number]
  readonly depth: readonly [number, number]
  readonly width: number
  /** Name of the block, when it holds more than this box. */
  readonly bracket: string | undefined
  /** The boxes of the block that stand together. */
  readonly run: readonly VolumeBox[]
}

type Shape = (box: VolumeBox) => Pick<Cell, 'front' | 'depth'>

/** Edges grow with the square root of their size; the largest of the drawing decides the scale. */
function shaper(boxes: readonly VolumeBox[]): Shape {
  const largest = { side: 1, channels: 1, length: 1 }
  for (const { size } of boxes) {
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

/** Neighbors of the same block. */
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
    // Alone, a layer of a block carries its whole path.
    const shown = bracket === undefined ? { ...box, name: box.path } : box
    const { front, depth } = shape(box)
    const letters = Math.max(shown.name.length, shown.kind.length, shown.volume.length * bold)
    const own = Math.max(front[0] + depth[0], letters * characterWidth)
    const share = ((bracket?.length ?? 0) * characterWidth * bold) / run.length
    return { box: shown, front, depth, width: Math.max(own, share), bracket, run }
  })
}

/** Breaks a row of runs into lines; a run wider than a line is broken between its boxes. */
function linesOf(runs: readonly (readonly Cell[])[], most: number): Cell[][] {
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
