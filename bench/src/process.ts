/** A contender as a child process: started once, then asked line by line (see protocol.ts). */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { LayerRequest } from './layers/protocol.ts'
import type { Ready, Request } from './protocol.ts'
import type { Row } from './rows.ts'

/** A contender that could not be started, or died. */
export class ContenderError extends Error {}

/** Contenders that are alive. One that computes does not notice that nobody waits for it: they end with the bench. */
const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

/** A running contender. */
export class ContenderProcess {
  /** The contender's first answer. */
  readonly ready: Ready
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #errors: () => string

  private constructor(
    child: ChildProcessWithoutNullStreams,
    lines: AsyncIterator<string>,
    errors: () => string,
    ready: Ready,
  ) {
    this.#child = child
    this.#lines = lines
    this.#errors = errors
    this.ready = ready
  }

  /**
   * Starts a contender and waits for the end of its first step; one of the layer sweep has no row, and only begins.
   * @throws ContenderError saying why it has none.
   */
  static async start(command: readonly string[], row: Row | undefined, threads: number): Promise<ContenderProcess> {
    const child = spawn(command[0], command.slice(1), {
      stdio: 'pipe',
      env: {
        ...process.env,
        FOVEA_BENCH_ROW: JSON.stringify(row ?? null),
        FOVEA_BENCH_THREADS: String(threads),
        PYTHONDONTWRITEBYTECODE: '1',
      },
    })
    alive.add(child)
    child.on('exit', () => alive.delete(child))
    offerToKiller(child.pid)
    let errorText = ''
    child.stderr.on('data', (data: Buffer) => {
      errorText = (errorText + data.toString()).slice(-20_000)
    })
    child.stdin.on('error', () => {}) // A contender that died is reported by the answer that does not come.
    child.on('error', error => {
      errorText += `${error.name}: ${error.message}\n`
    })
    const errors = (): string => lastErrorLine(errorText)
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    try {
      return new ContenderProcess(child, lines, errors, (await nextAnswer(child, lines, errors)) as Ready)
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
  }

  /** Asks and waits for the answer. @throws ContenderError when the contender refuses or has died. */
  async ask<Answer>(request: Request | LayerRequest): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    return (await nextAnswer(this.#child, this.#lines, this.#errors)) as Answer
  }

  /** Processor time used so far by all threads, in seconds; NaN where /proc does not say. */
  processorSeconds(): number {
    try {
      // The second field, the command in parentheses, may hold spaces: count from its end. Ticks of 10 ms.
      const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return (Number(fields[11]) + Number(fields[12])) / 100
    } catch {
      return Number.NaN
    }
  }

  /** Ends the contender and waits until it is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise<void>(resolve => this.#child.once('exit', () => resolve()))
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), 5000)
    this.#child.stdin.write('{"cmd":"quit"}\n')
    await gone
    clearTimeout(patience)
  }
}

/** Longest wait for an answer: torch.compile needs up to some minutes for its first step. */
const patienceMs = 600_000

async function nextAnswer(child: ChildProcess, lines: AsyncIterator<string>, errors: () => string): Promise<unknown> {
  const patience = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  const { value, done } = await lines.next()
  clearTimeout(patience)
  if (done) {
    await new Promise(resolve => setTimeout(resolve, 100)) // Lets the rest of stderr and the exit arrive.
    if (child.signalCode) throw new ContenderError(`killed by ${child.signalCode}`)
    throw new ContenderError(errors() || `exited with code ${child.exitCode} without an answer`)
  }
  const answer = JSON.parse(value) as { error?: string }
  if (answer.error !== undefined) throw new ContenderError(answer.error)
  return answer
}

/** When memory runs out, a contender is to be killed, and nothing else. */
function offerToKiller(pid: number | undefined): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000')
  } catch {
    // No such file on this system, or the process has already died: its answer will be missed.
  }
}

/** The last line that names an error: `ModuleNotFoundError: No module named 'torch'`. */
export function lastErrorLine(text: string): string {
  const lines = text.split('\n').map(line => line.trim())
  const line = lines.findLast(line => /^\w*(Error|Exception)\b/.test(line)) ?? lines.findLast(line => line !== '') ?? ''
  return line.replace(/^Error: /, '')
}
