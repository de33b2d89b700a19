/** Transforms of small square tiles by constant matrices, printed as WGSL. */
import type { Matrix } from '../../cpu/kernels/channels/winograd/matrices.ts'
import { literal } from './expression.ts'
import { unsigned } from './indexing.ts'

/** P · X · Pᵀ for one tile. Rows and columns are texts of unsigned numbers. */
export interface TileTransform {
  /** P `[rows, size]`. */
  readonly matrix: Matrix
  /** The text that reads X[row, column], `[size, size]`. */
  read(row: string, column: string): string
  /** The statement that stores an element of the result, `[rows, rows]`. */
  store(row: string, column: string, value: string): string
}

/**
 * Statements that transform a tile: its columns, then the rows of what they give.
 * @param unrolled whether these are written out one by one, so that all of it stays in registers, or are loops, which drivers
 *   that run on a processor compile many times as fast
 */
export function printTransform({ matrix, read, store }: TileTransform, unrolled: boolean): string {
  const [rows, size] = [matrix.length, matrix[0].length]
  const ofColumn = (column: string): string => {
    const inputs = matrix[0].map((_, row) => `let x${row} = ${read(unsigned(row), column)};`)
    const sums = matrix.map((line, row) => `half[${row * size}u + ${column}] = ${sumOf(line, k => `x${k}`)};`)
    return `{ ${[...inputs, ...sums].join(' ')} }`
  }
  const ofRow = (row: string): string => {
    const inputs = matrix[0].map((_, column) => `let x${column} = half[${row} * ${size}u + ${column}u];`)
    const sums = matrix.map((line, column) =>
      store(
        row,
        unsigned(column),
        sumOf(line, k => `x${k}`),
      ),
    )
    return `{ ${[...inputs, ...sums].join(' ')} }`
  }
  const each = (count: number, statements: (number: string) => string): string =>
    unrolled
      ? Array.from({ length: count }, (_, k) => statements(unsigned(k))).join('\n  ')
      : `for (var k = 0u; k < ${count}u; k++) ${statements('k')}`
  return `var half: array<f32, ${rows * size}>;
  ${each(size, ofColumn)}
  ${each(rows, ofRow)}`
}

/** Σ coefficients[k] · terms(k), without those that are 0. */
function sumOf(coefficients: readonly number[], term: (k: number) => string): string {
  return coefficients
    .flatMap((value, k) => {
      if (value === 0) return []
      const size = Math.abs(value)
      return `${value < 0 ? '-' : '+'} ${size === 1 ? term(k) : `${literal(size)} * ${term(k)}`}`
    })
    .join(' ')
    .replace(/^\+ /, '')
}
