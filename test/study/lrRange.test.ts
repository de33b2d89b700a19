import { describe, expect, it } from 'vitest'
import { RandomSequence } from '../../src/random/philox.ts'
import { ratePlot } from '../../src/report/lrPlot.ts'
import { rateOfStep, suggestRate } from '../../src/study/lrRange.ts'
import { renderSvg } from '../support/svg.ts'

/** A loss that falls by a sigmoid in log10(rate) around `center`, and explodes beyond `edge`. */
function losses(center: number, edge: number): { learningRate: number; loss: number }[] {
  return Array.from({ length: 120 }, (_, k) => {
    const learningRate = rateOfStep(k, 120, 1e-5, 10)
    const x = Math.log10(learningRate)
    const fall = 2 / (1 + Math.exp(-4 * (x - center)))
    return { learningRate, loss: 2.3 - fall + Math.max(0, x - edge) ** 2 * 20 }
  })
}

it('rates rise by a constant factor', () => {
  expect(rateOfStep(0, 5, 1e-4, 1)).toBeCloseTo(1e-4, 12)
  expect(rateOfStep(2, 5, 1e-4, 1)).toBeCloseTo(1e-2, 12)
  expect(rateOfStep(4, 5, 1e-4, 1)).toBeCloseTo(1, 12)
})

describe('suggestRate', () => {
  it('finds the steepest fall, and a tenth of the rate with the lowest loss', () => {
    const points = losses(-2, -0.5)
    const { steepest, careful } = suggestRate(points)
    // The mean lags by about β / (1 − β) = 9 of 120 steps: 0.45 of six decades.
    expect(Math.log10(steepest!)).toBeGreaterThan(-2.1)
    expect(Math.log10(steepest!)).toBeLessThan(-1.3)
    expect(Math.log10(careful!)).toBeGreaterThan(-2)
    expect(Math.log10(careful!)).toBeLessThan(-0.9)
  })
  it('says nothing when the loss never falls', () => {
    const flat = losses(-2, -0.5).map(point => ({ ...point, loss: 2.3 + point.learningRate }))
    expect(suggestRate(flat)).toEqual({ smoothed: expect.any(Array) })
  })
  it('tells a small fall from noise', () => {
    // Losses of an untrained network differ by little from batch to batch: 4 % less is a fall.
    const random = new RandomSequence(3, 'losses')
    const noisy = (size: number) => (loss: number) => loss + size * (random.uniform() + random.uniform() - 1)
    const small = losses(-1, -0.5).map(({ learningRate, loss }) => ({ learningRate, loss: 2.3 + (loss - 2.3) / 20 }))
    const made = (noise: number, points: typeof small) =>
      points.map(({ learningRate, loss }) => ({ learningRate, loss: noisy(noise)(loss) }))
    expect(Math.min(...small.map(({ loss }) => loss))).toBeGreaterThan(2.3 * 0.95)
    expect(suggestRate(made(0.02, small)).steepest).toBeGreaterThan(0.02)
    // Where batches differ by more than that it is none, and where nothing happens there is never any.
    expect(suggestRate(made(1, small)).steepest).toBeUndefined()
    for (let k = 0; k < 20; k++) {
      const flat = small.map(({ learningRate }) => ({ learningRate, loss: 1 }))
      expect(suggestRate(made(0.5, flat)).steepest).toBeUndefined()
    }
  })
  it('corrects the mean for its start', () => {
    const { smoothed } = suggestRate([1, 2, 3, 4].map(k => ({ learningRate: k, loss: 5 })))
    for (const value of smoothed) expect(value).toBeCloseTo(5, 12)
  })
})

it('is drawn with its suggestions', async () => {
  const points = losses(-2, -0.5)
  const svg = ratePlot(points, suggestRate(points))
  expect(svg).toMatch(/steepest 0\.0\d+/)
  expect(svg).toMatch(/careful 0\.0\d+/)
  expect(svg).toContain('1e-4')
  const image = await renderSvg(svg)
  expect(image.count((r, g, b) => b > 150 && r < 60 && g < 140)).toBeGreaterThan(200)
})
