/** The lines of a file around a place, as compilers show them. */

/** A place in a file, counted from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Lines shown before and after. */
const around = 2
/** Most characters shown of a line: generated files have long lines. */
const widest = 160

/**
 * The lines around a place, with the place marked.
 * @example codeFrame('a\nb(1\nc', { line: 2, column: 3 })
 * //   1 | a
 * // > 2 | b(1
 * //     |   ^
 * //   3 | c
 */
export function codeFrame(text: string, { line, column }: Place): string {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/)
  const first = Math.max(1, line - around)
  const last = Math.min(lines.length, line + around)
  const digits = String(last).length
  const shown: string[] = []
  for (let number = first; number <= last; number++) {
    const code = lines[number - 1]!.replaceAll('\t', ' ').replace(/\p{Cc}/gu, '')
    const mark = number === line ? '>' : ' '
    shown.push(`${mark} ${String(number).padStart(digits)} | ${code.slice(0, widest)}`.trimEnd())
    if (number === line && column <= widest) shown.push(`  ${' '.repeat(digits)} | ${' '.repeat(column - 1)}^`)
  }
  return shown.join('\n')
}
