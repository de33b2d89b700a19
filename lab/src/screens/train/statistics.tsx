/** Small drawings under a column: how values are spread, and how far a step moves the weights. */
import { type ReadonlySignal, useComputed } from '@preact/signals'
import { digits } from '../../draw/format.ts'
import type { LayerStatistics } from '../../worker/protocol.ts'

const [width, height] = [112, 52]

/** Values before ReLU: orange is cut away, blue passes. */
export function Histogram({
  statistics,
  label,
}: {
  readonly statistics: ReadonlySignal<LayerStatistics | undefined>
  readonly label: string
}) {
  const histogram = useComputed(() => statistics.value?.histogram ?? [])
  const below = useComputed(() => barsOf(histogram.value, 0))
  const above = useComputed(() => barsOf(histogram.value, 1))
  const most = useComputed(() => digits(statistics.value?.range ?? 0))
  const least = useComputed(() => `−${most.value}`)
  return (
    <svg width={width} height={height + 14} viewBox={`0 0 ${width} ${height + 14}`} role="img" aria-label={label}>
      <path class="below" d={below} />
      <path class="above" d={above} />
      <path class="rule" d={`M0 ${height + 0.5}H${width}`} />
      <path class="zero" d={`M${width / 2} 0V${height}`} />
      <text x="0" y={height + 12}>
        {least}
      </text>
      <text x={width / 2} y={height + 12} text-anchor="middle">
        0
      </text>
      <text x={width} y={height + 12} text-anchor="end">
        {most}
      </text>
    </svg>
  )
}

/** The bars of a histogram's lower or upper half, as one path. */
function barsOf(histogram: ArrayLike<number>, side: 0 | 1): string {
  const bar = width / histogram.length
  const first = (side * histogram.length) / 2
  return Array.from({ length: histogram.length / 2 }, (_, k) => {
    const high = histogram[first + k]! * (height - 4)
    return `M${((first + k) * bar).toFixed(1)} ${height}v${(-high).toFixed(1)}h${(bar - 0.6).toFixed(1)}v${high.toFixed(1)}z`
  }).join('')
}

/** A healthy step moves the weights by about a thousandth (CS231n's rule of thumb), give or take a factor of three. */
export const healthy = { least: 3e-4, most: 3e-3 } as const

/** From 10⁻⁵ to 10⁻¹. */
const xOf = (ratio: number): number => ((Math.min(-1, Math.max(-5, Math.log10(ratio))) + 5) / 4) * width

/** The ratio on a logarithmic line, with the healthy band. */
export function RatioBand({ ratio }: { readonly ratio: ReadonlySignal<number> }) {
  // A ratio of zero is far to the left of the line.
  const place = useComputed(() => (ratio.value > 0 ? xOf(ratio.value).toFixed(1) : '-99'))
  return (
    <svg width={width} height="14" viewBox={`0 0 ${width} 14`} aria-hidden="true">
      <rect class="healthy" x={xOf(healthy.least)} y="3" width={xOf(healthy.most) - xOf(healthy.least)} height="8" />
      <path class="rule" d={`M0 7.5H${width}`} />
      {[1e-5, 1e-4, 1e-3, 1e-2, 1e-1].map(tick => (
        <path key={tick} class="rule" d={`M${Math.min(width - 0.5, Math.round(xOf(tick)) + 0.5)} 5v5`} />
      ))}
      <circle class="mark" cx={place} cy="7.5" r="4" />
    </svg>
  )
}
