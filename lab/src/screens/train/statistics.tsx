/** Small drawings under a column: how values are spread, and how far a step moves the weights. */
import { digits } from '../../draw/format.ts'
import type { LayerStatistics } from '../../worker/protocol.ts'

const [width, height] = [112, 52]

/** Values before ReLU: orange is cut away, blue passes. */
export function Histogram({ statistics, label }: { readonly statistics: LayerStatistics; readonly label: string }) {
  const { histogram, range } = statistics
  const bar = width / histogram.length
  return (
    <svg width={width} height={height + 14} viewBox={`0 0 ${width} ${height + 14}`} role="img" aria-label={label}>
      {Array.from(histogram, (share, k) => (
        <rect
          key={k}
          class={k < histogram.length / 2 ? 'below' : 'above'}
          x={k * bar}
          width={bar - 0.6}
          y={height - share * (height - 4)}
          height={share * (height - 4)}
        />
      ))}
      <path class="rule" d={`M0 ${height + 0.5}H${width}`} />
      <path class="zero" d={`M${width / 2} 0V${height}`} />
      <text x="0" y={height + 12}>
        −{digits(range)}
      </text>
      <text x={width / 2} y={height + 12} text-anchor="middle">
        0
      </text>
      <text x={width} y={height + 12} text-anchor="end">
        {digits(range)}
      </text>
    </svg>
  )
}

/** A healthy step moves the weights by about a thousandth (CS231n's rule of thumb), give or take a factor of three. */
export const healthy = { least: 3e-4, most: 3e-3 } as const

/** From 10⁻⁵ to 10⁻¹. */
const xOf = (ratio: number): number => ((Math.min(-1, Math.max(-5, Math.log10(ratio))) + 5) / 4) * width

/** The ratio on a logarithmic line, with the healthy band. */
export function RatioBand({ ratio }: { readonly ratio: number }) {
  return (
    <svg width={width} height="14" viewBox={`0 0 ${width} 14`} aria-hidden="true">
      <rect class="healthy" x={xOf(healthy.least)} y="3" width={xOf(healthy.most) - xOf(healthy.least)} height="8" />
      <path class="rule" d={`M0 7.5H${width}`} />
      {[1e-5, 1e-4, 1e-3, 1e-2, 1e-1].map(tick => (
        <path key={tick} class="rule" d={`M${Math.min(width - 0.5, Math.round(xOf(tick)) + 0.5)} 5v5`} />
      ))}
      {ratio > 0 && <circle class="mark" cx={xOf(ratio)} cy="7.5" r="4" />}
    </svg>
  )
}
