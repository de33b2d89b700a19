/** Schedules against PyTorch 2.13.0's, as factors of the learning rate. */
import { describe, expect, test } from 'vitest'
import { constant, cosine, oneCycle, type Schedule, step } from '../../src/optim/index.ts'
import { expectClose } from '../support/fixtures.ts'

const factors = (schedule: Schedule, total: number): number[] =>
  Array.from({ length: total }, (_, now) => schedule(now, total))

test('constant', () => {
  expect(factors(constant(), 3)).toEqual([1, 1, 1])
})

test('step is MultiStepLR: milestones 5 and 7 of 10, gamma 0.1', () => {
  const expected = [1, 1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.01]
  expectClose(factors(step({ at: [0.5, 0.7] }), 10), expected, { relative: 1e-12 }, 'step')
})

test('step falls at whole steps for shares that are not exact in binary', () => {
  expect(factors(step({ at: [1 / 3, 2 / 3], factor: 0.5 }), 90).lastIndexOf(1)).toBe(29)
  expect(factors(step({ at: [0.7], factor: 0.5 }), 10).lastIndexOf(1)).toBe(6)
})

test('cosine is CosineAnnealingLR: T_max 10, eta_min 0.1', () => {
  const expected = [
    1, 0.9779754323328191, 0.9140576474687263, 0.8145033635316129, 0.6890576474687263, 0.55, 0.41094235253127376,
    0.2854966364683872, 0.18594235253127372, 0.12202456766718092,
  ]
  expectClose(factors(cosine({ end: 0.1 }), 10), expected, { relative: 1e-12 }, 'cosine')
})

describe('oneCycle is OneCycleLR', () => {
  test('10 steps, defaults', () => {
    const expected = [
      0.04, 0.52, 1, 0.9504846320134737, 0.8117456539497631, 0.6112620219362893, 0.38874197806371075,
      0.18825834605023697, 0.049519367986526286, 4e-6,
    ]
    expectClose(factors(oneCycle(), 10), expected, { relative: 1e-11 }, 'oneCycle')
  })

  test('7 steps, the peak between two of them', () => {
    const expected = [
      0.1, 0.6281416799501185, 0.9944209976994517, 0.8119331560284374, 0.4631723182535811, 0.13434059002100174, 0.001,
    ]
    const schedule = oneCycle({ rise: 0.4, startDivisor: 10, endDivisor: 100 })
    expectClose(factors(schedule, 7), expected, { relative: 1e-11 }, 'oneCycle')
  })

  test.each([1, 2, 3])('%i steps give finite factors in (0, 1]', total => {
    for (const factor of factors(oneCycle(), total)) {
      expect(factor).toBeGreaterThan(0)
      expect(factor).toBeLessThanOrEqual(1)
    }
  })
})

test('warm-up rises linearly to the full rate; the schedule spans the steps that remain', () => {
  expect(factors(constant({ warmup: 4 }), 6)).toEqual([0.25, 0.5, 0.75, 1, 1, 1])
  expect(factors(cosine({ warmup: 2 }), 12).slice(2)).toEqual(factors(cosine(), 10))
  // A warm-up as long as the run, or longer, never divides by zero.
  expect(factors(cosine({ warmup: 5 }), 3)).toEqual([0.2, 0.4, 0.6])
})

test('options are checked', () => {
  expect(() => step({ at: [30] })).toThrow('step: at (=30) must be between 0 and 1')
  expect(() => cosine({ end: 2 })).toThrow('cosine: end (=2)')
  expect(() => oneCycle({ startDivisor: 0 })).toThrow('oneCycle: startDivisor (=0)')
  expect(() => constant({ warmup: 1.5 })).toThrow('schedule: warmup (=1.5)')
})
