/** Charts of pages: the data beside a drawing, and what the page's script makes of them, but for the document. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { pageScriptFile, pageScriptText } from '../../scripts/pageScript.ts'
import type { LineChart } from '../../src/plot/chartDrawing.ts'
import { plotArea } from '../../src/plot/chartDrawing.ts'
import { formatNumber, formatTick } from '../../src/plot/page/formatNumber.ts'
import { chartData, pageChart } from '../../src/plot/page/pageChart.ts'
import {
  drawnPart,
  moved,
  nearest,
  part,
  pointsOf,
  rangeWithin,
  readings,
  sentence,
  snap,
  viewOf,
  within,
} from '../../src/plot/page/view.ts'
import { pageScript } from '../../src/plot/pageScript.ts'

/** A loss of 100 steps that halves every ten, its single steps, and two scores. */
const loss = (step: number): number => 2 ** (-step / 10)
const steps = Array.from({ length: 100 }, (_, k) => k + 1)
const chart: LineChart = {
  title: 'Loss',
  description: 'A loss.',
  xLabel: 'step',
  yLabel: 'loss',
  xDomain: [0, 100],
  yDomain: [0.0005, 1.2],
  yScale: 'log',
  xWhole: true,
  formatX: String,
  formatY: String,
  lines: [
    {
      name: 'single step',
      hue: 'blue',
      style: 'faint',
      points: steps.map(step => [step, step === 30 ? Number.NaN : 1.1 * loss(step)]),
    },
    { label: 'training', hue: 'blue', points: steps.map(step => [step, loss(step)]) },
    {
      label: 'validation',
      hue: 'orange',
      style: 'dots',
      points: [
        [50, 0.04],
        [100, 0.002],
      ],
    },
  ],
  marks: [
    { x: 50, label: 'epoch 1' },
    { x: 100, label: 'epoch 2' },
  ],
}
const data = chartData(chart, { xFormat: 'count', yFormat: 'value' })
const view = viewOf(data)

describe('the data of a chart', () => {
  it('have every point, evenly spaced places as two numbers, and what is not finite as null', () => {
    expect(data.lines.map(({ x }) => x)).toEqual([
      { first: 1, every: 1 },
      { first: 1, every: 1 },
      { first: 50, every: 50 },
    ])
    expect(data.lines[0]!.y[29]).toBeNull()
    const [faint, line] = view.lines
    expect(faint![29]).toEqual([30, Number.NaN])
    expect(line!.map(([x]) => x)).toEqual(steps)
    for (const [x, y] of line!) expect(Math.abs(y / loss(x) - 1)).toBeLessThan(5e-5)
    expect(pointsOf({ ...data.lines[0]!, x: [3, 5, 9], y: [1, 2, null] })).toEqual([
      [3, 1],
      [5, 2],
      [9, Number.NaN],
    ])
    expect(chartData({ ...chart, lines: [{ hue: 'blue', points: [] }] }, data).lines[0]!.y).toEqual([])
  })

  it('stand in an attribute, whatever their names are', () => {
    const evil = `"><script>alert('1')</script>&quot;`
    const { markup } = pageChart({ ...chart, title: evil, yLabel: evil }, data)
    expect(markup).not.toContain('<script')
    const [, text] = /data-chart="([^"]*)"/.exec(markup)!
    const read = text!
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
    expect(JSON.parse(read.replaceAll('&amp;', '&')).title).toBe(evil)
    expect(markup).toContain('--left:10.000%;--top:11.333%')
  })
})

describe('the crosshair', () => {
  it('finds the nearest point, the first of two', () => {
    const points = [1, 3, 9].map(x => [x, 0] as const)
    expect([-5, 1, 2, 2.1, 6, 6.5, 100].map(place => nearest(points, place))).toEqual([0, 0, 0, 1, 1, 2, 2])
    expect(nearest([], 1)).toBe(-1)
  })

  it('stops at points, and moves by one at least', () => {
    expect(snap(view, 42.4)).toBe(42)
    expect(moved(view, 42, 10)).toBe(52)
    expect(moved(view, 42, 0.1)).toBe(43)
    expect(moved(view, 42, -0.1)).toBe(41)
    expect(moved(view, 100, 5)).toBe(100)
    expect(moved(view, 1, -5)).toBe(1)
    expect(snap(viewOf({ ...data, lines: [] }), 7)).toBe(7)
    // A line that goes on alone has the points then.
    const two = viewOf({ ...data, lines: [data.lines[1]!, { ...data.lines[1]!, x: { first: 1, every: 2 } }] })
    expect(snap(two, 150.2)).toBe(151)
    expect(moved(two, 151, 0.5)).toBe(153)
    expect(moved(two, 151, -0.5)).toBe(149)
  })

  it('reads out every line, and says where a number is if that is elsewhere', () => {
    expect(readings(view, 40).map(({ name, text }) => `${name}: ${text}`)).toEqual([
      'single step: 0.0688',
      'training: 0.0625',
      'validation: 0.0400 at 50',
    ])
    expect(sentence(view, 30)).toBe('step 30: single step not finite, training 0.125, validation 0.0400 at 50')
    expect(sentence({ ...view, data: { ...data, xFormat: 'power', xLabel: 'rate, log scale' } }, 2)).toMatch(
      /^rate 100: /,
    )
  })
})

