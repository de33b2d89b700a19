/** Placement in the arena: values that live at the same time never share a byte, and little room is lost. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { align, type Lifetime, place } from '../../src/plan/place.ts'

const alignment = 64

const lifetimes: fc.Arbitrary<Lifetime[]> = fc.array(
  fc
    .record({ bytes: fc.integer({ min: 0, max: 5000 }), from: fc.integer({ min: -1, max: 20 }), length: fc.nat(12) })
    .map(({ bytes, from, length }) => ({ bytes, from, to: from + length })),
  { maxLength: 40 },
)

test('values that live at the same time do not overlap', () => {
  fc.assert(
    fc.property(lifetimes, values => {
      const { offsets, bytes } = place(values, alignment)
      expect(offsets).toHaveLength(values.length)
      for (const [i, a] of values.entries()) {
        expect(offsets[i]! % alignment).toBe(0)
        expect(offsets[i]! + a.bytes).toBeLessThanOrEqual(bytes)
        for (const [j, b] of values.entries()) {
          if (j <= i || a.from > b.to || b.from > a.to) continue
          const apart = offsets[i]! + a.bytes <= offsets[j]! || offsets[j]! + b.bytes <= offsets[i]!
          expect(apart, `values ${i} and ${j}`).toBe(true)
        }
      }
    }),
    { seed: 20_250_106, numRuns: 500 },
  )
})

test('the arena is at least what is alive at the worst time, and at most everything side by side', () => {
  fc.assert(
    fc.property(lifetimes, values => {
      const { bytes } = place(values, alignment)
      const total = values.reduce((sum, value) => sum + align(value.bytes, alignment), 0)
      const times = values.map(({ from }) => from)
      const alive = (time: number): number =>
        values.reduce(
          (sum, { from, to, bytes }) => (from <= time && time <= to ? sum + align(bytes, alignment) : sum),
          0,
        )
      expect(bytes).toBeLessThanOrEqual(total)
      expect(bytes).toBeGreaterThanOrEqual(Math.max(0, ...times.map(alive)))
    }),
    { seed: 20_250_107, numRuns: 500 },
  )
})

test('no value lies across a multiple of the span, unless it is larger', () => {
  fc.assert(
    fc.property(lifetimes, fc.integer({ min: 1, max: 60 }), (values, units) => {
      const span = units * alignment
      const { offsets, bytes } = place(values, alignment, span)
      for (const [i, a] of values.entries()) {
        if (a.bytes > 0 && a.bytes <= span) {
          expect(Math.floor(offsets[i]! / span), `value ${i}`).toBe(Math.floor((offsets[i]! + a.bytes - 1) / span))
        }
        expect(offsets[i]! % alignment).toBe(0)
        expect(offsets[i]! + a.bytes).toBeLessThanOrEqual(bytes)
        for (const [j, b] of values.entries()) {
          if (j <= i || a.from > b.to || b.from > a.to) continue
          const apart = offsets[i]! + a.bytes <= offsets[j]! || offsets[j]! + b.bytes <= offsets[i]!
          expect(apart, `values ${i} and ${j}`).toBe(true)
        }
      }
    }),
    { seed: 20_261_130, numRuns: 500 },
  )
})

test('a value takes the place of those that are dead, whole or shared out', () => {
  const at = (from: number, to: number, bytes: number): Lifetime => ({ from, to, bytes })
  expect(place([], alignment)).toEqual({ offsets: [], bytes: 0 })
  // A chain: only two neighbors live at any time.
  expect(place([at(0, 1, 640), at(1, 2, 640), at(2, 3, 640), at(3, 4, 640)], alignment)).toEqual({
    offsets: [0, 640, 0, 640],
    bytes: 1280,
  })
  // Two small ones fit where a large one was.
  expect(place([at(0, 1, 1280), at(2, 3, 640), at(2, 3, 600)], alignment)).toEqual({
    offsets: [0, 0, 640],
    bytes: 1280,
  })
})
