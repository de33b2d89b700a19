/** Trials that several processes may work on at once, each of which takes some of them. */
import { later, workOn } from '../async/workOn.ts'

/** Validation scores after an epoch. */
export interface EpochScore {
  readonly epoch: number
  readonly accuracy: number
  readonly loss: number
}

/** Progress of a trial. */
export interface TrialProgress<S extends EpochScore = EpochScore> {
  /** Scores of the epochs that are done and saved, starting with the first. */
  readonly scores: readonly S[]
  readonly finished: boolean
  /** Why it failed, if it did. */
  readonly failed?: string
}

/** The progress of a trial of which nothing is known yet. */
export const notBegun: TrialProgress = { scores: [], finished: false }

/** A trial, as this process knows it. */
export interface SharedTrial {
  progress: TrialProgress
}

/** Takes and trains trials, of which other processes take some. */
export interface TrialSharing<T extends SharedTrial> {
  /** Takes a trial for this process alone, and brings its progress up to date; false while another process has it. */
  take(trial: T): Promise<boolean>
  /** Gives back a trial that was taken, for others to take. */
  leave(trial: T): Promise<void>
  /**
   * Trains a trial that was taken, to its end or to the end of an epoch, and gives it back. It may come to less, when its
   * process is killed: it is then to be taken and trained again.
   */
  train(trial: T, untilEpoch?: number): Promise<TrialProgress>
  /** Called when a trial has been trained, by this process or another one. */
  onTrained(trial: T): void
}

/** Whether a trial has nothing left to do. */
export const isSettled = ({ progress: { finished, failed } }: SharedTrial): boolean => finished || failed !== undefined

/**
 * Trains trials to their ends, and waits for those that other processes train. One whose process is gone is taken over.
 * @param jobs most trials trained at the same time by this process
 */
export async function trainAll<T extends SharedTrial>(
  trials: readonly T[],
  sharing: TrialSharing<T>,
  jobs: number,
): Promise<void> {
  const open = new Set(trials.filter(trial => !isSettled(trial)))
  const next = async (): Promise<T | undefined | typeof later> => {
    for (const trial of [...open]) {
      if (!(await sharing.take(trial))) continue
      open.delete(trial)
      if (!isSettled(trial)) return trial
      await sharing.leave(trial)
      sharing.onTrained(trial)
    }
    return open.size > 0 ? later : undefined
  }
  await workOn(jobs, next, async trial => {
    trial.progress = await sharing.train(trial)
    if (isSettled(trial)) sharing.onTrained(trial)
    else open.add(trial)
  })
}
