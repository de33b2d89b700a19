import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { diverging } from '../../src/plot/colors.ts'
import { filters } from '../../src/plot/filters.ts'
import { reportData } from '../support/reportData.ts'
import { renderSvg } from '../support/svg.ts'

/** The embedded pictures as pixels, `[H, W, 3]`. */
async function pictures(svg: string): Promise<number[][]> {
  const urls = [...svg.matchAll(/href="data:image\/png;base64,([^"]+)"/g)].map(match =>
    Buffer.from(match[1]!, 'base64'),
  )
  return Promise.all(urls.map(async url => [...(await sharp(url).raw().toBuffer())]))
}

describe('filters', () => {
  it('look as they did', async () => {
    const first = reportData().filters!
    const svg = filters(first.values, first.shape)
    await expect(svg).toMatchFileSnapshot('snapshots/six-filters.svg')
    expect((await renderSvg(svg)).width).toBe(648)
  })

  it('of one channel: one picture each, on one scale symmetric about zero', async () => {
    const svg = filters(Float32Array.of(1, 0, -2, 0.5, 0, 0, 0, 0), [2, 1, 2, 2])
    const [a, b, bar] = await pictures(svg)
    expect(a).toEqual([0.5, 0, -1, 0.25].flatMap(diverging))
    expect(b).toEqual([0, 0, 0, 0].flatMap(diverging))
    expect(bar!.slice(0, 3)).toEqual([...diverging(-1)])
    expect(svg).toContain('weights from −2.00 to 2.00')
    expect(svg).toContain('<title>filter 0: weights from −2.00 to 1.00</title>')
  })

  it('of three channels: color, mid-gray is zero', async () => {
    // One filter of two pixels: red +1, green 0, blue −1; then all 0.
    const [only, ...rest] = await pictures(filters(Float32Array.of(1, 0, 0, 0, -1, 0), [1, 3, 1, 2]))
    expect(only).toEqual([255, 128, 0, 128, 128, 128])
    expect(rest).toEqual([])
  })

  it('of many channels: a picture for each pair, up to the limit, which is stated', async () => {
    const svg = filters(new Float32Array(4 * 2 * 9), [4, 2, 3, 3], { limit: 5 })
    expect(await pictures(svg)).toHaveLength(6)
    expect(svg).toContain('the first 5 of 8')
    expect(svg).toContain('>1, 1</text>')
  })

  it('show a weight that is not finite in gray, and scale by the others', async () => {
    const [only] = await pictures(filters(Float32Array.of(Number.NaN, 1, Number.POSITIVE_INFINITY, -1), [1, 1, 2, 2]))
    expect(only).toEqual([Number.NaN, 1, Number.NaN, -1].flatMap(diverging))
  })

  it('of AlexNet stay under 100 KB', () => {
    const values = Float32Array.from({ length: 96 * 3 * 121 }, (_, i) => Math.sin(i))
    expect(filters(values, [96, 3, 11, 11]).length).toBeLessThan(100_000)
  })

  it('refuse values that do not fit', () => {
    expect(() => filters(new Float32Array(149), [6, 1, 5, 5])).toThrow('filters: 6 × 1 × 5 × 5 do not fit 149 values')
  })
})
