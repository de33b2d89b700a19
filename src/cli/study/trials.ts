/**
 * Trials of a study: training runs in separate processes, in one folder. The progress of a trial is read from its run
 * folder, so a study keeps no other state and continues after any interruption. Several processes may work on a study at
 * once: each takes the trials that it trains.
 */

import { existsSync } from 'node:fs'
import { readFile, rename, rm, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { makeFolder } from '../../data/fileError.node.ts'
import type { EngineChoices } from '../../recipe/engine.ts'
import type { Recipe } from '../../recipe/recipe.ts'
import { writeAtomic } from '../../runs/atomicFile.node.ts'
import { readEvents } from '../../runs/eventLog.node.ts'
import { differentImages } from '../../runs/fingerprint.node.ts'
import { resultFile } from '../../runs/result.node.ts'
import { RunFolder } from '../../runs/runFolder.node.ts'
import type { SharedTrial, TrialProgress, TrialSharing } from '../../study/sharing.ts'
import type { ValidationEvent } from '../../train/events.ts'
import { CommandError, InterruptError, isStopped, oneLine } from '../terminal/errors.ts'
import { Claims } from './claims.ts'
import type { Launcher } from './launcher.ts'
import { StudyProgress, type StudyProgressOptions, type TrialEpoch } from './studyProgress.ts'
import { TrialEpochs } from './trialEpochs.ts'
import { failureOf } from './trialFiles.ts'
import { type TrialEnd, TrialProcess } from './trialProcess.ts'

/** One training run of a study. */
export interface Trial {
  /** Name of its run folder, `t001`. */
  readonly name: string
  readonly recipe: Recipe
  /** The values that distinguish it, for people. */
  readonly what?: string
}

/** How the processes of trials are run. */
export interface TrialOptions extends EngineChoices, StudyProgressOptions {
  /** Number of simultaneous processes, which share the cores unless a launcher gives them some. */
  readonly jobs: number
  readonly launcher?: Launcher
}

type Progress = TrialProgress<ValidationEvent>

/** The runs of a study, in its folder `trials`. */
export class TrialRunner {
  readonly folder: string
  readonly progress: StudyProgress
  readonly #launcher: Launcher | undefined
  readonly #engine: readonly string[]
  readonly #claims = new Claims()
  /** By the run folders of their trials. */
  readonly #processes = new Map<string, TrialProcess>()
  /** Trials whose process was lost, and the step at which their last epoch had ended then. */
  readonly #lost = new Map<string, number>()
  /** What was read of a trial, and of which files. */
  readonly #known = new Map<string, { readonly stamp: string; readonly progress: Progress }>()
  /** The run whose images are compared with those of the other runs. */
  #first: string | undefined
  #isStopping = false

  /** @param study folder of the study */
  constructor(study: string, options: TrialOptions) {
    const { launcher, jobs, threads, wide = 'off', native = 'off' } = options
    this.folder = join(study, 'trials')
    this.progress = new StudyProgress(options)
    this.#launcher = launcher
    const share = threads ?? (launcher ? undefined : Math.max(1, Math.floor(availableParallelism() / jobs)))
    this.#engine = [
      ...(share === undefined ? [] : ['--threads', String(share)]),
      ...['--wide', wide, '--native', native],
    ]
  }

  /** Path of a trial's run folder. */
  runOf({ name }: Pick<Trial, 'name'>): string {
    return join(this.folder, name)
  }

  /**
   * The progress of a trial.
   * @throws CommandError when it began with other images than another trial: their scores cannot be compared.
   */
  async progressOf(trial: Pick<Trial, 'name'>): Promise<Progress> {
    const run = this.runOf(trial)
    const stamp = await stampOf([join(run, 'events.jsonl'), join(run, resultFile), failureOf(run)])
    const known = this.#known.get(run)
    if (known?.stamp === stamp) return known.progress
    if (existsSync(run)) await this.#checkImages(run)
    const failed = await readFile(failureOf(run), 'utf8').catch(() => undefined)
    const events = await readEvents(join(run, 'events.jsonl'))
    const saved = events.findLast(event => event.type === 'checkpoint')?.step ?? 0
    const progress = {
      scores: events.filter(event => event.type === 'validation').filter(({ step }) => step <= saved),
      finished: existsSync(join(run, resultFile)),
      ...(failed !== undefined && { failed: failed.trim() }),
    }
    this.#known.set(run, { stamp, progress })
    return progress
  }

  /** Takes a trial for this process. @returns its progress, or undefined while another process has it */
  async take(trial: Pick<Trial, 'name'>): Promise<Progress | undefined> {
    const run = this.runOf(trial)
    await makeFolder(this.folder)
    if (!(await this.#claims.take(run))) return undefined
    // Only files that are opened anew are surely those that another machine has written.
    this.#known.delete(run)
    try {
      return await this.progressOf(trial)
    } catch (error) {
      await this.leave(trial)
      throw error
    }
  }

  /** Gives back a trial that was taken. */
  leave(trial: Pick<Trial, 'name'>): Promise<void> {
    return this.#claims.leave(this.runOf(trial))
  }

  /** Whether another process has taken a trial. */
  isElsewhere(trial: Pick<Trial, 'name'>): Promise<boolean> {
    return this.#claims.isElsewhere(this.runOf(trial))
  }

  /**
   * Trains a trial that was taken, to its end or to the end of an epoch; continues where it was, and gives it back.
   * @returns its progress; a trial that diverged or could not be trained has `failed`, one whose process was killed has
   * come to less than was asked for: a second time in the same epoch counts as failed
   * @throws InterruptError after {@link stop}; CommandError when the process ended before it began, for which the
   * launcher is to blame; UsageError when the launcher cannot be started.
   */
  async train(trial: Trial, untilEpoch?: number): Promise<Progress> {
    const run = this.runOf(trial)
    try {
      if (this.#isStopping) throw new InterruptError('stopped')
      const isNew = await this.#makeRun(trial)
      this.progress.begin(trial.name, trial.what, isNew)
      const end = await this.#runProcess(trial, untilEpoch)
      this.progress.end(trial.name)
      if (this.#isStopping) throw new InterruptError('stopped')
      const progress = await this.progressOf(trial)
      const { scores, finished, failed } = progress
      const isDone = finished || (untilEpoch !== undefined && (scores.at(-1)?.epoch ?? 0) >= untilEpoch)
      if (failed !== undefined || isDone || !(await this.#claims.isHeld(run))) return progress
      if (!end.isLost) throw this.#notTrained(trial, end)
      const step = scores.at(-1)?.step ?? 0
      if (this.#lost.get(run) === step) await writeAtomic(failureOf(run), `${whyLost(end)}\n`)
      else this.progress.say(`${trial.name}  ${whyLost(end)}; it goes on from its last checkpoint`)
      this.#lost.set(run, step)
      return await this.progressOf(trial)
    } finally {
      await this.leave(trial)
    }
  }

  /** Takes and trains trials for a study, which other processes may share. */
  sharing<T extends Trial & SharedTrial>(onTrained: (trial: T) => void): TrialSharing<T> {
    return {
      take: async trial => {
        const progress = await this.take(trial)
        if (progress) trial.progress = progress
        return progress !== undefined
      },
      leave: trial => this.leave(trial),
      train: (trial, untilEpoch) => this.train(trial, untilEpoch),
      onTrained,
    }
  }

  /** Asks all processes to save and end. */
  stop(): void {
    this.#isStopping = true
    for (const [run, process] of this.#processes) {
      const told = this.#launcher ? this.#claims.leave(run).then(() => process.stop()) : process.stop()
      // What cannot be told is noticed by the trial when this process has ended.
      told.catch(() => undefined)
    }
  }

  /**
   * Makes the run folder of a trial that has none. It appears whole, and an existing one is never touched: on a shared
   * file system this machine may not see it yet. The process of a trial only ever resumes a folder.
   * @returns whether the trial is new
   */
  async #makeRun(trial: Trial): Promise<boolean> {
    const run = this.runOf(trial)
    if (existsSync(join(run, 'recipe.json'))) return false
    const making = join(this.folder, `.${trial.name}`)
    await rm(making, { recursive: true, force: true })
    try {
      const folder = await RunFolder.create(making, trial.name, trial.recipe)
      await folder.close()
      return await rename(folder.path, run).then(
        () => true,
        error => {
          if (isTaken(error)) return false
          throw error
        },
      )
    } finally {
      await rm(making, { recursive: true, force: true })
    }
  }

  async #checkImages(run: string): Promise<void> {
    this.#first ??= run
    const difference = await differentImages(this.#first, run)
    if (difference === undefined) return
    throw new CommandError(
      `${run}: began with other images than ${this.#first}: ${difference}; their scores cannot be compared: begin another study (--out)`,
    )
  }

  async #runProcess(trial: Trial, untilEpoch: number | undefined): Promise<TrialEnd> {
    const run = this.runOf(trial)
    const { epochs } = trial.recipe
    const until = untilEpoch === undefined ? [] : ['--stop-after', String(untilEpoch)]
    const token = this.#claims.tokenOf(run)
    const args = ['train', '--resume', run, '--trial', token, ...until, '--quiet', ...this.#engine]
    const onEpoch = (score: TrialEpoch) => {
      // The result of the last epoch is that of the trial.
      if (score.epoch < (untilEpoch ?? epochs)) this.progress.epoch(trial.name, score, epochs)
    }
    const known = (await this.progressOf(trial)).scores.at(-1)?.epoch ?? 0
    const reports = new TrialEpochs(run, known, onEpoch)
    if (this.#isStopping) throw new InterruptError('stopped')
    const process = new TrialProcess(run, token, args, this.#launcher)
    this.#processes.set(run, process)
    try {
      return await process.end(() => reports.look())
    } finally {
      this.#processes.delete(run)
    }
  }

  /** Why a process that was not killed has not trained its trial. */
  #notTrained({ name }: Trial, { code, signal, stderr }: TrialEnd): Error {
    // Stopped by somebody else: it has saved its state.
    if (isStopped(code)) return new InterruptError('stopped')
    const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`
    const said = stderr.trim() === '' ? '' : `: ${stderr.trim()}`
    if (!this.#launcher) return new CommandError(`${name}: its process ${how} before it began${said}`)
    const rule = code === 0 ? '; a launcher must run the command that follows it, and end when that ends' : ''
    return new CommandError(`--launcher "${this.#launcher.text}": ${how} before trial ${name} began${said}${rule}`)
  }
}

/** Whether there is a folder of that name. Windows says so by the last code. */
const isTaken = ({ code = '' }: NodeJS.ErrnoException): boolean => ['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(code)

/** How a process was lost, and what it or its launcher said of that. */
function whyLost({ code, signal, stderr }: TrialEnd): string {
  const how = signal === null ? `its process ended with code ${code}` : `its process was ended by ${signal}`
  const said = stderr.split('\n').filter(line => !line.startsWith('fovea: warning: '))
  return [how, oneLine(said.join('\n'))].filter(part => part !== '').join(': ')
}

/** What changes when one of some files does. */
async function stampOf(files: readonly string[]): Promise<string> {
  const stamps = files.map(async file => {
    const about = await stat(file, { bigint: true }).catch(() => undefined)
    return about ? `${about.ino} ${about.size} ${about.mtimeNs}` : ''
  })
  return (await Promise.all(stamps)).join()
}
