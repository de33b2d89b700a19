/**
 * The type of a learning-rate schedule: a function from the step (counted from 0) and the length of the run to the factor by
 * which the optimizer's learning rate is multiplied in that step. Most store nothing, so a resumed run continues exactly; one
 * that watches the scores has feedback, whose state checkpoints save.
 */
import { checkShare } from './options.ts'

/** Factor of the learning rate in a step, 0 ≤ step < totalSteps. Any function of this form is a schedule. */
export interface Schedule {
  (step: number, totalSteps: number): number
  /** For a schedule that depends on how training goes. */
  readonly feedback?: ScheduleFeedback
}

/** Thrown when a schedule gives no number. Names the step. */
export class ScheduleError extends RangeError {
  override readonly name = 'ScheduleError'
}

/**
 * The factor that a schedule gives for a step, counted from 0.
 * @param what to call the schedule in messages
 * @throws ScheduleError when it is NaN or infinite
 */
export function factorOf(schedule: Schedule, step: number, totalSteps: number, what = 'schedule'): number {
  const factor: unknown = schedule(step, totalSteps)
  if (typeof factor === 'number' && Number.isFinite(factor)) return factor
  const kind = typeof factor === 'number' || factor === undefined ? '' : ` (of type ${typeof factor})`
  const given = `${typeof factor === 'string' ? JSON.stringify(factor) : String(factor)}${kind}`
  throw new ScheduleError(`${what} gave ${given} for step ${step} of ${totalSteps}, expected a finite number`)
}

/** The scores after an epoch: of the validation images when there are any, else the means over the epoch's steps. */
export interface EpochScore {
  readonly loss: number
  /** 0 … 1 */
  readonly accuracy: number
}

/** The way in which a schedule learns how well training goes. */
export interface ScheduleFeedback {
  /** Told after every epoch. */
  observe(score: EpochScore): void
  /** The state of the schedule, as JSON, for a checkpoint. */
  save(): unknown
  /** Goes back to what `save` gave. @throws Error when it is of another kind. */
  restore(saved: unknown): void
}

/** Options common to schedules that do not warm up by themselves. */
export interface WarmupOptions {
  /**
   * During this many steps (or this share of the run, when below 1) the rate rises linearly to its full value, 0 by default.
   * The schedule proper spans the steps that remain (Goyal et al. 2017).
   */
  readonly warmup?: number
  /**
   * Factor at the first step: the rate is then start + (1 − start) · step / warmup, as PyTorch's LinearLR. By default the
   * rise is (step + 1) / warmup, whose last step has the full rate.
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
