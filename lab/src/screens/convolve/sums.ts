/** Sums as they are printed: digits are chosen so that the terms add up to what is written as their sum. */
import { fixed } from '../../draw/format.ts'

/** A printed sum. */
export interface PrintedSum {
  readonly terms: readonly string[]
  readonly total: string
  /** What rounding leaves over where no number of digits up to five adds up: `0.00001`. */
  readonly rounding?: string
}

/** Prints numbers and their sum with as few decimals, from `least` on, as make the printed terms add up. */
export function printSum(values: readonly number[], least: number): PrintedSum {
  const total = values.reduce((a, b) => a + b, 0)
  const most = Math.max(least, 5)
  for (let decimals = least; ; decimals++) {
    const unit = 10 ** decimals
    const rest = Math.round(total * unit) - values.reduce((sum, value) => sum + Math.round(value * unit), 0)
    if (rest !== 0 && decimals < most) continue
    return {
      terms: values.map(value => fixed(value, decimals)),
      total: fixed(total, decimals),
      ...(rest !== 0 && { rounding: fixed(rest / unit, decimals) }),
    }
  }
}

/** A factor as it stands behind a dot: a negative one in brackets. */
export const factor = (text: string): string => (text.startsWith('−') ? `(${text})` : text)

/** A sum as it is read aloud: `−1 plus 1 plus 5 plus bias 1 is 6`. */
export const spoken = ({ terms, total }: PrintedSum, names: readonly string[]): string =>
  `${terms.map((term, k) => `${names[k] ? `${names[k]} ` : ''}${term.replace('−', 'minus ')}`).join(', plus ')}, is ${total.replace('−', 'minus ')}`
