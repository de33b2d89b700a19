import { expect, it } from 'vitest'
import type { LoggedEvent } from '../../src/runs/eventLine.ts'
import { trainingSeconds } from '../../src/runs/trainingTime.ts'

const event = (type: string, second: number) =>
  ({ type, time: new Date(Date.UTC(2024, 0, 1) + 1000 * second).toISOString() }) as LoggedEvent

it('counts the time of steps, over several processes, without validation and pauses', () => {
  const events = [
    event('start', 0),
    event('step', 1.5),
    event('step', 2),
    event('epoch', 2),
    event('validation', 5),
    event('checkpoint', 6),
    event('step', 7),
    event('start', 1000),
    event('step', 1000.25),
  ]
  expect(trainingSeconds(events)).toBeCloseTo(1.5 + 0.5 + 1 + 0.25, 9)
})

it('is zero for a clock that was set back, and for no events', () => {
  expect(trainingSeconds([event('start', 10), event('step', 5)])).toBe(0)
  expect(trainingSeconds([])).toBe(0)
})
