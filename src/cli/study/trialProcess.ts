/** The process of a trial, as its study sees it: started, followed, asked to stop, and known to be gone. */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageCode } from '../../recipe/userCode.node.ts'
import { LockWatch, lockFields, readLock } from '../../runs/lockWatch.node.ts'
import { CommandError, UsageError } from '../terminal/errors.ts'
import type { Launcher } from './launcher.ts'
import { processOf } from './trialFiles.ts'

/** How the process of a trial ended. */
export interface TrialEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What it, or its launcher, wrote to standard error. */
  readonly stderr: string
  /** True when it began, and did not end by itself: it was killed, or its launcher knows no more of it. */
  readonly isLost: boolean
}

/** Milliseconds between two looks at what a trial does. */
const lookEvery = 500
/** Milliseconds in which a launcher without its trial may end. */
const endWithin = 10_000

/** A running process. */
export class TrialProcess {
  readonly #run: string
  readonly #token: string
  readonly #launcher: Launcher | undefined
  readonly #child: ChildProcess
  readonly #end: Promise<Omit<TrialEnd, 'isLost'>>
  #hasEnded = false

  /**
   * Starts it.
   * @param run folder of the trial's run
   * @param token of the claim on the trial
   * @param args of `fovea`
   * @param launcher what starts it, this process itself by default
   */
  constructor(run: string, token: string, args: readonly string[], launcher?: Launcher) {
    const main = join(packageCode, 'cli/main.js')
    if (!existsSync(main))
      throw new CommandError(`${main}: no such file; studies run on the built package (npm run build)`)
    this.#run = run
    this.#token = token
    this.#launcher = launcher
    const [command, ...words] = [...(launcher?.words ?? []), process.execPath, ...process.execArgv, main, ...args]
    // A launcher leads a group of processes: a signal to the group also reaches what it has started here.
    this.#child = spawn(command!, words, { stdio: ['ignore', 'ignore', 'pipe'], detached: launcher !== undefined })
    let stderr = ''
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    this.#end = new Promise((resolve, reject) => {
      this.#child.on('error', error => reject(this.#notStarted(error)))
      this.#child.on('close', (code, signal) => resolve({ code, signal, stderr }))
    })
  }

  /**
   * Waits for its end.
   * @param look called at intervals until then
   */
  async end(look: () => Promise<void>): Promise<TrialEnd> {
    const over = this.#end.finally(() => {
      this.#hasEnded = true
    })
    over.catch(() => undefined)
    const watch = new LockWatch(processOf(this.#run))
    while (!this.#hasEnded) {
      await Promise.race([over, sleep(lookEvery)])
      await look()
      const sight = await watch.look()
      // The launcher has not noticed that the trial is gone, or waits for a machine that is.
      if (this.#launcher && sight.state === 'left' && this.#isOurs(sight.contents)) await this.#endLauncher(over)
    }
    return { ...(await over), isLost: await this.#hasLock() }
  }

  /**
   * Asks it to save and end. One behind a launcher is told by its claim, which is given back before: launchers understand
   * signals in ways of their own, and `srun` kills at once what it has started. Only a launcher whose trial has not begun
   * gets one.
   */
  async stop(): Promise<void> {
    if (!this.#launcher) this.#child.kill('SIGTERM')
    else if (!(await this.#hasLock())) this.#signalGroup('SIGTERM')
  }

  /** Whether it has begun and not ended by itself. */
  async #hasLock(): Promise<boolean> {
    const lock = await readLock(processOf(this.#run))
    return lock !== undefined && this.#isOurs(lock.contents)
  }

  #signalGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.#child.pid!, signal)
    } catch {
      // It has ended.
    }
  }

  #isOurs(contents: string): boolean {
    return lockFields(contents)?.purpose === this.#token
  }

  async #endLauncher(over: Promise<unknown>): Promise<void> {
    // It may be about to end by itself.
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await Promise.race([over, sleep(endWithin)])
      if (this.#hasEnded) return
      this.#signalGroup(signal)
    }
    // Nobody is waited for who still has its output open.
    this.#child.stderr?.destroy()
    await over
  }

  #notStarted(error: NodeJS.ErrnoException): Error {
    const why = error.code === 'ENOENT' ? 'no such command' : error.message
    if (!this.#launcher) return new CommandError(`the process of a trial cannot be started: ${why}`)
    return new UsageError(`--launcher "${this.#launcher.text}": cannot be started: ${this.#launcher.words[0]}: ${why}`)
  }
}
