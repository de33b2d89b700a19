/** Contour plots: colors of a grid, lines where its heights pass levels, and a way; drawn by librsvg. */
import { describe, expect, it } from 'vitest'
import { contourPlot } from '../../src/plot/contourPlot.ts'
import { renderSvg } from '../support/svg.ts'

const axis = [-1, -0.5, 0, 0.5, 1]
const bowl = axis.flatMap(y => axis.map(x => 0.1 + x * x + y * y))
const linesOf = (svg: string) =>
  [...svg.matchAll(/<path d="([^"]*)" fill="none" stroke="currentColor" stroke-opacity/g)].map(([, d]) => d!)

describe('a contour plot', () => {
  it('is pale where the function is low and blue where it is high', async () => {
    const image = await renderSvg(contourPlot({ title: 'Bowl', x: axis, y: axis, values: bowl, levels: 0 }))
    const redAt = (x: number, y: number) => Number.parseInt(image.at(56 + x, 34 + y).slice(1, 3), 16)
    const [middle, edge, corner] = [redAt(170, 170), redAt(170, 3), redAt(3, 3)]
    expect(middle).toBeGreaterThan(edge)
    expect(edge).toBeGreaterThan(corner)
  })

  it('has its lines where the function is as high as a level: those of a slope are straight', () => {
    const slope = axis.flatMap(() => axis.map(x => x))
    const [line] = linesOf(contourPlot({ title: 'Slope', x: axis, y: axis, values: slope, scale: 'linear', levels: 2 }))
    // A quarter of the way across 340, from bottom to top.
    const places = [...line!.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)])
    expect(places.every(([x]) => x === 85)).toBe(true)
    expect(Math.min(...places.map(([, y]) => y!))).toBe(0)
    expect(Math.max(...places.map(([, y]) => y!))).toBe(340)
  })

  it('spaces levels by logarithms where all is above 0, and says so', () => {
    const [log, linear] = ([undefined, 'linear'] as const).map(scale =>
      contourPlot({ title: 'Bowl', x: axis, y: axis, values: bowl, ...(scale && { scale }) }),
    )
    expect(log).toContain('log scale')
    expect(linear).not.toContain('log scale')
    expect(linesOf(log!)).not.toEqual(linesOf(linear!))
  })

  it('draws a way through the plane, and leaves out what lies outside', () => {
    const svg = contourPlot({
      title: 'Bowl',
      x: axis,
      y: axis,
      values: bowl,
      path: [
        [3, 0],
        [1, 1],
        [0, 0],
      ],
    })
    expect(svg.match(/<circle /g)).toHaveLength(2)
    expect(svg).toContain('d="M340 0L170 170"')
  })

  it('has no line and a gray place where a number is not finite', async () => {
    const values = bowl.with(12, Number.POSITIVE_INFINITY)
    const image = await renderSvg(contourPlot({ title: 'Hole', x: axis, y: axis, values }))
    expect(image.at(56 + 170, 34 + 170)).toBe('#808080')
  })

  it.each<[string, () => string, string]>([
    ['a line', () => contourPlot({ title: 'a', x: [0, 1], y: [0], values: [1, 2] }), 'a grid of 2 × 1 has no area'],
    [
      'other values',
      () => contourPlot({ title: 'a', x: [0, 1], y: [0, 1], values: [1] }),
      '1 values for a grid of 2 × 2',
    ],
    [
      'nothing finite',
      () => contourPlot({ title: 'a', x: [0, 1], y: [0, 1], values: new Array(4).fill(Number.NaN) }),
      'no value is finite',
    ],
  ])('refuses %s', (_, draw, message) => {
    expect(draw).toThrow(message)
  })
})
