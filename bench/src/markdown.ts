/** Parts of the reports. */

/** A table, with numbers to the right in all columns but the first. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

/** Text that does not break a table. */
export const inCell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ').slice(0, 160)

/** A duration without its unit. */
export const milliseconds = (ms: number): string => (ms < 100 ? ms.toFixed(2) : ms.toFixed(0))

/** A share of one. */
export const percent = (share: number): string => `${(share * 100).toFixed(0)} %`
