/** Runs the built command line as a process, as a user does. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mnist } from '../../src/data/mnist.node.ts'
import { idxBytes } from '../data/writeIdx.ts'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** How a process ended. */
export interface Finished {
  /** Exit code, or null after a signal. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** What a command says only on a machine so busy that checking a few pictures takes it two seconds. */
const slowness = /^checking .*: [\d,]+ of [\d,]+ pictures\n/gmu

/**
 * Starts `fovea` in a folder. Threads are one unless told otherwise, so that tests do not fight for cores; and kernels are not native,
 * since making them takes longer than most trainings of the tests (`native.test.ts` has those that are).
 */
export function start(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { process: ChildProcess; finished: Promise<Finished> } {
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { PATH: process.env.PATH, FOVEA_THREADS: '1', FOVEA_NATIVE: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr: stderr.replace(slowness, '') }))
  })
  return { process: child, finished }
}

/**
 * Environment of a process that gets a signal as soon as it has logged a step.
 * @param to the process itself, or its parent, the study that a trial belongs to, or both
 */
export function signalAtStep(signal: NodeJS.Signals, step: number, to: 'self' | 'parent' | 'both' = 'self') {
  return {
    NODE_OPTIONS: `--import=${new URL('signalAtStep.mjs', import.meta.url)}`,
    FOVEA_TEST_SIGNAL: signal,
    FOVEA_TEST_SIGNAL_STEP: String(step),
    FOVEA_TEST_SIGNAL_TO: to,
  }
}

/** Runs `fovea` to its end. */
export function fovea(cwd: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Finished> {
  return start(cwd, args, env).finished
}

/** Runs `fovea`, which must succeed. */
export async function succeed(
  cwd: string,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<Finished> {
  const result = await fovea(cwd, args, env)
  if (result.code === 0) return result
  throw new Error(
    `fovea ${args.join(' ')} ended with ${result.code ?? result.signal}\n${result.stdout}\n${result.stderr}`,
  )
}

/** A folder of its own, and how to remove it. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'fovea-test-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** SHA-256 of a file, hexadecimal. */
export const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

/** The tensors' file that `latest` or `best` of a run names. */
export function checkpointOf(run: string, which: 'latest' | 'best' = 'latest'): string {
  return join(run, readFileSync(join(run, which), 'utf8').trim())
}

/** The events of a run. */
export function eventsOf(run: string): { type: string; step: number; epoch?: number; loss?: number }[] {
  const path = join(run, 'events.jsonl')
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map(line => JSON.parse(line))
}

/** Writes the first images of MNIST as IDX files: processes start faster on them than on all 70,000. */
export async function writeSmallMnist(folder: string, { train, test }: { train: number; test: number }): Promise<void> {
  const splits = await mnist()
  for (const [prefix, { images, labels }, count] of [
    ['train', splits.train, train],
    ['t10k', splits.test, test],
  ] as const) {
    writeFileSync(
      join(folder, `${prefix}-images-idx3-ubyte`),
      idxBytes([count, 28, 28], images.subarray(0, count * 784)),
    )
    writeFileSync(join(folder, `${prefix}-labels-idx1-ubyte`), idxBytes([count], labels.subarray(0, count)))
  }
}
