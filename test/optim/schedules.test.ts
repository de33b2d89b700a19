/** Schedules against PyTorch 2.13.0's, as factors of the learning rate; warm-up, feedback, and what is refused. */
import { describe, expect, test } from 'vitest'
import * as optim from '../../src/optim/index.ts'
import {
  constant,
  cosine,
  cosineWithRestarts,
  exponential,
  lambda,
  multiStep,
  oneCycle,
  oneCycleMomentum,
  onPlateau,
  polynomial,
  type Schedule,
  step,
  swa,
  withWarmup,
} from '../../src/optim/index.ts'
import { expectClose } from '../support/fixtures.ts'
import { optimizerCases, type ScheduleCase, scheduleCases } from '../support/optimFixtures.ts'

const factors = (schedule: Schedule, total: number): number[] =>
  Array.from({ length: total }, (_, now) => schedule(now, total))

function scheduleOf({ op, options }: ScheduleCase): Schedule {
  if (op === 'lambda') return lambda(now => 1 / (1 + now))
  return (optim as unknown as Record<string, (options: unknown) => Schedule>)[op]!(options)
}

describe('PyTorch', () => {
  test('has a case of every schedule here that it has', () => {
    const names = ['step', 'multiStep', 'exponential', 'polynomial', 'cosine', 'cosineWithRestarts', 'oneCycle']
    expect(new Set(scheduleCases.map(({ op }) => op))).toEqual(new Set([...names, 'constant', 'lambda', 'onPlateau']))
  })

  test.each(scheduleCases.map(fixture => [fixture.name, fixture] as const))('%s', (name, fixture) => {
    const schedule = scheduleOf(fixture)
    const { metrics } = fixture
    const total = fixture.factors.length
    const got = metrics
      ? metrics.map(metric => {
          schedule.feedback!.observe({ loss: metric, accuracy: metric })
          return schedule(0, total)
        })
      : factors(schedule, total)
    // The fixtures have 15 digits; PyTorch multiplies factors up step by step.
    expectClose(got, fixture.factors, { relative: 1e-12, absolute: 1e-14 }, name)
  })

  test('one cycle of the rate and of momentum', () => {
    const { rates, momenta, options } = optimizerCases.find(fixture => fixture.op === 'sgd' && fixture.momenta)!
    const lr = options.lr as number
    expectClose(
      factors(oneCycle(), 10).map(factor => lr * factor),
      rates!,
      { relative: 1e-12 },
      'rates',
    )
    expectClose(factors(oneCycleMomentum(), 10), momenta!, { relative: 1e-12 }, 'momenta')
  })
})

test('constant', () => {
  expect(factors(constant(), 3)).toEqual([1, 1, 1])
})

test('falls happen at whole steps for shares that are not exact in binary', () => {
  expect(factors(multiStep({ at: [1 / 3, 2 / 3], factor: 0.5 }), 90).lastIndexOf(1)).toBe(29)
  expect(factors(multiStep({ at: [0.7], factor: 0.5 }), 10).lastIndexOf(1)).toBe(6)
  expect(factors(step({ every: 0.1, factor: 0.5 }), 30)).toEqual(
    Array.from({ length: 30 }, (_, k) => 0.5 ** Math.floor(k / 3)),
  )
})

test('restarts fall on the nearest step when cycles are no whole number of steps', () => {
  const got = factors(cosineWithRestarts({ cycles: 3 }), 10)
  const rises = got.flatMap((factor, now) => (now > 0 && factor > got[now - 1]! ? [now] : []))
  expect(rises).toEqual([4, 7])
  expect(Math.min(...got)).toBeGreaterThan(0)
})

test.each([1, 2, 3])('oneCycle over %i steps gives finite factors in (0, 1]', total => {
  for (const factor of factors(oneCycle(), total)) {
    expect(factor).toBeGreaterThan(0)
    expect(factor).toBeLessThanOrEqual(1)
  }
})

