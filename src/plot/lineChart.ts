/**
 * A line chart as SVG text: axes, grid, lines, marks, and read-outs that appear under the pointer without any script.
 * Scales and ticks come from d3-scale. Colors and themes: see `colors.ts`; the read-outs need `plotCss` from
 * `theme.ts`.
 */
import { scaleLinear, scaleLog } from 'd3-scale'
import { dot, type Frame, innerOf, type LineChart, legend, plotArea, tenth } from './chartDrawing.ts'
import { html, type Markup } from './markup.ts'
import { axisTicks } from './ticks.ts'

/**
 * Draws the chart.
 *
 * @returns an `<svg>` element as text.
 * @throws RangeError when a logarithmic axis reaches zero or below.
 */
export function lineChart(chart: LineChart): string {
  const { width = 520, height = 300 } = chart
  const [low, high] = chart.yDomain
  if (chart.yScale === 'log' && !(low > 0)) {
    throw new RangeError(`${chart.title}: a logarithmic axis must begin above 0, got ${low}`)
  }
  const inner = innerOf(chart)
  const x = scaleLinear().domain(chart.xDomain).range([0, inner.width])
  const y = (chart.yScale === 'log' ? scaleLog() : scaleLinear()).domain([low, high]).range([inner.height, 0])
  const frame: Frame = {
    x,
    y,
    xTicks: axisTicks(x, chart.formatX, { count: 6, whole: chart.xWhole ?? false }),
    yTicks: axisTicks(y, chart.formatY),
    inner,
    floor: chart.yScale === 'log' ? low / 10 : Number.NEGATIVE_INFINITY,
  }
  return html`<svg class="fovea-plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img"
 font-family="system-ui, sans-serif" font-size="12.5" fill="currentColor" style="font-variant-numeric: tabular-nums">
<title>${chart.title}</title><desc>${chart.description}</desc>
${legend(chart.lines, inner.left)}
<g transform="translate(${inner.left} ${inner.top})">
${plotArea(chart, frame)}
${readouts(chart, frame)}
</g></svg>`.markup
}

/** One transparent column for each read-out, reaching halfway to its neighbors. */
function readouts({ readouts: list = [], yDomain: [low, high] }: LineChart, frame: Frame): Markup[] {
  const { inner } = frame
  const centers = list.map(({ x }) => frame.x(x))
  return list.map((readout, i) => {
    const at = centers[i]!
    const left = i === 0 ? 0 : (centers[i - 1]! + at) / 2
    const right = i === list.length - 1 ? inner.width : (at + centers[i + 1]!) / 2
    const dots = readout.dots
      .filter(({ y }) => Number.isFinite(y) && y >= low && y <= high)
      .map(({ y, hue }) => dot(frame, readout.x, y, hue))
    return html`<g class="fovea-readout" opacity="0"><rect x="${tenth(left)}" width="${tenth(right - left)}" height="${inner.height}" fill="none" pointer-events="all"/><path d="M${tenth(at)} 0V${inner.height}" stroke="currentColor"/>${dots}<text y="${inner.height + 38}">${readout.text}</text></g>`
  })
}
