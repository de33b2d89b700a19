import { expect, it } from 'vitest'
import { wilsonInterval } from '../../src/report/wilson.ts'

it.each([
  // The roots in p of (right / samples − p)² = z² p (1 − p) / samples, solved as a quadratic with z = 1.959963984540054.
  [9912, 10_000, 0.98917, 0.99285],
  [0, 10, 0, 0.27753],
  [10, 10, 0.72247, 1],
  [5, 10, 0.23659, 0.76341],
  [0, 0, 0, 1],
])('wilsonInterval(%d, %d)', (right, samples, low, high) => {
  const interval = wilsonInterval(right, samples)
  expect(interval[0]).toBeCloseTo(low, 4)
  expect(interval[1]).toBeCloseTo(high, 4)
})
