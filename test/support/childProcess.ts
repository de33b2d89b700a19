/** Runs a TypeScript program of the tests in a Node process of its own. */
import { spawn } from 'node:child_process'

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Options of {@link runChild}. */
export interface ChildOptions {
  readonly nodeFlags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Killed after this time; the code is then null. 170 seconds by default. */
  readonly timeout?: number
}

/** Runs `file` with arguments and waits for its end. */
export function runChild(file: string, args: readonly string[], options: ChildOptions = {}): Promise<Ended> {
  const { nodeFlags = [], env, timeout = 170_000 } = options
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeFlags, '--import', 'tsx', file, ...args], {
      env: { ...process.env, ...env },
      timeout,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', text => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', code => resolve({ code, stdout, stderr }))
  })
}
