/** Windows in words, and a remark where a window does not divide its input. */
import { formatShape } from '../graph/shape.ts'
import { uncovered, type Window2d } from '../graph/window.ts'

/** `5×5, padding 2`: the kernel and everything that is not the default. */
export function describeWindow({ kernel, stride, padding, dilation }: Window2d, groups = 1): string {
  const pair = ([vertical, horizontal]: readonly number[]): string =>
    vertical === horizontal ? String(vertical) : `${vertical}×${horizontal}`
  const { top, bottom, left, right } = padding
  const sides = top === bottom && left === right ? pair([top, left]) : formatShape([top, bottom, left, right])
  return [
    kernel.join('×'),
    ...(stride.some(s => s !== 1) ? [`stride ${pair(stride)}`] : []),
    ...(top + bottom + left + right > 0 ? [`padding ${sides}`] : []),
    ...(dilation.some(d => d !== 1) ? [`dilation ${pair(dilation)}`] : []),
    ...(groups > 1 ? [`groups ${groups}`] : []),
  ].join(', ')
}

/**
 * The lecture's report on a geometry that does not divide, or undefined when it does:
 * `(7−3)/3+1 = 2.33: does not divide; the last row and column are not covered`.
 */
export function describeMisfit(window: Window2d, height: number, width: number): string | undefined {
  const { kernel, stride, padding, dilation } = window
  const rest = uncovered(window, height, width)
  if (rest[0] === 0 && rest[1] === 0) return undefined
  const formula = (axis: 0 | 1): string => {
    const size = [height, width][axis]
    const reach = dilation[axis] * (kernel[axis] - 1) + 1
    const sides = axis === 0 ? [padding.top, padding.bottom] : [padding.left, padding.right]
    const added = sides[0] === sides[1] ? (sides[0] === 0 ? '' : `+2·${sides[0]}`) : `+${sides[0]}+${sides[1]}`
    const result = (size - reach + sides[0] + sides[1]) / stride[axis] + 1
    return `(${size}−${reach}${added})/${stride[axis]}+1 = ${Number(result.toFixed(2))}`
  }
  const formulas = ([0, 1] as const).filter(axis => rest[axis] > 0).map(formula)
  // Padding at the end goes unseen first.
  const lost = [Math.max(0, rest[0] - padding.bottom), Math.max(0, rest[1] - padding.right)]
  return `${[...new Set(formulas)].join(', ')}: does not divide; ${describeLoss(lost[0], lost[1])}`
}

function describeLoss(rows: number, columns: number): string {
  const some = (count: number, name: string): string => (count === 1 ? name : `${count} ${name}s`)
  if (rows === 0 && columns === 0) return 'only padding is not covered'
  if (rows === 0) return `the last ${some(columns, 'column')} ${columns === 1 ? 'is' : 'are'} not covered`
  if (columns === 0) return `the last ${some(rows, 'row')} ${rows === 1 ? 'is' : 'are'} not covered`
  return rows === columns
    ? `the last ${rows === 1 ? 'row and column' : `${rows} rows and columns`} are not covered`
    : `the last ${some(rows, 'row')} and the last ${some(columns, 'column')} are not covered`
}
