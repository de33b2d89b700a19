/**
 * One cycle (Smith and Topin 2018), as PyTorch's OneCycleLR: the learning rate rises to its maximum and then falls
 * almost to zero, while momentum does the opposite.
 */
import { checkPositive, checkShare } from './options.ts'
import type { Schedule } from './schedule.ts'
import { halfWave } from './schedules.ts'

/** Options of {@link oneCycle}. */
export interface OneCycleOptions {
  /** Share of the run during which the rate rises, 0.3 by default. */
  readonly rise?: number
  /** The rate starts at 1 / startDivisor, 25 by default. */
  readonly startDivisor?: number
  /** The rate ends at the start value / endDivisor, 10,000 by default. */
  readonly endDivisor?: number
  /** The shape of the rise and fall: half a cosine wave (the default) or a line. */
  readonly anneal?: 'cosine' | 'linear'
}

/** Options of {@link oneCycleMomentum}. */
export interface OneCycleMomentumOptions {
  /** Share of the run during which the learning rate rises and momentum falls, 0.3 by default. */
  readonly rise?: number
  /** Momentum when the rate is at its maximum, 0.85 by default. */
  readonly low?: number
  /** Momentum at the start and at the end, 0.95 by default. */
  readonly high?: number
  /** As in {@link OneCycleOptions}. */
  readonly anneal?: 'cosine' | 'linear'
}

/**
 * From 1 / startDivisor up to 1, then down to 1 / (startDivisor · endDivisor) in the last step. It does not change the
 * momentum; {@link oneCycleMomentum} does.
 * @throws RangeError when `rise` is not between 0 and 1 or a divisor is not positive.
 * @example new Trainer({ …, optimizer: sgd({ lr: 0.1, momentum: 0.9 }), schedule: oneCycle(), momentum: oneCycleMomentum() })
 */
export function oneCycle(options: OneCycleOptions = {}): Schedule {
  const { rise = 0.3, startDivisor = 25, endDivisor = 1e4, anneal = 'cosine' } = options
  checkShare('oneCycle', 'rise', rise)
  checkPositive('oneCycle', 'startDivisor', startDivisor)
  checkPositive('oneCycle', 'endDivisor', endDivisor)
  const start = 1 / startDivisor
  return cycle(rise, start, 1, start / endDivisor, anneal)
}

/**
 * Momentum for {@link oneCycle}: from `high` down to `low` at the peak of the learning rate, and back. It gives the
 * momentum itself, not a factor; for the Adam family this is β₁.
 * @throws RangeError when an option is not between 0 and 1.
 */
export function oneCycleMomentum(options: OneCycleMomentumOptions = {}): Schedule {
  const { rise = 0.3, low = 0.85, high = 0.95, anneal = 'cosine' } = options
  for (const [name, value] of Object.entries({ rise, low, high })) checkShare('oneCycleMomentum', name, value)
  return cycle(rise, high, low, high, anneal)
}

/** `start` at the first step, `peak` at the share `rise` of the run, `end` at the last step. */
function cycle(rise: number, start: number, peak: number, end: number, anneal: 'cosine' | 'linear'): Schedule {
  const wave = anneal === 'cosine' ? halfWave : (share: number): number => 1 - share
  const between = (from: number, to: number, share: number): number => to + (from - to) * wave(share)
  return (now, total) => {
    // The last step of the rise, counted from 0; negative when the run is too short to rise.
    const top = rise * total - 1
    if (now <= top) return top > 0 ? between(start, peak, now / top) : peak
    return between(peak, end, (now - top) / (total - 1 - top))
  }
}
