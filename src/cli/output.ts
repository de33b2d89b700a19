/** What commands write: lines for people on standard output, JSON for machines, warnings on standard error. */

/** Writes lines; spaces that do not break become ordinary ones, for whoever greps them. */
export function print(...lines: readonly string[]): void {
  process.stdout.write(lines.map(line => `${plain(line)}\n`).join(''))
}

/** Writes a value as JSON, indented. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`)
}

/** Writes a warning. */
export function warn(message: string): void {
  process.stderr.write(`fovea: warning: ${plain(message)}\n`)
}

/** Writes something worth knowing that is no result, on standard error. */
export function note(message: string): void {
  process.stderr.write(`fovea: ${plain(message)}\n`)
}

/** A text with ordinary spaces in place of those that do not break. */
export const plain = (text: string): string => text.replaceAll('\u00a0', ' ')