describe('a part', () => {
  it('is in order, within the ends, and not too small; nearly all is all', () => {
    expect(part(data, [60, 20])).toEqual([20, 60])
    expect(part(data, [-30, 20])).toEqual([0, 50])
    expect(part(data, [99.9, 100])).toEqual([98, 100])
    expect(part({ ...data, xWhole: false }, [50, 50])).toEqual([expect.closeTo(49.995, 9), expect.closeTo(50.005, 9)])
    expect(part(data, [-5, 120])).toBeUndefined()
  })

  it('has the lines with the points that they come from and go to', () => {
    const line = view.lines[1]!
    expect(within(line, [10.5, 12.5]).map(([x]) => x)).toEqual([10, 11, 12, 13])
    expect(within(line, [0, 2]).map(([x]) => x)).toEqual([1, 2, 3])
    expect(within(view.lines[2]!, [60, 70]).map(([x]) => x)).toEqual([50, 100])
    expect(within(line, [200, 300]).map(([x]) => x)).toEqual([100])
    expect(within([], [0, 1])).toEqual([])
  })

  it('has the range of what is in it', () => {
    const [low, high] = rangeWithin(view, [10, 20])
    expect(low).toBeCloseTo(loss(20) / 1.05, 4)
    expect(high).toBeCloseTo(1.1 * loss(10) * 1.05, 4)
    expect(rangeWithin(view, [200, 300])).toEqual(data.yDomain)
    const shares = { ...view, data: { ...data, yScale: 'linear', yFormat: 'percent' } as const }
    expect(rangeWithin(shares, [1, 100])).toEqual([0, 1])
    const flat = viewOf({ ...shares.data, yFormat: 'value', lines: [{ ...data.lines[1]!, y: steps.map(() => 0) }] })
    expect(rangeWithin(flat, [1, 9])).toEqual([-0.05, 0.05])
  })

  it('is drawn as a chart is: its ticks, its marks, its points, no more than can be told apart', () => {
    const { drawn, frame } = drawnPart(view, [40, 60], 220)
    expect(drawn.marks).toEqual([{ x: 50, label: 'epoch 1' }])
    expect(frame.xTicks.map(({ name }) => name)).toEqual(['40', '45', '50', '55', '60'])
    expect(frame.yTicks.map(({ name }) => name)).toEqual(['0.015', '0.02', '0.03', '0.04', '0.05', '0.06', '0.07'])
    expect([frame.x(40), frame.x(60)]).toEqual([0, frame.inner.width])
    const { markup } = plotArea(drawn, frame)
    expect(markup).not.toMatch(/NaN|Infinity/)
    expect(markup).toContain('epoch 1')
    const long = viewOf(
      chartData({ ...chart, lines: [{ hue: 'blue', points: steps.map(x => [x, (x * 7) % 5]) }] }, data),
    )
    expect(drawnPart(long, [0, 100], 10).drawn.lines[0]!.points.length).toBeLessThanOrEqual(20)
  })

  it('of a small part of a decade has ticks as well', () => {
    const close = viewOf({ ...data, lines: [{ ...data.lines[1]!, y: steps.map(step => 3.1 + step / 1000) }] })
    const { frame } = drawnPart(close, [40, 60], 220)
    expect(frame.yTicks.length).toBeGreaterThanOrEqual(3)
    for (const { value } of frame.yTicks) {
      expect(frame.y(value)).toBeGreaterThanOrEqual(0)
      expect(frame.y(value)).toBeLessThanOrEqual(frame.inner.height)
    }
  })
})

it('numbers have formats with names', () => {
  expect(formatNumber('count', 12_345)).toBe('12,345')
  expect(formatNumber('value', 0.051234)).toBe('0.0512')
  expect(formatNumber('percent', 0.98765)).toBe('98.77\u00a0%')
  expect(formatNumber('power', -2)).toBe('0.0100')
  expect(formatTick('power', -2)).toBe('1e-2')
  expect(formatTick('power', -2.5)).toBe('0.00316')
  expect(formatTick('percent', 0.995)).toBe('99.5\u00a0%')
  expect(formatTick('value', 0.02)).toBe('0.02')
})

describe('the script of pages', () => {
  it('is what its source makes: npx tsx scripts/pageScript.ts', async () => {
    expect(readFileSync(pageScriptFile, 'utf8')).toBe(await pageScriptText())
  })

  it('is small, and asks nothing of a network', () => {
    expect(Buffer.byteLength(pageScript)).toBeLessThan(16_000)
    expect(pageScript).not.toMatch(/fetch\(|XMLHttpRequest|import\(|https?:\/\/(?!www\.w3\.org)/)
  })
})
