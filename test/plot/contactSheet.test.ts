/** Contact sheets: a picture in every cell, in its proportions, with its captions; drawn by librsvg. */
import { describe, expect, it } from 'vitest'
import { contactSheet, type SheetPicture } from '../../src/plot/contactSheet.ts'
import { renderSvg } from '../support/svg.ts'

const picture = (height: number, width: number, red: number, caption?: string): SheetPicture => ({
  pixels: Uint8Array.from({ length: height * width * 3 }, (_, i) => (i % 3 === 0 ? red : 0)),
  shape: [height, width, 3],
  ...(caption === undefined ? {} : { caption }),
})

describe('a contact sheet', () => {
  it('draws every picture in its cell, small and large, square and not', async () => {
    const svg = contactSheet(
      [
        { title: 'a', pictures: [picture(8, 8, 250), picture(4, 8, 200)] },
        { title: 'b', pictures: [picture(200, 100, 150), picture(8, 8, 100)] },
      ],
      { cell: 40, columns: ['image', 'epoch 1'] },
    )
    const image = await renderSvg(svg)
    // 6 + (8 + 7) + 2 · 48 − 8 + 6 wide and 6 + 22 + 2 · 48 − 8 + 6 high.
    expect([image.width, image.height]).toEqual([115, 122])
    const [left, top] = [6 + 15, 6 + 22]
    const at = (column: number, row: number, x: number, y: number) =>
      image.at(left + column * 48 + x, top + row * 48 + y)
    expect(at(0, 0, 20, 20)).toBe('#fa0000')
    expect(at(0, 0, 1, 1)).toBe('#fa0000')
    // Half as high as wide: the cell's upper and lower quarters stay empty.
    expect([at(1, 0, 20, 20), at(1, 0, 20, 5), at(1, 0, 20, 35)]).toEqual(['#c80000', '#ffffff', '#ffffff'])
    expect([at(0, 1, 20, 20), at(0, 1, 5, 20), at(0, 1, 35, 20)]).toEqual(['#960000', '#ffffff', '#ffffff'])
    expect(at(1, 1, 39, 39)).toBe('#640000')
    expect(image.count((r, g, b) => r + g + b < 150 && r === g)).toBeGreaterThan(20)
  })

  it('has captions, and escapes what it is given', () => {
    const svg = contactSheet([{ title: '<i>', pictures: [picture(2, 2, 9, 'cat 0.6 & dog 0.4')] }], {
      description: '"x"',
    })
    expect(svg).toContain('&lt;i&gt;')
    expect(svg).toContain('cat 0.6 &amp; dog 0.4')
    expect(svg).toContain('<desc>&quot;x&quot;</desc>')
    expect(svg).not.toContain('<i>')
    expect(contactSheet([{ title: 'a very long name of a class', pictures: [picture(1, 1, 0)] }])).toContain(
      'a very long nam…',
    )
  })

  it('writes what a picture is mixed of in lines, none of them wider than its cell', async () => {
    const pictures = [picture(8, 8, 250, 'automobile 0.61\nairplane 0.39'), picture(8, 8, 250, 'cat 1.00')]
    const svg = contactSheet([{ title: 'a', pictures }], { cell: 40 })
    const sizes = [...svg.matchAll(/<text [^>]*font-size="([\d.]+)"/g)].map(([, size]) => Number(size))
    // 15 letters in 44 pixels, 13 letters, and 8, which have room enough.
    expect(sizes).toEqual([5.16, 5.95, 9.5])
    const image = await renderSvg(svg)
    // Two lines under the pictures: 14 + 11.
    expect([image.width, image.height]).toEqual([6 + 15 + 2 * 48 - 8 + 6, 6 + 40 + 25 + 6])
    // Nothing is written between the two cells.
    const between = Array.from({ length: 25 * 3 }, (_, k) =>
      image.at(6 + 15 + 43 + (k % 3), 6 + 40 + Math.floor(k / 3)),
    )
    expect(between.filter(color => color < '#888888')).toEqual([])
  })

  it('says of each picture its row, its column and its caption, or what it is given', () => {
    const pictures = [picture(2, 2, 9, 'cat 0.61\ndog 0.39'), { ...picture(2, 2, 9), said: 'cat.png, image 7' }]
    const svg = contactSheet([{ title: 'a very long name of a class', pictures }], { columns: ['epoch 1', 'epoch 2'] })
    expect([...svg.matchAll(/<g class="fovea-part"><title>([^<]*)/g)].map(([, said]) => said)).toEqual([
      'a very long name of a class, epoch 1, cat 0.61, dog 0.39',
      'cat.png, image 7',
    ])
  })

  it('refuses to draw nothing', () => {
    expect(() => contactSheet([])).toThrow('contactSheet: no pictures')
    expect(() => contactSheet([{ title: 'a', pictures: [] }])).toThrow('contactSheet: no pictures')
  })
})
