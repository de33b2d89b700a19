/** Progress of work before a run begins, in lines on the standard error stream: what a command prints stays what it was. */
import { formatBytes, formatCount } from '../../text/format.ts'

/** Told how much is done, and of how much if that is known. */
type Tell = (done: number, total: number | undefined) => void

/** Shows the progress of a download. @param name what is downloaded */
export function downloadProgress(name: string, write = toStandardError): Tell {
  const line = (done: number, total?: number): string =>
    `downloading ${name}: ${formatBytes(done)}${total ? ` of ${formatBytes(total)}` : ''}`
  return tenths(line, write, 20 * 2 ** 20)
}

/** Says how many pictures of a folder have been checked, when that takes longer than two seconds. */
export function checkProgress(folder: string, write = toStandardError): Tell {
  const started = performance.now()
  const line = (done: number, total = done): string =>
    `checking ${folder}: ${formatCount(done)} of ${formatCount(total)} pictures`
  const tell = tenths(line, write)
  return (done, total) => {
    if (performance.now() - started > 2000) tell(done, total)
  }
}

/** Writes a line at every tenth of the way. @param part from line to line where the whole is not known */
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
