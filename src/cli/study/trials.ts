/**
 * Trials of a study: training runs in separate processes, in one folder. The progress of a trial is read from its run
 * folder, so a study keeps no other state and continues after any interruption.
 */

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EngineChoices } from '../../recipe/engine.ts'
import type { Recipe } from '../../recipe/recipe.ts'
import { writeAtomic } from '../../runs/atomicFile.node.ts'
import { readEvents } from '../../runs/eventLog.node.ts'
import { differentImages } from '../../runs/fingerprint.node.ts'
import { resultFile } from '../../runs/result.node.ts'
import { RunFolder } from '../../runs/runFolder.node.ts'
import type { TrialProgress } from '../../study/search.ts'
import type { ValidationEvent } from '../../train/events.ts'
import { CommandError, InterruptError, isStopped } from '../terminal/errors.ts'
import { StudyProgress, type StudyProgressOptions, type TrialEpoch } from './studyProgress.ts'

/** One training run of a study. */
export interface Trial {
  /** Name of its run folder, `t001`. */
  readonly name: string
  readonly recipe: Recipe
  /** The values that distinguish it, for people. */
  readonly what?: string
}

/** The runs of a study, in its folder `trials`. */
export class TrialRunner {
  readonly folder: string
  readonly progress: StudyProgress
  readonly #engine: readonly string[]
  readonly #children = new Set<ReturnType<typeof spawn>>()
  /** The run whose images are compared with those of the other runs. */
  #first: string | undefined
  #isStopping = false

  /**
   * @param study folder of the study
   * @param jobs number of simultaneous processes, which share the cores
   */
  constructor(study: string, jobs: number, options: EngineChoices & StudyProgressOptions = {}) {
    const { threads, wide = 'off', native = 'off' } = options
    this.folder = join(study, 'trials')
    this.progress = new StudyProgress(options)
    const share = threads ?? Math.max(1, Math.floor(availableParallelism() / jobs))
    this.#engine = ['--threads', String(share), '--wide', wide, '--native', native]
  }

  /** Path of a trial's run folder. */
  runOf({ name }: Pick<Trial, 'name'>): string {
    return join(this.folder, name)
  }

  /**
   * The progress of a trial.
   * @throws CommandError when it began with other images than another trial: their scores cannot be compared.
   */
  async progressOf(trial: Pick<Trial, 'name'>): Promise<TrialProgress<ValidationEvent>> {
    const run = this.runOf(trial)
    if (existsSync(run)) await this.#checkImages(run)
    const failure = join(this.folder, `${trial.name}.failed`)
    const events = await readEvents(join(run, 'events.jsonl'))
    const saved = events.findLast(event => event.type === 'checkpoint')?.step ?? 0
    return {
      scores: events.filter(event => event.type === 'validation').filter(({ step }) => step <= saved),
      finished: existsSync(join(run, resultFile)),
      ...(existsSync(failure) && { failed: readFileSync(failure, 'utf8').trim() }),
    }
  }

  /**
   * Trains a trial to its end, or to the end of an epoch; continues where it was.
   * @returns its progress; a trial that diverged or could not be trained has `failed`
   * @throws InterruptError after {@link stop}.
   */
  async train(trial: Trial, untilEpoch?: number): Promise<TrialProgress<ValidationEvent>> {
    const isNew = await this.#makeRun(trial)
    const until = untilEpoch === undefined ? [] : ['--stop-after', String(untilEpoch)]
    const { epochs } = trial.recipe
    const last = untilEpoch ?? epochs
    this.progress.begin(trial.name, trial.what, isNew)
    const onEpoch = (score: TrialEpoch) => {
      // The result of the last epoch is that of the trial.
      if (score.epoch < last) this.progress.epoch(trial.name, score, epochs)
    }
    const { code, signal, stderr } = await this.#fovea(
      ['train', '--resume', this.runOf(trial), ...until, '--quiet', ...this.#engine],
      onEpoch,
    )
    this.progress.end(trial.name)
    if (this.#isStopping || isStopped(code)) throw new InterruptError('stopped')
    if (code !== 0) {
      const why =
        stderr.trim() || (signal ? `its process was ended by ${signal}` : `its process ended with code ${code}`)
      await writeAtomic(join(this.folder, `${trial.name}.failed`), `${why}\n`)
    }
    return this.progressOf(trial)
  }

  /** Asks all processes to save and end. */
  stop(): void {
    this.#isStopping = true
    for (const child of this.#children) child.kill('SIGTERM')
  }

  /**
   * Makes the run folder of a trial that has none. The process of a trial only ever resumes a folder, under its lock.
   * So when a study was killed, a process that is still about to begin and its successor in the next study take turns.
   * @returns whether the trial is new
   */
  async #makeRun(trial: Trial): Promise<boolean> {
    const run = this.runOf(trial)
    if (existsSync(join(run, 'recipe.json'))) return false
    // The study was killed between making the folder and writing into it: no process was started for it.
    await rm(run, { recursive: true, force: true })
    const folder = await RunFolder.create(this.folder, trial.name, trial.recipe)
    await folder.close()
    return true
  }

  async #checkImages(run: string): Promise<void> {
    this.#first ??= run
    const difference = await differentImages(this.#first, run)
    if (difference === undefined) return
    throw new CommandError(
      `${run}: began with other images than ${this.#first}: ${difference}; their scores cannot be compared: begin another study (--out)`,
    )
  }

  #fovea(
    args: readonly string[],
    onEpoch: (score: TrialEpoch) => void,
  ): Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }> {
    if (this.#isStopping) throw new InterruptError('stopped')
    const main = fileURLToPath(new URL('../main.js', import.meta.url))
    if (!existsSync(main))
      throw new CommandError(`${main}: no such file; studies run on the built package (npm run build)`)
    return new Promise((resolve, reject) => {
      // Through the channel a child reports its epochs, and learns when this process is gone, for whatever reason.
      const child = spawn(process.execPath, [...process.execArgv, main, ...args], {
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      })
      this.#children.add(child)
      let stderr = ''
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        stderr += text
      })
      child.on('message', score => onEpoch(score as TrialEpoch))
      child.on('error', reject)
      child.on('close', (code, signal) => {
        this.#children.delete(child)
        resolve({ code, signal, stderr })
      })
    })
  }
}