describe('warm-up', () => {
  test('rises linearly to the full rate; the schedule spans the steps that remain', () => {
    expect(factors(constant({ warmup: 4 }), 6)).toEqual([0.25, 0.5, 0.75, 1, 1, 1])
    expect(factors(cosine({ warmup: 2 }), 12).slice(2)).toEqual(factors(cosine(), 10))
    // A warm-up as long as the run, or longer, never divides by zero.
    expect(factors(cosine({ warmup: 5 }), 3)).toEqual([0.2, 0.4, 0.6])
  })

  test('may be a share of the run', () => {
    expect(factors(polynomial({ warmup: 0.2 }), 10)).toEqual(factors(polynomial({ warmup: 2 }), 10))
  })

  test('precedes a schedule with feedback, and a function of one’s own', () => {
    const schedule = withWarmup(onPlateau({ patience: 0 }), { warmup: 2 })
    for (const loss of [1, 2]) schedule.feedback!.observe({ loss, accuracy: 0 })
    expect(factors(schedule, 4)).toEqual([0.5, 1, 0.1, 0.1])
    expect(
      factors(
        withWarmup(now => 0.5 ** now, { warmup: 1 }),
        4,
      ),
    ).toEqual([1, 1, 0.5, 0.25])
  })
})

describe('onPlateau', () => {
  test('goes on from what it saved', () => {
    const losses = [1, 1, 1, 0.5, 0.6, 0.6, 0.6, 0.6, 0.4, 0.4, 0.4]
    const make = () => onPlateau({ patience: 1, cooldown: 1, factor: 0.5 })
    const whole = make()
    const expected = losses.map(loss => {
      whole.feedback!.observe({ loss, accuracy: 0 })
      return whole(0, 1)
    })
    expect(new Set(expected).size).toBeGreaterThan(2)
    for (let cut = 0; cut < losses.length; cut++) {
      const before = make()
      for (const loss of losses.slice(0, cut)) before.feedback!.observe({ loss, accuracy: 0 })
      const after = make()
      after.feedback!.restore(JSON.parse(JSON.stringify(before.feedback!.save())))
      const rest = losses.slice(cut).map(loss => {
        after.feedback!.observe({ loss, accuracy: 0 })
        return after(0, 1)
      })
      expect(rest).toEqual(expected.slice(cut))
    }
  })

  test('counts a loss that is no number as no improvement', () => {
    const schedule = onPlateau({ patience: 0 })
    for (const loss of [Number.NaN, 1, 0.5]) schedule.feedback!.observe({ loss, accuracy: 0 })
    expect(schedule(0, 1)).toBeCloseTo(0.1, 12)
  })

  test('refuses the state of another schedule', () => {
    expect(() => onPlateau().feedback!.restore({ cycle: 1 })).toThrow('onPlateau: the state to resume from')
    expect(() => onPlateau().feedback!.restore(undefined)).toThrow('onPlateau')
  })
})

test('options are checked', () => {
  expect(() => multiStep({ at: [30] })).toThrow('multiStep: at (=30) must be between 0 and 1')
  expect(() => step({ every: 30 })).toThrow('step: every (=30) must be between 0 and 1')
  expect(() => step({ every: 0 })).toThrow('step: every (=0) must be a number > 0')
  expect(() => cosine({ end: 2 })).toThrow('cosine: end (=2)')
  expect(() => exponential({ end: 0 })).toThrow('exponential: end (=0) must be a number > 0')
  expect(() => polynomial({ power: -1 })).toThrow('polynomial: power (=-1)')
  expect(() => cosineWithRestarts({ cycles: 1.5 })).toThrow('cosineWithRestarts: cycles (=1.5) must be a whole number')
  expect(() => oneCycle({ startDivisor: 0 })).toThrow('oneCycle: startDivisor (=0)')
  expect(() => oneCycleMomentum({ low: 2 })).toThrow('oneCycleMomentum: low (=2)')
  expect(() => onPlateau({ factor: 1 })).toThrow('onPlateau: factor (=1) must be at least 0 and less than 1')
  expect(() => onPlateau({ patience: -1 })).toThrow('onPlateau: patience (=-1)')
  expect(() => constant({ warmup: 1.5 })).toThrow('schedule: warmup (=1.5)')
  expect(() => constant({ warmup: 2, warmupStart: 2 })).toThrow('schedule: warmupStart (=2)')
  expect(() => swa({ every: 0 })).toThrow('swa: every (=0)')
  expect(() => lambda(() => -1)(3, 10)).toThrow('lambda: the factor in step 3 (=-1) must be a number ≥ 0')
})
