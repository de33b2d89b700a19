import { scaleLinear, scaleLog } from 'd3-scale'
import { describe, expect, it } from 'vitest'
import { axisTicks, formatPercentTick } from '../../src/plot/ticks.ts'

const names = (ticks: readonly { readonly name: string }[]) => ticks.map(({ name }) => name)

describe('axisTicks', () => {
  it('takes fewer ticks where a format would give two of them one name', () => {
    const scale = scaleLinear().domain([0, 2])
    expect(scale.ticks(5)).toEqual([0, 0.5, 1, 1.5, 2])
    expect(names(axisTicks(scale, value => value.toFixed(0)))).toEqual(['0', '1', '2'])
  })

  it('has only whole numbers on an axis of whole things', () => {
    for (const end of [1, 2, 3, 5, 12]) {
      const ticks = axisTicks(scaleLinear().domain([0, end]), String, { whole: true })
      expect(ticks.every(({ value }) => Number.isInteger(value))).toBe(true)
      expect(ticks.length).toBeGreaterThan(1)
    }
  })

  it('names of a logarithm what d3 would name', () => {
    expect(names(axisTicks(scaleLog().domain([1e-4, 1]), String, { count: 4 }))).toEqual([
      '0.0001',
      '0.001',
      '0.01',
      '0.1',
      '1',
    ])
  })
})

it('percentages have the digits they need', () => {
  expect([0, 0.5, 0.57, 0.992, 0.9925, 1].map(formatPercentTick)).toEqual(
    ['0', '50', '57', '99.2', '99.25', '100'].map(number => `${number}\u00a0%`),
  )
})
