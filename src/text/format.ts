/**
 * Numbers as a reader wants them, the same in every chart, table and progress line. The locale is fixed, so that
 * a report does not depend on the machine that wrote it.
 */

/** A whole number with thousands separators: `61706` → `'61,706'`. */
export function formatCount(value: number): string {
  return Number.isFinite(value) ? integers.format(value) : String(value)
}

/** A share as a percentage: `0.98765` → `'98.77 %'`. The space does not break. */
export function formatPercent(share: number, digits = 2): string {
  if (!Number.isFinite(share)) return String(share)
  return `${(share * 100).toFixed(digits)}\u00a0%`
}

/** A loss or another small quantity with the given number of significant digits: `0.051234` → `'0.0512'`. */
export function formatSignificant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return String(value)
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size < 1e-4 || size >= 1e6) return value.toExponential(digits - 1).replace('e+', 'e')
  return value.toFixed(Math.max(0, digits - 1 - Math.floor(Math.log10(size))))
}

/** Seconds as a person says them: `4.21` → `'4.2 s'`, `75` → `'1 min 15 s'`, `8100` → `'2 h 15 min'`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return String(seconds)
  if (seconds < 59.95) return `${seconds.toFixed(1)}\u00a0s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)}\u00a0min ${whole % 60}\u00a0s`
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)}\u00a0h ${minutes % 60}\u00a0min`
}

/** A number of bytes in binary units: `1536` → `'1.5 KiB'`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return String(bytes)
  const power = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${power === 0 ? value : value.toFixed(value < 100 ? 1 : 0)}\u00a0${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`
}

/** A large number with a decimal prefix: `416520` → `'417 k'`, `1.55e9` → `'1.55 G'`. */
export function formatLarge(value: number): string {
  if (!Number.isFinite(value) || Math.abs(value) < 1000) return formatCount(value)
  const power = Math.min(4, Math.floor(Math.log10(Math.abs(value)) / 3))
  return `${Number((value / 1000 ** power).toPrecision(3))}\u00a0${['', 'k', 'M', 'G', 'T'][power]}`
}

const integers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
