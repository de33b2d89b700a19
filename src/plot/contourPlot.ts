/**
 * A function of two numbers on a grid: colors, lines of equal height (marching squares), and optionally a path through
 * the plane. Made for loss landscapes, whose levels are evenly spaced on a logarithmic scale.
 */
import { scaleLinear } from 'd3-scale'
import { formatSignificant } from '../text/format.ts'
import { diverging, light } from './colors.ts'
import { coordinate, html, type Markup } from './markup.ts'
import { axisTicks, bottomTick, leftTick } from './ticks.ts'

/** What a contour plot shows. */
export interface ContourPlot {
  readonly title: string
  /** Coordinates of the columns and of the rows, ascending. */
  readonly x: readonly number[]
  readonly y: readonly number[]
  /** Row by row, `[y.length, x.length]`; numbers that are not finite are gray. */
  readonly values: ArrayLike<number>
  readonly xLabel?: string
  readonly yLabel?: string
  /** Whether levels are evenly spaced in the values or in their logarithms; by default `'log'` if all are above 0. */
  readonly scale?: 'linear' | 'log'
  /** Number of lines of equal height, 10 by default. */
  readonly levels?: number
  /** Points to connect, checkpoints of a training run for example; parts outside the plot are cut off. */
  readonly path?: readonly (readonly [x: number, y: number])[]
}

const [side, left, top] = [340, 56, 34] as const

/**
 * Draws the plot; blue is high.
 * @returns an `<svg>` element as text
 * @throws RangeError for fewer than two columns or rows, a wrong number of values, or no finite value.
 * @example contourPlot({ title: 'Loss', ...landscape, values: landscape.losses })
 */
export function contourPlot(plot: ContourPlot): string {
  const { title, x, y, values, xLabel = 'α', yLabel = 'β', levels = 10, path = [] } = plot
  if (x.length < 2 || y.length < 2) throw new RangeError(`contourPlot: a grid of ${x.length} × ${y.length} has no area`)
  if (values.length !== x.length * y.length) {
    throw new RangeError(`contourPlot: ${values.length} values for a grid of ${x.length} × ${y.length}`)
  }
  const finite = Array.from(values).filter(Number.isFinite)
  if (finite.length === 0) throw new RangeError('contourPlot: no value is finite')
  const [low, high] = [Math.min, Math.max].map(f => finite.reduce((a, b) => f(a, b))) as [number, number]
  const isLog = (plot.scale ?? (low > 0 ? 'log' : 'linear')) === 'log'
  const height = (value: number): number => (isLog ? Math.log(value) : value)
  const share = (value: number): number => {
    if (!Number.isFinite(value)) return Number.NaN
    return high > low ? (height(value) - height(low)) / (height(high) - height(low)) : 0
  }
  const across = scaleLinear()
    .domain([x[0]!, x.at(-1)!])
    .range([0, side])
  const up = scaleLinear()
    .domain([y[0]!, y.at(-1)!])
    .range([side, 0])
  const grid: Grid = { x: x.map(across), y: y.map(up), columns: x.length, shares: Array.from(values, share) }
  const number = (value: number): string => formatSignificant(value)
  return html`<svg class="fovea-plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + side + 14} ${top + side + 46}" role="img"
 font-family="system-ui, sans-serif" font-size="12.5" fill="currentColor" style="font-variant-numeric: tabular-nums">
<title>${title}</title><desc>${title}, from ${number(low)} to ${number(high)}</desc>
<text x="${left}" y="16.5">${title}: ${number(low)} to ${number(high)}${isLog && ', log scale'}</text>
<g transform="translate(${left} ${top})">
${cells(grid)}
${Array.from({ length: levels }, (_, k) => contour(grid, (k + 0.5) / levels))}
${way(path, across, up, [x[0]!, x.at(-1)!], [y[0]!, y.at(-1)!])}
${axisTicks(up, String).map(({ value, name }) => leftTick(coordinate(up(value)), 0, name))}
${axisTicks(across, String).map(({ value, name }) => bottomTick(coordinate(across(value)), side, name))}
<text x="${side}" y="${side + 38}" text-anchor="end" fill-opacity="0.65">${xLabel} to the right, ${yLabel} upwards</text>
</g></svg>`.markup
}

