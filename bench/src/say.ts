/** Says what a bench is doing, beside its report. */
export function say(message: string): void {
  process.stderr.write(`${message}\n`)
}
