import { describe, expect, it } from 'vitest'
import { confusedPairs, confusionMatrix } from '../../src/plot/confusionMatrix.ts'
import { renderSvg } from '../support/svg.ts'

const pets = ['cat', 'dog', 'hamster']
const counts = [
  [8, 2, 0],
  [1, 9, 0],
  [0, 0, 0],
]

describe('confusionMatrix', () => {
  it('looks as it did', async () => {
    await expect(confusionMatrix(counts, pets)).toMatchFileSnapshot('snapshots/confusion-of-pets.svg')
  })

  it('has rows of true classes: one picture of a cat taken for a dog stands right of the diagonal', () => {
    const svg = confusionMatrix(counts, pets)
    expect(svg).toContain('<title>true cat, predicted dog: 2 of 10 (20.0\u00a0%)</title>')
    expect(svg).toContain('17 of 20 right')
    expect(svg).toContain('Most frequent errors: cat taken for dog 2 times, dog taken for cat 1 times.')
  })

  it('states recall by row and precision by column, a dash where there is nothing to divide by', () => {
    const texts = [...confusionMatrix(counts, pets).matchAll(/>([^<>]+)<\/text>/g)].map(match => match[1])
    expect(texts.slice(texts.indexOf('recall'), texts.indexOf('precision'))).toEqual([
      'recall',
      '80.0\u00a0%',
      '90.0\u00a0%',
      '–',
    ])
    expect(texts.slice(texts.indexOf('recall') + 5).slice(0, 3)).toEqual(['88.9\u00a0%', '81.8\u00a0%', '–'])
  })

  it('is drawn no larger than its text is meant to be read, and holds its two scales', async () => {
    const svg = confusionMatrix(
      [
        [7, 63],
        [0, 83],
      ],
      ['ants', 'bees'],
    )
    const width = Number(/viewBox="0 0 ([\d.]+)/.exec(svg)![1])
    expect(svg).toContain(`max-width: ${Math.ceil(width)}px`)
    const ends = [...svg.matchAll(/<text x="([\d.]+)" y="[\d.]+">([^<]+)<\/text>/g)]
    expect(ends.map(([, , text]) => text)).toEqual(['right: 0', '100\u00a0% of row', 'wrong: 1', '63'])
    for (const [, x, text] of ends) expect(Number(x) + 6.6 * text!.length).toBeLessThan(width)
  })

  it('draws a hundred classes and keeps small', async () => {
    const n = 100
    const many = Array.from({ length: n }, (_, i) =>
      Array.from({ length: n }, (_, j) => (i === j ? 90 : j < 10 ? 1 : 0)),
    )
    const svg = confusionMatrix(
      many,
      many.map((_, i) => `class ${i}`),
    )
    expect(svg.length).toBeLessThan(300_000)
    const image = await renderSvg(svg)
    expect(image.count((r, g, b) => b > 170 && r < 60 && g > 100)).toBeGreaterThan(2000)
  })

  it.each<[name: string, counts: number[][], classes: string[], message: string]>([
    ['too few rows', [[1]], ['a', 'b'], 'confusion matrix: 2 classes, but 1 rows'],
    ['a short row', [[1, 0], [1]], ['a', 'b'], 'confusion matrix: 2 classes, but row 1 has 1 columns'],
    ['a fraction', [[0.5]], ['a'], 'confusion matrix: row 0 holds 0.5'],
    ['no class', [], [], 'confusion matrix: expected at least one class'],
    ['too many classes', Array(101).fill(Array(101).fill(0)), Array(101).fill('x'), 'at most 100 classes, got 101'],
  ])('refuses %s', (_, counts, classes, message) => {
    expect(() => confusionMatrix(counts, classes)).toThrow(message)
  })

  it('escapes class names', () => {
    const svg = confusionMatrix(
      [
        [1, 1],
        [0, 1],
      ],
      ['<script>', 'a&b'],
    )
    expect(svg).not.toContain('<script>')
    expect(svg).toContain('true &lt;script&gt;, predicted a&amp;b')
  })
})

describe('confusedPairs', () => {
  it('lists errors, most frequent first, with their share of the true class', () => {
    expect(confusedPairs(counts)).toEqual([
      { label: 0, predicted: 1, count: 2, share: 0.2 },
      { label: 1, predicted: 0, count: 1, share: 0.1 },
    ])
  })
})
