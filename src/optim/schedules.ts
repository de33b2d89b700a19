/**
 * Schedules that depend only on the step. Positions in a run are given as shares of it, so that a recipe stays valid
 * when the number of epochs changes: epoch 30 of 90 is 1/3.
 */
import { checkOption, checkPositive, checkShare, checkWhole } from './options.ts'
import { type Schedule, type WarmupOptions, withWarmup } from './schedule.ts'

/** Options of {@link step}. */
export interface StepOptions extends WarmupOptions {
  /** Share of the run between two falls of the rate; 1/3 by default. */
  readonly every?: number
  /** Factor of the rate each time, 0.1 by default. */
  readonly factor?: number
}

/** Options of {@link multiStep}. */
export interface MultiStepOptions extends WarmupOptions {
  /**
   * Shares of the run after which the rate falls, [1/2, 3/4] by default (He et al. 2015 on CIFAR-10: 32k, 48k of 64k).
   */
  readonly at?: readonly number[]
  /** Factor of the rate each time, 0.1 by default. */
  readonly factor?: number
}

/** Options of {@link exponential} and {@link cosine}. */
export interface EndOptions extends WarmupOptions {
  /** Factor at the end of the run. */
  readonly end?: number
}

/** Options of {@link polynomial}. */
export interface PolynomialOptions extends EndOptions {
  /** Exponent, 1 by default: a straight line. */
  readonly power?: number
}

/** Options of {@link cosineWithRestarts}. */
export interface RestartOptions extends EndOptions {
  /** Number of cycles in the run, 4 by default. */
  readonly cycles?: number
  /** Ratio of each cycle's length to the previous cycle's, 1 by default; 2 is also common. */
  readonly growth?: number
}

/** The same rate in every step. */
export const constant = (options: WarmupOptions = {}): Schedule => withWarmup(() => 1, options)

/**
 * A custom schedule. Any function `(step, totalSteps) => factor` is already a schedule; this adds a warm-up, and an
 * error when the function returns an invalid factor.
 * @throws RangeError (from the schedule) naming the step, when a factor is negative, NaN or infinite.
 * @example lambda((step, totalSteps) => 1 / (1 + (10 * step) / totalSteps), { warmup: 100 })
 */
export function lambda(factor: (step: number, totalSteps: number) => number, options: WarmupOptions = {}): Schedule {
  return withWarmup((now, total) => {
    const value = factor(now, total)
    if (value >= 0 && value < Number.POSITIVE_INFINITY) return value
    throw new RangeError(`lambda: the factor in step ${now} (=${value}) must be a number ≥ 0`)
  }, options)
}

/**
 * The rate falls by `factor` at equal intervals, as in PyTorch's StepLR.
 * @throws RangeError when `every` is not a share above 0 or the factor is negative.
 * @example step({ every: 1 / 3 }) // torchvision's 90 epochs: ÷ 10 after 30 and 60
 */
export function step({ every = 1 / 3, factor = 0.1, ...options }: StepOptions = {}): Schedule {
  checkShare('step', 'every', every)
  checkPositive('step', 'every', every)
  checkOption('step', 'factor', factor)
  return withWarmup((now, total) => factor ** Math.floor(now / (every * total) + rounding), options)
}

/**
 * The rate falls by `factor` at given shares of the run, as in PyTorch's MultiStepLR.
 * @throws RangeError when a share is not between 0 and 1 or the factor is negative.
 * @example multiStep({ at: [0.5, 0.75] })
 */
export function multiStep({ at = [0.5, 0.75], factor = 0.1, ...options }: MultiStepOptions = {}): Schedule {
  for (const share of at) checkShare('multiStep', 'at', share)
  checkOption('multiStep', 'factor', factor)
  const falls = (now: number, total: number): number =>
    at.filter(share => now >= Math.ceil(share * total - rounding)).length
  return withWarmup((now, total) => factor ** falls(now, total), options)
}

/**
 * The rate falls by the same factor in every step, to `end` (0.01 by default) at the end of the run: end ^ (step /
 * totalSteps). PyTorch's ExponentialLR with γ = end ^ (1 / totalSteps).
 * @throws RangeError when `end` is not above 0 and at most 1.
 */
export function exponential({ end = 0.01, ...options }: EndOptions = {}): Schedule {
  checkShare('exponential', 'end', end)
  checkPositive('exponential', 'end', end)
  return withWarmup((now, total) => end ** (now / total), options)
}

/**
 * end + (1 − end)(1 − step / totalSteps) ^ power, with `end` 0 by default; with power 1 the rate falls along a line.
 * PyTorch's PolynomialLR over the whole run.
 * @throws RangeError when `end` is not between 0 and 1 or the power is negative.
 */
export function polynomial({ end = 0, power = 1, ...options }: PolynomialOptions = {}): Schedule {
  checkShare('polynomial', 'end', end)
  checkOption('polynomial', 'power', power)
  return withWarmup((now, total) => end + (1 - end) * Math.max(0, 1 - now / total) ** power, options)
}

/**
 * Half a cosine wave from 1 to `end`, 0 by default (Loshchilov and Hutter 2017):
 * end + (1 − end)(1 + cos(π · step / totalSteps)) / 2. PyTorch's CosineAnnealingLR over the whole run.
 * @throws RangeError when `end` is not between 0 and 1.
 */
export function cosine({ end = 0, ...options }: EndOptions = {}): Schedule {
  checkShare('cosine', 'end', end)
  return withWarmup((now, total) => end + (1 - end) * halfWave(now / total), options)
}

/**
 * Cosine with warm restarts, SGDR (Loshchilov and Hutter 2017): the run is divided into cycles, and in each the rate
 * falls from 1 to `end` (0 by default) along half a wave. PyTorch's CosineAnnealingWarmRestarts with T_0 = totalSteps
 * / Σ growth^i.
 * @throws RangeError when an option is out of its range.
 * @example cosineWithRestarts({ cycles: 3, growth: 2 }) // 1/7, 2/7 and 4/7 of the run
 */
export function cosineWithRestarts(options: RestartOptions = {}): Schedule {
  const { end = 0, cycles = 4, growth = 1, ...warmup } = options
  checkShare('cosineWithRestarts', 'end', end)
  checkWhole('cosineWithRestarts', 'cycles', cycles, 1)
  checkPositive('cosineWithRestarts', 'growth', growth)
  const lengths = Array.from({ length: cycles }, (_, cycle) => growth ** cycle)
  const whole = lengths.reduce((sum, length) => sum + length, 0)
  return withWarmup((now, total) => {
    let begin = 0
    for (const share of lengths) {
      const length = (share / whole) * total
      // A cycle boundary within rounding of a whole step counts as that step.
      if (now < begin + length - rounding) return end + (1 - end) * halfWave(Math.max(0, now - begin) / length)
      begin += length
    }
    return end
  }, warmup)
}

/** From 1 at 0 to 0 at 1 along a cosine. */
export const halfWave = (share: number): number => (1 + Math.cos(Math.PI * share)) / 2

/** Shares like 1/3 are not exact in binary; a position this close to a whole step counts as that step. */
const rounding = 1e-9
