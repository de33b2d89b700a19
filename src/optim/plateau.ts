/**
 * Reduce on plateau: the learning rate falls when the epoch score has not improved for a while, as in PyTorch's
 * ReduceLROnPlateau. The trainer passes every epoch's score to the schedule and saves its state in checkpoints.
 */
import { checkOption, checkShare, checkWhole } from './options.ts'
import { type EpochScore, type Schedule, type WarmupOptions, withWarmup } from './schedule.ts'

/** Options of {@link onPlateau}. */
export interface PlateauOptions extends WarmupOptions {
  /** `'loss'`, which should fall (the default), or `'accuracy'`, which should rise. */
  readonly metric?: keyof EpochScore
  /** Factor of the rate each time, 0.1 by default. */
  readonly factor?: number
  /** Epochs without improvement that are tolerated; the rate falls after one more. 10 by default. */
  readonly patience?: number
  /** Margin by which a score must beat the best to count as an improvement, 1e-4 by default. */
  readonly threshold?: number
  /** Meaning of the threshold: a share of the best score (`'relative'`, the default) or a difference (`'absolute'`). */
  readonly thresholdMode?: 'relative' | 'absolute'
  /** Epochs after a fall that do not count, 0 by default. */
  readonly cooldown?: number
  /** The factor never falls below this, 0 by default. (PyTorch's min_lr, as a factor.) */
  readonly end?: number
}

/** The state of the schedule, as JSON. */
interface PlateauState {
  readonly factor: number
  /** Absent before the first epoch. */
  readonly best?: number
  readonly badEpochs: number
  readonly cooldownLeft: number
}

/**
 * The rate falls when the validation score (or, without validation images, the training score) stops improving. One
 * schedule serves one training run.
 * @throws RangeError when an option is out of its range.
 * @example new Trainer({ model, train, validation, engine, optimizer, epochs: 60, schedule: onPlateau({ patience: 5 }) })
 */
export function onPlateau(options: PlateauOptions = {}): Schedule {
  const { metric = 'loss', factor = 0.1, patience = 10, cooldown = 0, end = 0 } = options
  const { threshold = 1e-4, thresholdMode = 'relative', ...rest } = options
  checkOption('onPlateau', 'factor', factor, 1)
  checkWhole('onPlateau', 'patience', patience, 0)
  checkWhole('onPlateau', 'cooldown', cooldown, 0)
  checkOption('onPlateau', 'threshold', threshold)
  checkShare('onPlateau', 'end', end)

  let state: PlateauState = { factor: 1, badEpochs: 0, cooldownLeft: 0 }
  const isBetter = (score: number): boolean => {
    const { best } = state
    if (Number.isNaN(score)) return false
    if (best === undefined) return true
    const margin = thresholdMode === 'relative' ? Math.abs(best) * threshold : threshold
    return metric === 'loss' ? score < best - margin : score > best + margin
  }
  const observe = (scores: EpochScore): void => {
    const better = isBetter(scores[metric])
    const best = better ? scores[metric] : state.best
    const isCooling = state.cooldownLeft > 0
    const badEpochs = better || isCooling ? 0 : state.badEpochs + 1
    const falls = badEpochs > patience
    state = {
      factor: falls ? Math.max(state.factor * factor, end) : state.factor,
      ...(best !== undefined && { best }),
      badEpochs: falls ? 0 : badEpochs,
      cooldownLeft: falls ? cooldown : state.cooldownLeft - (isCooling ? 1 : 0),
    }
  }
  const restore = (saved: unknown): void => {
    if (!isState(saved)) throw new Error('onPlateau: the state to resume from belongs to another schedule')
    state = saved
  }
  const schedule = Object.assign(() => state.factor, { feedback: { observe, save: () => state, restore } })
  return withWarmup(schedule, rest)
}

function isState(value: unknown): value is PlateauState {
  if (typeof value !== 'object' || value === null) return false
  const { factor, best = 0, badEpochs, cooldownLeft } = value as Record<string, unknown>
  return [factor, best, badEpochs, cooldownLeft].every(number => typeof number === 'number')
}
