/**
 * Progress of work before a run begins, in lines on standard error, so that the output of a command does not change.
 */
import { formatBytes, formatCount } from '../../text/format.ts'

/** Receives how much is done, and the total if it is known. */
type Tell = (done: number, total: number | undefined) => void

/** Shows the progress of a download. @param name what is downloaded */
export function downloadProgress(name: string, write = toStandardError): Tell {
  const line = (done: number, total?: number): string =>
    `downloading ${name}: ${formatBytes(done)}${total ? ` of ${formatBytes(total)}` : ''}`
  return tenths(line, write, 20 * 2 ** 20)
}

/** Shows how many pictures of a folder have been checked, when that takes longer than two seconds. */
export function checkProgress(folder: string, write = toStandardError): Tell {
  const started = performance.now()
  const line = (done: number, total = done): string =>
    `checking ${folder}: ${formatCount(done)} of ${formatCount(total)} pictures`
  const tell = tenths(line, write)
  return (done, total) => {
    if (performance.now() - started > 2000) tell(done, total)
  }
}

/** Writes a line at every tenth of the total. @param part amount between lines when the total is unknown */
function tenths(
  line: (done: number, total?: number) => string,
  write: (text: string) => void,
  part = Number.POSITIVE_INFINITY,
): Tell {
  let told = -1
  return (done, total) => {
    const now = Math.floor(total ? (10 * done) / total : done / part)
    if (now === told) return
    told = now
    write(`${line(done, total)}\n`)
  }
}

const toStandardError = (text: string): void => {
  process.stderr.write(text)
}
