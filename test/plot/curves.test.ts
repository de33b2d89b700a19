import { describe, expect, it } from 'vitest'
import { accuracyCurve, type Curve, type CurveStep, learningRateCurve, lossCurve } from '../../src/plot/curves.ts'
import type { ChartData } from '../../src/plot/page/pageChart.ts'
import { reportData } from '../support/reportData.ts'
import { renderSvg } from '../support/svg.ts'

const { steps, validation } = reportData()
const few = steps.filter(step => step.step % 215 === 0).map((step, i) => ({ ...step, step: i + 1 }))

const isBlue = (r: number, g: number, b: number) => b > 150 && r < 60 && g < 140
const isOrange = (r: number, g: number, b: number) => r > 190 && g < 130 && b < 60

describe('curves', () => {
  it('look as they did', async () => {
    const scores = [{ epoch: 1, step: 5, loss: 0.1, accuracy: 0.97 }]
    await expect(lossCurve(few, scores).svg).toMatchFileSnapshot('snapshots/loss-of-ten-steps.svg')
    await expect(accuracyCurve(few, scores).svg).toMatchFileSnapshot('snapshots/accuracy-of-ten-steps.svg')
    await expect(learningRateCurve(few).svg).toMatchFileSnapshot('snapshots/learning-rate-of-ten-steps.svg')
  })

  it.each([1, 2, 3, 7, 11, 1000])('have ticks at whole steps, each named once, for %i steps', count => {
    const run = Array.from({ length: count }, (_, k) => ({ ...few[0]!, step: k + 1 }))
    for (const { svg } of [lossCurve(run), accuracyCurve(run), learningRateCurve(run)]) {
      const names = [...svg.matchAll(/text-anchor="middle">([\d,.]+)<\/text>/g)].map(match => match[1]!)
      expect(names.length).toBeGreaterThan(0)
      expect(names).toEqual([...new Set(names)])
      for (const name of names) expect(name).toMatch(/^[\d,]+$/)
    }
  })

  it('draw training blue and validation orange', async () => {
    for (const { svg } of [lossCurve(steps, validation), accuracyCurve(steps, validation)]) {
      const image = await renderSvg(svg)
      expect([image.width, image.height]).toEqual([520, 300])
      expect(image.count(isBlue)).toBeGreaterThan(500)
      expect(image.count(isOrange)).toBeGreaterThan(300)
    }
    expect((await renderSvg(lossCurve(steps).svg)).count(isOrange)).toBe(0)
  })

  it('stay small for thousands of steps, and say how they were thinned', () => {
    const { svg, note } = lossCurve(steps, validation)
    expect(svg.length).toBeLessThan(45_000)
    expect(note).toContain('mean over 35 steps around each step')
    expect(note).toContain('of every 10 the lowest and the highest')
    const outside = note.match(/(\d+) of 2,150 steps lie outside the axis/)
    expect(Number(outside?.[1])).toBeLessThanOrEqual(0.01 * steps.length)
  })

  it('count what an axis that does not begin at zero leaves out', () => {
    const { note, svg } = accuracyCurve(steps, validation)
    const floor = Number(svg.match(/text-anchor="end">(\d+)\u00a0%<\/text>/)?.[1]) / 100
    expect(floor).toBeGreaterThan(0.5)
    const below = steps.filter(step => step.accuracy < floor).length
    expect(note).toContain(`${below} of 2,150 steps lie outside the axis`)
  })

  it('use a logarithmic axis only for a loss that falls by more than 20 times', () => {
    expect(lossCurve(steps).svg).toContain('loss, log scale')
    const flat = steps.map(step => ({ ...step, loss: 1 + step.loss }))
    expect(lossCurve(flat).svg).not.toContain('log scale')
  })

  it('show a loss that is not finite as a gap, and count it', async () => {
    const broken = steps.map(step => (step.step > 1000 ? { ...step, loss: Number.NaN } : step))
    const { svg, note } = lossCurve(broken, [{ epoch: 5, step: 2150, loss: Number.POSITIVE_INFINITY, accuracy: 0.1 }])
    expect(note).toContain('Missing because not finite: 1,150 of 2,150 steps.')
    expect(pathsOf(svg)).not.toMatch(/NaN|Infinity/)
    expect((await renderSvg(svg)).count(isBlue)).toBeGreaterThan(100)
  })

  it.each<[name: string, steps: CurveStep[]]>([
    ['one step', [{ step: 1, epoch: 1, loss: 2.3, accuracy: 0.1, learningRate: 0.1 }]],
    ['a loss of zero', [1, 2, 3].map(step => ({ step, epoch: 1, loss: 0, accuracy: 1, learningRate: 0 }))],
    [
      'nothing finite',
      [1, 2].map(step => ({ step, epoch: 1, loss: Number.NaN, accuracy: Number.NaN, learningRate: Number.NaN })),
    ],
    ['a resumed run', steps.slice(1200, 1210)],
    ['a loss of zero among others', [...steps.slice(0, 500), { ...steps[500]!, loss: 0 }]],
  ])('have finite coordinates for %s', async (_, some) => {
    for (const { svg } of [lossCurve(some), accuracyCurve(some), learningRateCurve(some)]) {
      expect(pathsOf(svg)).not.toMatch(/NaN|Infinity/)
      expect((await renderSvg(svg)).width).toBe(520)
    }
  })

  it('refuse a run without a step', () => {
    expect(() => lossCurve([])).toThrow('Loss curve: expected at least one step')
  })

  it('have more for a page that shows parts: every step of some thousands, and the spikes of more', () => {
    expect(dataOf(lossCurve(steps, validation)).lines.map(({ name, y }) => [name, y.length])).toEqual([
      ['single step', steps.length],
      ['training', steps.length],
      ['validation', validation.length],
    ])
    const many = Array.from({ length: 100_000 }, (_, k) => ({ ...few[0]!, step: k + 1, loss: k === 54_321 ? 9 : 1 }))
    const [faint] = dataOf(lossCurve(many)).lines
    expect(faint!.y.length).toBeLessThanOrEqual(3000)
    expect(faint!.y.filter(y => y === 9)).toHaveLength(1)
    expect(lossCurve(many).html.length).toBeLessThan(160_000)
  })

  it('read out the mean and the last validation score under the pointer', () => {
    const { svg } = lossCurve(steps, validation)
    const readouts = [...svg.matchAll(/<g class="fovea-readout" opacity="0">.*?<text[^>]*>(.*?)<\/text><\/g>/g)]
    expect(readouts).toHaveLength(60)
    expect(readouts[0]![1]).toMatch(/^step 36: training [\d.]+$/)
    expect(readouts.at(-1)![1]).toMatch(/^step 2,150: training 0\.0\d+, validation after epoch 5 0\.0361$/)
  })
})

/** What a page has of a curve. */
function dataOf({ html }: Curve): ChartData {
  return JSON.parse(/data-chart="([^"]*)"/.exec(html)![1]!.replaceAll('&quot;', '"'))
}

/** Everything in attributes, where numbers are coordinates. */
function pathsOf(svg: string): string {
  return [...svg.matchAll(/ (?:d|x|y|cx|cy|width|height|transform)="([^"]*)"/g)].map(match => match[1]).join(' ')
}
