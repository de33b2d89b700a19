/** Numbers as the Lab writes them: a true minus sign, no −0, digits that say something. */

/** With so many decimals: `−0.42`. */
export function fixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞'
  const text = value.toFixed(decimals)
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−')
}

/** With two or three digits that count: `0.0094`, `6.5`, `−14`, `2 × 10⁻⁵` as `2e−5`. */
export function digits(value: number, count = 2): string {
  if (value === 0 || !Number.isFinite(value)) return fixed(value, 0)
  const size = Math.abs(value)
  if (size < 1e-4) return value.toExponential(count - 1).replaceAll('-', '−')
  return fixed(value, Math.max(0, count - 1 - Math.floor(Math.log10(size))))
}

/** A share as a percentage: `72.4 %`. */
export const percent = (share: number, decimals = 1): string => `${fixed(100 * share, decimals)}\u00a0%`

/** A whole number with separators: `61,706`. A browser's first number format takes longer to make than the page to draw. */
export const whole = (value: number): string => fixed(value, 0).replace(/\B(?=(\d{3})+$)/g, ',')

/** A number as it was set: `0.05`, without digits that nobody gave. */
export const plain = (value: number): string => String(Number(value.toPrecision(6))).replace('-', '−')
