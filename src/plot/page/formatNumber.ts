/** Numbers of a chart on a page, in formats that have a name, since a function cannot be written into a page. */
import { formatCount, formatPercent, formatSignificant } from '../../text/format.ts'
import { formatPercentTick, formatValueTick } from '../ticks.ts'

/**
 * `count`: `1,234`; `value`: three significant digits, `0.0512`; `percent`: of a share, `98.77 %`; `power`: of the
 * logarithm to the base of ten, `0.0012` for −2.92.
 */
export type NumberFormat = 'count' | 'value' | 'percent' | 'power'

/** A number as it is read out. */
export function formatNumber(format: NumberFormat, value: number): string {
  if (!Number.isFinite(value)) return 'not finite'
  if (format === 'count') return formatCount(value)
  if (format === 'percent') return formatPercent(value)
  return formatSignificant(format === 'power' ? 10 ** value : value)
}

/** A round number as it stands at an axis. */
export function formatTick(format: NumberFormat, value: number): string {
  if (format === 'count') return formatCount(value)
  if (format === 'percent') return formatPercentTick(value)
  if (format === 'power') return Number.isInteger(value) ? `1e${value}` : formatSignificant(10 ** value)
  return formatValueTick(value)
}
