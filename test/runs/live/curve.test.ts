/** Curves that are reduced for drawing: nothing is lost that drawing needs, and growing gives what reducing gives. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bucketSize, Curve, type CurveStep } from '../../../src/runs/live/curve.ts'
import { StepColumns } from '../../../src/runs/live/stepColumns.ts'

const stepsOf = (losses: readonly number[]): CurveStep[] =>
  losses.map((loss, k) => ({ step: k + 1, loss, accuracy: (k % 10) / 10, seconds: k / 4 }))

function columnsOf(steps: readonly CurveStep[]): StepColumns {
  const columns = new StepColumns()
  for (const step of steps) columns.add(step)
  return columns
}

const losses = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -100, max: 100 }), {
  minLength: 1,
  maxLength: 400,
})
const range = fc.tuple(
  fc.integer({ min: 1, max: 400 }),
  fc.integer({ min: 0, max: 400 }),
  fc.integer({ min: 1, max: 60 }),
)

/** What a bucket holds, computed from the steps themselves. */
function expectBuckets(curve: Curve, steps: readonly CurveStep[]): void {
  const { size, first, count, loss, accuracy, step, seconds } = curve.data
  for (const [k, held] of count.entries()) {
    const own = steps.filter(one => Math.floor((one.step - 1) / size) === first + k)
    expect(held).toBe(own.length)
    if (held === 0) continue
    const sum = (of: (one: CurveStep) => number): number => own.reduce((total, one) => total + of(one), 0)
    expect(loss.low[k]).toBe(Math.min(...own.map(one => one.loss)))
    expect(loss.high[k]).toBe(Math.max(...own.map(one => one.loss)))
    // Sums in another order of a few hundred numbers below 100.
    expect(loss.sum[k]).toBeCloseTo(
      sum(one => one.loss),
      8,
    )
    expect(accuracy.low[k]).toBe(Math.min(...own.map(one => one.accuracy)))
    expect(accuracy.high[k]).toBe(Math.max(...own.map(one => one.accuracy)))
    expect(step[k]).toBe(sum(one => one.step))
    expect(seconds[k]).toBe(sum(one => one.seconds))
  }
}

describe('a curve', () => {
  test('holds every step of its range, with the least, the largest and the sum of each bucket', () => {
    fc.assert(
      fc.property(losses, range, (values, [from, width, most]) => {
        const steps = stepsOf(values)
        const curve = columnsOf(steps).curve(from, from + width, most)
        expect(curve.length).toBeLessThanOrEqual(most)
        expectBuckets(curve, steps)
        const { size, first, count } = curve.data
        const held = steps.filter(({ step }) => step >= from && step <= from + width)
        for (const { step } of held) expect(count[Math.floor((step - 1) / size) - first]).toBeGreaterThan(0)
      }),
    )
  })

  test('that grows is the one that is reduced at once, however it was made coarser', () => {
    fc.assert(
      fc.property(losses, fc.integer({ min: 0, max: 400 }), fc.integer({ min: 8, max: 60 }), (values, early, most) => {
        const steps = stepsOf(values)
        const grown = columnsOf(steps.slice(0, early)).curve(1, 2 ** 32 - 1, most)
        for (const step of steps.slice(early)) {
          grown.add(step)
          grown.coarsen(most)
        }
        expect(grown.length).toBeLessThanOrEqual(most)
        expectBuckets(grown, steps)
        expect(grown.data.count.reduce((a, b) => a + b, 0)).toBe(steps.length)
        expect(grown.data.size).toBe(bucketSize(1, steps.length, most))
      }),
    )
  })

  test('of a part that begins in the middle of a bucket can be made coarser', () => {
    const steps = stepsOf(Array.from({ length: 100 }, (_, k) => Math.sin(k)))
    const curve = columnsOf(steps).curve(7, 100, 100)
    expect(curve.data).toMatchObject({ size: 1, first: 6 })
    curve.coarsen(20)
    expect(curve.data.size).toBe(8)
    expect(curve.data.count.slice(0, 3)).toEqual([2, 8, 8])
  })

  test('leaves out steps whose loss is no finite number, and those before its first bucket', () => {
    const curve = new Curve(4, 2)
    for (const step of [3, 9, 10, 11]) {
      curve.add({ step, loss: step === 10 ? Number.NaN : step, accuracy: 0, seconds: 0 })
    }
    expect(curve.data).toMatchObject({ count: [2], loss: { low: [9], high: [11], sum: [20] } })
  })
})

describe('steps in columns', () => {
  test('are found by their number, and the last one before a number that is not there', () => {
    const columns = columnsOf([5, 6, 9].map(step => ({ step, loss: step / 2, accuracy: 0, seconds: step })))
    expect(columns.at(4)).toBeUndefined()
    expect([5, 6, 8, 9, 100].map(step => columns.at(step)?.step)).toEqual([5, 6, 6, 9, 9])
    expect(columns.at(6)).toEqual({ step: 6, loss: 3, accuracy: 0, seconds: 6 })
  })

  test('hold each step once, and give back the memory that none has filled', () => {
    const columns = columnsOf(stepsOf(Array.from({ length: 1000 }, () => 1)))
    columns.add({ step: 1000, loss: 2, accuracy: 0, seconds: 0 })
    columns.add({ step: 3, loss: 2, accuracy: 0, seconds: 0 })
    expect([columns.length, columns.at(1000)?.loss]).toEqual([1000, 1])
    columns.trim()
    expect(columns.bytes).toBe(28 * 1000)
    columns.add({ step: 1001, loss: 7, accuracy: 0, seconds: 0 })
    expect(columns.at(1001)?.loss).toBe(7)
  })
})
