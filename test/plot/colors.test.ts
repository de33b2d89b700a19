import { describe, expect, it } from 'vitest'
import { dark, diverging, light, type Rgb } from '../../src/plot/colors.ts'

/** Relative luminance, WCAG 2.2. */
function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map(v => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
}

function contrast(a: string, b: string): number {
  const [x, y] = [a, b].map(hex =>
    luminance([1, 3, 5].map(i => Number.parseInt(hex.slice(i, i + 2), 16)) as unknown as Rgb),
  )
  return (Math.max(x!, y!) + 0.05) / (Math.min(x!, y!) + 0.05)
}

describe('diverging', () => {
  it('is paper at zero, orange below, blue above, clamped', () => {
    expect(diverging(0)).toEqual([247, 247, 247])
    expect(diverging(-1)).toEqual([127, 59, 8])
    expect(diverging(1)).toEqual([5, 48, 97])
    expect(diverging(7)).toEqual(diverging(1))
    expect(diverging(Number.NaN)).toEqual([128, 128, 128])
  })

  it('gets darker away from zero on both sides, so it reads without color', () => {
    for (const sign of [-1, 1]) {
      const levels = Array.from({ length: 41 }, (_, i) => luminance(diverging((sign * i) / 40)))
      levels.slice(1).forEach((level, i) => {
        expect(level).toBeLessThan(levels[i]!)
      })
    }
  })
})

describe('line colors', () => {
  it('stand out from their ground by 3 : 1 (WCAG 1.4.11)', () => {
    for (const color of Object.values(light)) expect(contrast(color, '#ffffff')).toBeGreaterThan(3)
    for (const color of Object.values(dark)) expect(contrast(color, '#14181e')).toBeGreaterThan(3)
  })
})
