/** What is done beside the training keeps to its share of the time, whatever it costs. Times are of a clock that the test turns. */
import { describe, expect, test } from 'vitest'
import { Pace } from '../../lab/src/worker/pace.ts'

/** Trains by steps of `step` ms and looks where it is allowed. @returns the moments at which it looked, and the share of all time */
function watch(pace: Pace, { cost, step = 6, until }: { cost: number; step?: number; until: number }) {
  const looks: number[] = []
  let now = 0
  while (now < until) {
    now += step
    if (!pace.allows(now)) continue
    now += cost
    pace.spend(cost, now)
    looks.push(now)
  }
  return { looks, share: (looks.length * cost) / now }
}

/** What is saved while a step is waited for is not lost. */
const advance = 10
const options = { share: 0.02, advance, longest: 1e6 }

describe('a pace', () => {
  test.each([0.5, 2, 4, 30, 200])('takes its share of the time when once costs %d ms', cost => {
    const { share, looks } = watch(new Pace(options), { cost, until: 60_000 })
    // The advance comes on top, and one more than the share allows may have been begun.
    expect(share * 60_000).toBeLessThanOrEqual(0.02 * 60_000 + advance + cost)
    expect(looks.length * cost).toBeGreaterThan(0.02 * 60_000 - cost)
  })

  test('is even: once is never far from the next', () => {
    const { looks } = watch(new Pace({ ...options, advance: 0 }), { cost: 4, until: 20_000 })
    const gaps = looks.slice(1).map((at, k) => at - looks[k]!)
    // 4 ms are 2 % of 200; a step is the grain.
    expect(Math.max(...gaps)).toBeLessThanOrEqual(200 + 4 + 6)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(200 - 6)
  })

  test('counts what turns out to have cost more', () => {
    const pace = new Pace({ ...options, advance: 0 })
    expect(pace.allows(100)).toBe(true)
    pace.spend(2, 100)
    pace.spend(8, 110)
    // 10 ms are 2 % of 500.
    expect([pace.allows(599), pace.allows(601)]).toEqual([false, true])
  })

  test('gives an advance at the beginning, and again after a rest, but no more than that', () => {
    const early = (pace: Pace, from: number): number => {
      let count = 0
      for (let now = from; now < from + 1000; now += 10) {
        if (!pace.allows(now)) continue
        pace.spend(5, now)
        count++
      }
      return count
    }
    const pace = new Pace({ ...options, advance: 100 })
    // 100 ms in advance and 20 of the second are 24 times, and one that is begun.
    expect(early(pace, 0)).toBeLessThanOrEqual(25)
    expect(early(new Pace({ ...options, advance: 100 }), 0)).toBeGreaterThanOrEqual(23)
    expect(early(pace, 3_600_000)).toBeLessThanOrEqual(25)
  })

  test('keeps a distance, and never lets wait for too long', () => {
    const dear = watch(new Pace({ ...options, longest: 1000 }), { cost: 300, step: 10, until: 20_000 })
    expect(Math.max(...dear.looks.slice(1).map((at, k) => at - dear.looks[k]!))).toBeLessThanOrEqual(1310)
    const cheap = watch(new Pace({ ...options, shortest: 250 }), { cost: 0.1, until: 20_000 })
    expect(Math.min(...cheap.looks.slice(1).map((at, k) => at - cheap.looks[k]!))).toBeGreaterThanOrEqual(250)
  })
})
