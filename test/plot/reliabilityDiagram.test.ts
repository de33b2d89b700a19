/** Reliability diagrams: bars of accuracy, frames up to the confidence, and counts; drawn by librsvg. */
import { describe, expect, it } from 'vitest'
import { calibration } from '../../src/inspect/index.ts'
import { reliabilityDiagram } from '../../src/plot/reliabilityDiagram.ts'
import { renderSvg } from '../support/svg.ts'

describe('a reliability diagram', () => {
  const bins = [
    { from: 0, to: 0.5, count: 0, confidence: Number.NaN, accuracy: Number.NaN },
    { from: 0.5, to: 1, count: 20, confidence: 0.8, accuracy: 0.4 },
  ]

  it('has a bar as tall as a bin’s accuracy, and a frame from there to its confidence', async () => {
    const svg = reliabilityDiagram({ ece: 0.4, bins })
    const image = await renderSvg(svg)
    // The square of 300 begins at (52, 34); the middle of the second bin is at 52 + 225.
    const at = (share: number) => image.at(52 + 225, 34 + Math.round(300 * (1 - share)))
    expect(at(0.3)).toBe(at(0.1))
    expect(at(0.7)).toBe(at(0.55))
    expect(new Set([at(0.3), at(0.7), at(0.9)]).size).toBe(3)
    expect(at(0.9)).toBe('#ffffff')
    expect(image.at(52 + 75, 34 + 150)).toBe('#ffffff')
  })

  it('says the count of each bin, none for empty ones, and the calibration error', () => {
    const svg = reliabilityDiagram({ ece: 0.4, bins })
    expect(svg).toContain('expected calibration error 40.00')
    expect(svg).toContain('>20</text>')
    expect(svg).toContain('>0</text>')
    expect(svg).toMatch(/50.% to 100.%: 40\.0.% right at a confidence of 80\.0.%, 20 answers/)
    expect(svg).toMatch(/0.% to 50.%: no answers/)
  })

  it('draws what calibration finds', async () => {
    const probability = [0.2, 0.55, 0.65, 0.99]
    const found = calibration({ predicted: [0, 0, 1, 1], probability }, [1, 0, 1, 1], 5)
    expect((await renderSvg(reliabilityDiagram(found))).width).toBe(380)
  })

  it('needs bins', () => {
    expect(() => reliabilityDiagram({ ece: 0, bins: [] })).toThrow('reliabilityDiagram: no bins')
  })
})