interface Grid {
  /** Positions of columns and rows in the drawing. */
  readonly x: readonly number[]
  readonly y: readonly number[]
  readonly columns: number
  /** Heights scaled to 0 … 1. */
  readonly shares: readonly number[]
}

/** A rectangle around each point of the grid, reaching halfway to its neighbors. */
function cells({ x, y, columns, shares }: Grid): Markup[] {
  const edges = (places: readonly number[]): number[] => [
    places[0]!,
    ...places.slice(1).map((place, k) => (place + places[k]!) / 2),
    places.at(-1)!,
  ]
  const [vertical, horizontal] = [edges(x), edges(y)]
  return shares.map((share, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    const [from, to] = [vertical[column]!, vertical[column + 1]!]
    const [bottom, above] = [horizontal[row]!, horizontal[row + 1]!]
    // Slightly wider than the cell, or the background would show between neighbors.
    return html`<rect x="${coordinate(from)}" y="${coordinate(above)}" width="${coordinate(to - from + 0.3)}" height="${coordinate(bottom - above + 0.3)}" fill="rgb(${diverging(share * 0.8).join(',')})"/>`
  })
}

/** The line where the heights cross a level, square by square. */
function contour(grid: Grid, level: number): Markup {
  let path = ''
  for (let row = 0; row + 1 < grid.y.length; row++) {
    for (let column = 0; column + 1 < grid.columns; column++) {
      const ends = crossings(grid, row, column, level)
      for (let k = 0; k + 1 < ends.length; k += 2) path += `M${ends[k]}L${ends[k + 1]}`
    }
  }
  return html`<path d="${path}" fill="none" stroke="currentColor" stroke-opacity="0.55" stroke-width="0.8"/>`
}

/** Where a level crosses the four edges of a square, in the order of the edges; a saddle has four crossings. */
function crossings({ x, y, columns, shares }: Grid, row: number, column: number, level: number): string[] {
  const corners = [
    [row, column],
    [row, column + 1],
    [row + 1, column + 1],
    [row + 1, column],
  ] as const
  const heights = corners.map(([r, c]) => shares[r * columns + c]!)
  if (!heights.every(Number.isFinite)) return []
  return corners.flatMap(([r, c], k) => {
    const [a, b] = [heights[k]!, heights[(k + 1) % 4]!]
    if (a < level === b < level) return []
    const [nextRow, nextColumn] = corners[(k + 1) % 4]!
    const part = (level - a) / (b - a)
    return [
      `${coordinate(x[c]! + part * (x[nextColumn]! - x[c]!))} ${coordinate(y[r]! + part * (y[nextRow]! - y[r]!))}`,
    ]
  })
}

function way(
  path: NonNullable<ContourPlot['path']>,
  across: (x: number) => number,
  up: (y: number) => number,
  [left_, right]: readonly [number, number],
  [bottom, above]: readonly [number, number],
): Markup | false {
  const inside = path.filter(([x, y]) => x >= left_ && x <= right && y >= bottom && y <= above)
  if (inside.length === 0) return false
  const places = inside.map(([x, y]) => `${coordinate(across(x))} ${coordinate(up(y))}`)
  const dots = inside.map(
    ([x, y]) =>
      html`<circle cx="${coordinate(across(x))}" cy="${coordinate(up(y))}" r="3" class="fovea-orange" fill="${light.orange}"/>`,
  )
  return html`<path d="M${places.join('L')}" fill="none" class="fovea-orange-line" stroke="${light.orange}" stroke-width="1.5"/>${dots}`
}
