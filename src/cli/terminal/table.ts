/**
 * Small text tables for the terminal: columns as wide as their widest cell, right-aligned numbers, a rule under the
 * header. Too little to be worth a dependency.
 */

import stringWidth from 'string-width'

/** A column of a table. */
export interface TableColumn {
  readonly title: string
  /** Numbers read best aligned to the right. Default `left`. */
  readonly align?: 'left' | 'right'
}

/**
 * Lays out a table. Control characters in cells are removed, so that a name from a file cannot move the cursor;
 * non-breaking spaces become ordinary ones. Characters that terminals draw at double width count as two.
 *
 * @param footer A last row below a second rule, for totals.
 * @returns lines joined by newlines, the last one without; no line ends in spaces.
 * @throws RangeError when the number of cells in a row is not the number of columns.
 *
 * @example
 * textTable([{ title: 'class' }, { title: 'p', align: 'right' }], [['7', '98.2 %'], ['1', '1.1 %']])
 * // class       p
 * // ─────  ──────
 * // 7      98.2 %
 * // 1       1.1 %
 */
export function textTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  footer?: readonly string[],
): string {
  const head = columns.map(column => column.title)
  const cells = [head, ...rows, ...(footer ? [footer] : [])].map((row, i) => {
    if (row.length !== columns.length) {
      throw new RangeError(`table: ${columns.length} columns, but row ${i - 1} has ${row.length} cells`)
    }
    return row.map(clean)
  })
  const widths = columns.map((_, j) => Math.max(...cells.map(row => stringWidth(row[j]!))))
  const rule = widths.map(n => '─'.repeat(n)).join('  ')
  const lines = cells.map(row =>
    row
      .map((cell, j) => {
        const space = ' '.repeat(widths[j]! - stringWidth(cell))
        return columns[j]!.align === 'right' ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd(),
  )
  lines.splice(1, 0, rule)
  if (footer) lines.splice(-1, 0, rule)
  return lines.join('\n')
}

function clean(cell: string): string {
  return cell.replace(/\p{Cc}/gu, '').replaceAll('\u00a0', ' ')
}
