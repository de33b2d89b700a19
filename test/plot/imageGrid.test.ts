import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { imageGrid, shrink } from '../../src/plot/imageGrid.ts'

describe('imageGrid', () => {
  it('embeds the images and escapes the captions', async () => {
    const pixels = Uint8Array.of(0, 255, 128, 7)
    const markup = imageGrid([{ pixels, shape: [2, 2, 1], alt: 'a "4"', caption: ['true: <4>', 'loss 3'] }])
    expect(markup).toContain('width="2" height="2" alt="a &quot;4&quot;"')
    expect(markup).toContain('<figcaption><b>true: &lt;4&gt;</b><span>loss 3</span></figcaption>')
    const file = Buffer.from(markup.match(/base64,([^"]+)/)![1]!, 'base64')
    expect([...(await sharp(file).toColourspace('b-w').raw().toBuffer())]).toEqual([...pixels])
  })

  it('reduces large images', () => {
    const markup = imageGrid([{ pixels: new Uint8Array(224 * 200 * 3), shape: [224, 200, 3], alt: '', caption: [] }])
    expect(markup).toContain('width="50" height="56"')
  })

  it('refuses bytes that do not fit', () => {
    const image = { pixels: new Uint8Array(783), shape: [28, 28, 1] as const, alt: '', caption: [] }
    expect(() => imageGrid([image])).toThrow('image: 28 × 28 × 1 does not fit 783 bytes')
  })
})

describe('shrink', () => {
  it('takes the mean of each block, channel by channel', () => {
    const pixels = Uint8Array.of(0, 10, 4, 20, 200, 1, 8, 30, 12, 40, 200, 1) // 2 × 3 × 2
    expect(shrink(pixels, [2, 3, 2], 2)).toEqual({ pixels: Uint8Array.of(6, 25), shape: [1, 1, 2] })
  })

  it('leaves small images alone', () => {
    const pixels = new Uint8Array(9)
    expect(shrink(pixels, [3, 3, 1], 3).pixels).toBe(pixels)
  })
})
