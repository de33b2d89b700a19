/**
 * Ways to search a space of hyperparameters: at random (Bergstra and Bengio 2012), on a grid, from coarse to fine, and
 * by asynchronous successive halving. They choose the points and the order; a runner trains.
 */
import { later, workOn } from '../async/workOn.ts'
import { nextJob, type RungJob, rungEpochs } from './halving.ts'
import { type EpochScore, isSettled, type SharedTrial, type TrialSharing, trainAll } from './sharing.ts'
import { gridPoints, narrow, type Point, randomPoint, type Space } from './space.ts'

/** Names of the ways to search. */
export const strategyNames = ['random', 'grid', 'coarse-to-fine', 'asha'] as const

/** Options of a search. */
export interface StrategyOptions {
  readonly strategy: (typeof strategyNames)[number]
  readonly trials: number
  /** Grid: values of every axis except choices. */
  readonly points: number
  /** ASHA: one in this many trials continues to the next rung; `minEpochs` are the epochs of the first rung. */
  readonly factor: number
  readonly minEpochs: number
  /** Coarse to fine: the number of times the space is narrowed, plus one. */
  readonly stages: number
  readonly searchSeed: number
  readonly metric: 'accuracy' | 'loss'
  /** Most trials trained at the same time. */
  readonly jobs: number
}

/** A trial of a search. */
export interface SearchTrial extends SharedTrial {
  readonly point: Point
  /** Who trains it now. */
  busy: 'here' | 'elsewhere' | false
}

/** Makes and trains the trials of a search. */
export interface SearchRunner<T extends SearchTrial> extends TrialSharing<T> {
  /** Epochs of a whole training. */
  readonly epochs: number
  /**
   * Makes a trial, or opens it when it has begun. @param epochs its epochs, when fewer than those of a whole training
   */
  make(index: number, point: Point, epochs?: number): Promise<T>
  /** Sees whether another process trains a trial, and if none does, brings its progress up to date. */
  look(trial: T): Promise<void>
}

/**
 * Searches a space, or continues a search.
 * @param first number of trials first requested for the search, which the stages of a coarse-to-fine search divide
 * @returns all trials, in the order in which they were made
 */
export async function searchSpace<T extends SearchTrial>(
  space: Space,
  runner: SearchRunner<T>,
  options: StrategyOptions,
  first: number,
): Promise<T[]> {
  const { strategy, trials, points, searchSeed } = options
  if (strategy === 'grid') {
    const all = await Promise.all(gridPoints(space, points).map((point, k) => runner.make(k, point)))
    await trainAll(all, runner, options.jobs)
    return all
  }
  if (strategy === 'asha') {
    const all: T[] = []
    for (let k = 0; k < trials; k++) all.push(await runner.make(k, randomPoint(space, searchSeed, k)))
    await halve(all, runner, options)
    return all
  }
  return narrowing(space, runner, options, first)
}

/** Draws points at random, stage by stage, from a space that is narrowed around the best trials of the stage before. */
async function narrowing<T extends SearchTrial>(
  space: Space,
  runner: SearchRunner<T>,
  options: StrategyOptions,
  first: number,
): Promise<T[]> {
  const { strategy, trials, stages, searchSeed, metric } = options
  const rounds = strategy === 'random' ? 1 : stages
  const all: T[] = []
  let narrowed = space
  for (let stage = 0; stage < rounds; stage++) {
    // Trials that are added to a study later belong to its last stage: earlier trials keep their places.
    const last = stage === rounds - 1 ? trials : Math.round((first * (stage + 1)) / rounds)
    // Early stages explore with few epochs; the last one uses all of them.
    const stageEpochs = Math.max(1, Math.round(runner.epochs / 2 ** (rounds - 1 - stage)))
    const begin = all.length
    for (let k = begin; k < last; k++) all.push(await runner.make(k, randomPoint(narrowed, searchSeed, k), stageEpochs))
    const here = all.slice(begin)
    await trainAll(here, runner, options.jobs)
    const good = ranked(here, metric).slice(0, Math.max(2, Math.ceil(here.length / 4)))
    if (good.length > 0) {
      narrowed = narrow(
        narrowed,
        good.map(({ point }) => point),
      )
    }
  }
  return all
}

/**
 * Successive halving: the rungs that a trial has reached follow from the epochs it has done. Each process chooses among
 * all trials, by the scores that are saved.
 */
async function halve<T extends SearchTrial>(
  trials: readonly T[],
  runner: SearchRunner<T>,
  { factor, minEpochs, metric, jobs }: StrategyOptions,
): Promise<void> {
  const rungs = rungEpochs(minEpochs, runner.epochs, factor)
  const reached = ({ progress: { scores } }: T): number[] =>
    rungs.flatMap(epoch => scores.filter(score => score.epoch === epoch).map(score => goodness(score, metric)))
  const states = () =>
    trials.map(trial => ({
      // A trial that failed, or that early stopping has ended, cannot continue.
      busy: trial.busy !== false || isSettled(trial),
      scores: reached(trial),
    }))
  const next = async (): Promise<RungJob | undefined | typeof later> => {
    for (;;) {
      for (const trial of trials) if (trial.busy !== 'here' && !isSettled(trial)) await runner.look(trial)
      const job = nextJob(states(), { rungs: rungs.length, factor, most: trials.length })
      if (!job) return trials.some(({ busy }) => busy === 'elsewhere') ? later : undefined
      const trial = trials[job.trial]!
      if (!(await runner.take(trial))) {
        trial.busy = 'elsewhere'
        continue
      }
      if (reached(trial).length === job.rung && !isSettled(trial)) {
        trial.busy = 'here'
        return job
      }
      // Another process has taken it to that rung since.
      await runner.leave(trial)
    }
  }
  await workOn(jobs, next, async ({ trial: index, rung }) => {
    const trial = trials[index]!
    const isLast = rung === rungs.length - 1
    trial.progress = await runner.train(trial, isLast ? undefined : rungs[rung])
    trial.busy = false
    if (reached(trial).length > rung || isSettled(trial)) runner.onTrained(trial)
  })
}

/** Larger is better. */
const goodness = ({ accuracy, loss }: EpochScore, metric: 'accuracy' | 'loss'): number =>
  metric === 'accuracy' ? accuracy : -loss

/** The last score of a trial; undefined when it failed or has not finished an epoch. */
export const lastScore = ({ progress }: SearchTrial): EpochScore | undefined =>
  progress.failed === undefined ? progress.scores.at(-1) : undefined

/**
 * Trials, best first; those with more epochs come before those with fewer, whose scores say less. Failed ones are left
 * out.
 */
export function ranked<T extends SearchTrial>(trials: readonly T[], metric: 'accuracy' | 'loss'): T[] {
  const value = (trial: T): readonly [number, number] => {
    const score = lastScore(trial)
    return score ? [score.epoch, goodness(score, metric)] : [0, Number.NEGATIVE_INFINITY]
  }
  return trials.filter(trial => lastScore(trial)).sort((a, b) => value(b)[0] - value(a)[0] || value(b)[1] - value(a)[1])
}
