/**
 * The type of a learning-rate schedule: a function from the step (counted from 0) and the length of the run to a
 * factor of the optimizer's learning rate in that step. Most schedules have no state, so a resumed run continues
 * exactly. A schedule that watches the scores has feedback, whose state is saved in checkpoints.
 */
import { checkShare } from './options.ts'

/** Factor of the learning rate in a step, 0 ≤ step < totalSteps. Any function of this form is a schedule. */
export interface Schedule {
  (step: number, totalSteps: number): number
  /** For a schedule that depends on the progress of training. */
  readonly feedback?: ScheduleFeedback
}

/** Thrown when a schedule does not return a finite number. Names the step. */
export class ScheduleError extends RangeError {
  override readonly name = 'ScheduleError'
}

/**
 * The factor that a schedule gives for a step, counted from 0.
 * @param what name of the schedule in messages
 * @throws ScheduleError when it is NaN or infinite
 */
export function factorOf(schedule: Schedule, step: number, totalSteps: number, what = 'schedule'): number {
  const factor: unknown = schedule(step, totalSteps)
  if (typeof factor === 'number' && Number.isFinite(factor)) return factor
  const kind = typeof factor === 'number' || factor === undefined ? '' : ` (of type ${typeof factor})`
  const given = `${typeof factor === 'string' ? JSON.stringify(factor) : String(factor)}${kind}`
  throw new ScheduleError(`${what} gave ${given} for step ${step} of ${totalSteps}, expected a finite number`)
}

/** The scores after an epoch: on the validation images if there are any, else means over the epoch's steps. */
export interface EpochScore {
  readonly loss: number
  /** 0 … 1 */
  readonly accuracy: number
}

/** How a schedule learns how well training goes. */
export interface ScheduleFeedback {
  /** Called after every epoch. */
  observe(score: EpochScore): void
  /** The state of the schedule, as JSON, for a checkpoint. */
  save(): unknown
  /** Restores a state returned by `save`. @throws Error when it is not a state of this kind of schedule. */
  restore(saved: unknown): void
}

/** Options common to schedules that do not warm up by themselves. */
export interface WarmupOptions {
  /**
   * During this many steps (or this share of the run, when below 1) the rate rises linearly to its full value, 0 by
   * default. The schedule itself covers the remaining steps (Goyal et al. 2017).
   */
  readonly warmup?: number
  /**
   * Factor at the first step: the factor is then start + (1 − start) · step / warmup, as in PyTorch's LinearLR. By
   * default it is (step + 1) / warmup, so that the last warm-up step has the full rate.
   */
  readonly warmupStart?: number
}

/**
 * Precedes any schedule with a linear rise.
 * @throws RangeError when `warmup` is neither a whole number nor a share below 1, or `warmupStart` not between 0 and 1.
 * @example withWarmup(cosine(), { warmup: 0.05 })
 */
export function withWarmup(schedule: Schedule, { warmup = 0, warmupStart }: WarmupOptions): Schedule {
  if (!(warmup >= 0) || (warmup >= 1 && !Number.isSafeInteger(warmup))) {
    throw new RangeError(`schedule: warmup (=${warmup}) must be a whole number of steps or a share below 1`)
  }
  if (warmupStart !== undefined) checkShare('schedule', 'warmupStart', warmupStart)
  const warmed = (now: number, total: number): number => {
    const rise = warmup < 1 ? Math.round(warmup * total) : warmup
    if (now >= rise) return schedule(now - rise, Math.max(1, total - rise))
    return warmupStart === undefined ? (now + 1) / rise : warmupStart + ((1 - warmupStart) * now) / rise
  }
  return schedule.feedback ? Object.assign(warmed, { feedback: schedule.feedback }) : warmed
}
