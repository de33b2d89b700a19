/**
 * Learning-rate schedules: pure functions from the step (counted from 0) and the length of the run to the factor by
 * which the optimizer's learning rate is multiplied in that step. Nothing is stored, so a resumed run goes on exactly.
 */

/** Factor of the learning rate in a step, 0 ≤ step < totalSteps. */
export type Schedule = (step: number, totalSteps: number) => number

/** Options common to schedules that do not warm up by themselves. */
export interface WarmupOptions {
  /**
   * Steps during which the rate rises linearly to its full value, 0 by default: (step + 1) / warmup. The schedule
   * proper spans the steps that remain (Goyal et al. 2017).
   */
  readonly warmup?: number
}

/** Options of {@link step}. */
export interface StepOptions extends WarmupOptions {
  /** Shares of the run after which the rate falls, [1/2, 3/4] by default (He et al. 2015 on CIFAR-10: 32k, 48k of 64k). */
  readonly at?: readonly number[]
  /** What the rate is multiplied by each time, 0.1 by default. */
  readonly factor?: number
}

/** Options of {@link cosine}. */
export interface CosineOptions extends WarmupOptions {
  /** Factor at the end of the run, 0 by default. */
  readonly end?: number
}

/** Options of {@link oneCycle}. */
export interface OneCycleOptions {
  /** Share of the run in which the rate rises, 0.3 by default. */
  readonly rise?: number
  /** The rate starts at 1 / startDivisor, 25 by default. */
  readonly startDivisor?: number
  /** The rate ends at the start value / endDivisor, 10,000 by default. */
  readonly endDivisor?: number
}

/** The same rate in every step. */
export const constant = (options: WarmupOptions = {}): Schedule => withWarmup(() => 1, options)

/**
 * The rate falls by `factor` at given shares of the run.
 * @throws RangeError when a share is not between 0 and 1 or the factor is negative.
 * @example step({ at: [1 / 3, 2 / 3], factor: 0.1 }) // torchvision's 90 epochs: ÷ 10 after 30 and 60
 */
export function step({ at = [0.5, 0.75], factor = 0.1, ...options }: StepOptions = {}): Schedule {
  for (const share of at) checkShare('step', 'at', share)
  if (!(factor >= 0)) throw new RangeError(`step: factor (=${factor}) must be a number ≥ 0`)
  // Shares like 1/3 are not exact in binary; a share within rounding of a whole step falls at that step.
  const falls = (now: number, total: number): number =>
    at.filter(share => now >= Math.ceil(share * total - 1e-9)).length
  return withWarmup((now, total) => factor ** falls(now, total), options)
}

/**
 * Half a cosine wave from 1 to `end` (Loshchilov and Hutter 2017): end + (1 − end)(1 + cos(π · step / totalSteps)) / 2.
 * @throws RangeError when `end` is not between 0 and 1.
 */
export function cosine({ end = 0, ...options }: CosineOptions = {}): Schedule {
  checkShare('cosine', 'end', end)
  return withWarmup((now, total) => end + ((1 - end) * (1 + Math.cos((Math.PI * now) / total))) / 2, options)
}

/**
 * One cycle (Smith and Topin 2018), as PyTorch's OneCycleLR with cosine annealing: from 1 / startDivisor up to 1, then
 * down to 1 / (startDivisor · endDivisor) in the last step. Momentum is left alone.
 * @throws RangeError when `rise` is not between 0 and 1 or a divisor is not positive.
 */
export function oneCycle({ rise = 0.3, startDivisor = 25, endDivisor = 1e4 }: OneCycleOptions = {}): Schedule {
  checkShare('oneCycle', 'rise', rise)
  for (const [name, value] of Object.entries({ startDivisor, endDivisor })) {
    if (!(value > 0)) throw new RangeError(`oneCycle: ${name} (=${value}) must be a number > 0`)
  }
  const start = 1 / startDivisor
  const end = start / endDivisor
  const anneal = (from: number, to: number, share: number): number =>
    to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2
  return (now, total) => {
    // The last step of the rise, counted from 0; it lies before the first step when the run is too short to rise.
    const peak = rise * total - 1
    if (now <= peak) return peak > 0 ? anneal(start, 1, now / peak) : 1
    return anneal(1, end, (now - peak) / (total - 1 - peak))
  }
}

/** Precedes a schedule with a linear rise. @throws RangeError when `warmup` is not a whole number ≥ 0. */
export function withWarmup(schedule: Schedule, { warmup = 0 }: WarmupOptions): Schedule {
  if (!Number.isInteger(warmup) || warmup < 0) {
    throw new RangeError(`schedule: warmup (=${warmup}) must be a whole number of steps ≥ 0`)
  }
  return (now, total) => (now < warmup ? (now + 1) / warmup : schedule(now - warmup, Math.max(1, total - warmup)))
}

function checkShare(schedule: string, name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${schedule}: ${name} (=${value}) must be between 0 and 1`)
}
