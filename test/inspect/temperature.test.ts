/** Temperature scaling: the least cross-entropy, found from probabilities, and what it does to them. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { atTemperature, fitTemperature } from '../../src/inspect/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'

const softmax = (logits: readonly number[], temperature = 1): number[] => {
  const most = Math.max(...logits)
  const weights = logits.map(z => Math.exp((z - most) / temperature))
  const sum = weights.reduce((a, b) => a + b)
  return weights.map(weight => weight / sum)
}

/** Mean cross-entropy at a temperature, from its definition. */
const loss = (rows: readonly (readonly number[])[], labels: readonly number[], temperature: number): number =>
  rows.reduce((sum, row, n) => sum - Math.log(softmax(row, temperature)[labels[n]!]!), 0) / rows.length

const rowsOf = (classes: number) =>
  fc.array(
    fc.tuple(
      fc.array(fc.double({ min: -6, max: 6, noNaN: true }), { minLength: classes, maxLength: classes }),
      fc.nat(classes - 1),
    ),
    { minLength: 8, maxLength: 40 },
  )

describe('the temperature', () => {
  it('has the least cross-entropy: none beside it has a smaller one', () => {
    fc.assert(
      fc.property(rowsOf(4), given => {
        const rows = given.map(([row]) => row)
        const labels = given.map(([, label]) => label)
        const found = fitTemperature(
          rows.flatMap(row => softmax(row)),
          labels,
        )
        const least = loss(rows, labels, found)
        for (const other of [0.0101, 0.5 * found, 0.99 * found, 1.01 * found, 2 * found, 99]) {
          if (other > 0.01 && other < 100) expect(loss(rows, labels, other)).toBeGreaterThan(least - 1e-6)
        }
      }),
    )
  })

  it('is the one that labels were drawn with', () => {
    const sequence = new RandomSequence(7, 'temperature')
    const random = (): number => sequence.uniform()
    const rows = Array.from({ length: 20_000 }, () => Array.from({ length: 5 }, () => 6 * random() - 3))
    const labels = rows.map(row => {
      let rest = random()
      return softmax(row, 2.5).findIndex(probability => {
        rest -= probability
        return rest < 0
      })
    })
    // Of 20,000 drawn labels the estimate is off by about one in a hundred.
    expect(
      fitTemperature(
        rows.flatMap(row => softmax(row)),
        labels,
      ),
    ).toBeCloseTo(2.5, 0)
    expect(
      Math.abs(
        fitTemperature(
          rows.flatMap(row => softmax(row)),
          labels,
        ) /
          2.5 -
          1,
      ),
    ).toBeLessThan(0.05)
  })

  it('ends where all or none are right', () => {
    expect(fitTemperature([0.9, 0.1, 0.2, 0.8], [0, 1])).toBeCloseTo(0.01, 6)
    expect(fitTemperature([0.9, 0.1, 0.2, 0.8], [1, 0])).toBeCloseTo(100, 3)
    // Probabilities that single precision writes as 0.
    expect(fitTemperature(new Float32Array([1, 0, 0, 1, 1, 0]), [0, 1, 1])).toBeGreaterThan(1)
  })

  it('changes no answer, and 1 changes nothing', () => {
    const row = softmax([2, 1, -3])
    expect([...atTemperature(row, 3, 1)]).toEqual(row.map(value => expect.closeTo(value, 6)))
    expect([...atTemperature([...row, 0.2, 0.8, 0], 3, 4)].slice(0, 3)).toEqual(
      softmax([2, 1, -3], 4).map(value => expect.closeTo(value, 6)),
    )
    const cold = atTemperature(row, 3, 0.01)
    expect(cold[0]).toBeCloseTo(1, 6)
    for (const temperature of [0.01, 0.7, 3, 100]) {
      const scaled = atTemperature([0.2, 0.5, 0.3, 1, 0, 0], 3, temperature)
      expect(scaled.indexOf(Math.max(...scaled.subarray(0, 3)))).toBe(1)
      expect(scaled[0]! + scaled[1]! + scaled[2]!).toBeCloseTo(1, 5)
      expect(scaled.every(Number.isFinite)).toBe(true)
    }
  })

  it('refuses labels that do not fit', () => {
    expect(() => fitTemperature([0.5, 0.5, 1], [0, 1])).toThrow('2 labels for probabilities [3]')
    expect(() => fitTemperature([], [])).toThrow('0 labels for probabilities [0]')
  })
})
