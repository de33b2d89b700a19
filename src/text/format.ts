/**
 * Numbers formatted for readers, the same in every chart, table and progress line. The locale is fixed, so that
 * a report does not depend on the machine that wrote it.
 */

/** A whole number with thousands separators: `61706` → `'61,706'`. */
export function formatCount(value: number): string {
  return Number.isFinite(value) ? integers.format(value) : String(value)
}

/** A share as a percentage: `0.98765` → `'98.77 %'`, with a non-breaking space. */
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

/** A field's value as tables and drawings show it: whole numbers in full, others with three significant digits. */
export const formatValue = (value: unknown): string =>
  typeof value === 'number' && !Number.isInteger(value) ? formatSignificant(value) : String(value)

/** Seconds as a person would say them: `4.21` → `'4.2 s'`, `75` → `'1 min 15 s'`, `8100` → `'2 h 15 min'`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return String(seconds)
  if (seconds < 59.95) return `${seconds.toFixed(1)}\u00a0s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)}\u00a0min ${whole % 60}\u00a0s`
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)}\u00a0h ${minutes % 60}\u00a0min`
}

/** How {@link formatBytes} writes a number of bytes. */
export interface BytesFormat {
  /** Digits after the decimal point; by default one below 100 and none from 100 up. */
  readonly digits?: number
  /** Separator between the number and its unit; by default a non-breaking space. */
  readonly space?: string
}

/** Bytes in a column of a text table: `'392.0 KiB'`. */
export const tableBytes: BytesFormat = { digits: 1, space: ' ' }

/** A number of bytes in binary units: `1536` → `'1.5 KiB'`. */
export function formatBytes(bytes: number, { digits, space = '\u00a0' }: BytesFormat = {}): string {
  if (!Number.isFinite(bytes)) return String(bytes)
  const power = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  const number = power === 0 ? value : value.toFixed(digits ?? (value < 100 ? 1 : 0))
  return `${number}${space}${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`
}

/** A number of bytes in powers of ten, as the lectures state memory: `1234567` → `'1.2 MB'`. */
export function formatDecimalBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

/** A large number with a decimal prefix: `416520` → `'417 k'`, `1.55e9` → `'1.55 G'`. */
export function formatLarge(value: number): string {
  if (!Number.isFinite(value) || Math.abs(value) < 1000) return formatCount(value)
  const power = Math.min(4, Math.floor(Math.log10(Math.abs(value)) / 3))
  return `${Number((value / 1000 ** power).toPrecision(3))}\u00a0${['', 'k', 'M', 'G', 'T'][power]}`
}

// Pure: a page that writes no counts need not load it.
const integers = /* @__PURE__ */ new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
