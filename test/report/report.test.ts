import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { pageScript } from '../../src/plot/pageScript.ts'
import { report } from '../../src/report/report.ts'
import type { ReportData } from '../../src/report/reportData.ts'
import { reportData } from '../support/reportData.ts'

const data = reportData()
const whole = report(data)

// To look at it: FOVEA_DEMO_REPORT=report.html npx vitest run test/report/report.test.ts
if (process.env.FOVEA_DEMO_REPORT) writeFileSync(process.env.FOVEA_DEMO_REPORT, whole)

describe('report', () => {
  it('is one document under 300 KB that loads nothing and runs the one script of its charts', () => {
    expect(Buffer.byteLength(whole)).toBeLessThan(300_000)
    expect(whole.split(`<script>${pageScript}</script>`)).toHaveLength(2)
    expect(unscripted(whole)).not.toMatch(/<script|<link|<iframe|@import|url\(|\son\w+=/i)
    const addresses = [...whole.matchAll(/\s(?:src|href)="([^"]*)"/g)].map(match => match[1]!)
    expect(addresses.length).toBeGreaterThan(40)
    for (const address of addresses) expect(address).toMatch(/^data:image\/png;base64,/)
  })

  it('opens and closes every element', () => {
    expect(unbalanced(unscripted(whole))).toEqual([])
    expect(unbalanced('<p><b></p></b>')).not.toEqual([])
  })

  it('says what was trained, when, how long, on what, and how well', () => {
    const text = textOf(whole)
    expect(text).toContain('lenet5 on MNIST')
    expect(text).toContain('2026-03-14 15:09 UTC')
    expect(text).toContain('Test accuracy 99.10 % 90 of 10,000 images wrong 95 % interval 98.90 to 99.27 % loss 0.0298')
    expect(text).toContain('Training time 21.4 s 5 epochs, 2,150 steps, 9.95 ms a step')
    expect(text).toContain('Parameters 61,706')
    expect(text).toContain('Engine wasm 2 threads, SIMD: relaxed')
    expect(text).toContain('npx fovea train lenet5 --data mnist --epochs 5 --batch 128 --seed 1')
    expect(text).toContain('"momentum": 0.9')
  })

  it('says how much of a network with a frozen trunk was trained', () => {
    expect(report(reportData())).toContain('weights and biases, all trained')
    expect(report({ ...reportData(), trainable: 850 })).toContain('850 trained, 60,856 frozen')
  })

  it('names what it draws for who cannot see it', () => {
    for (const name of ['Loss', 'Accuracy', 'Learning rate', 'Confusion matrix', 'Filters']) {
      expect(whole).toMatch(new RegExp(`role="img"[^>]*>\\s*<title>${name}</title><desc>[^<]{20,}</desc>`))
    }
    expect(whole.match(/<img /g)).toHaveLength(36)
    expect(whole.match(/<img [^>]*alt="Test image \d+: a \d, taken for \d"/g)).toHaveLength(36)
    expect(whole.match(/<th(?! scope=)[ >]/g)).toBeNull()
  })

  it('sorts the mistakes by loss and says how many there were', () => {
    const losses = [...whole.matchAll(/<span>loss ([\d.]+)<\/span>/g)].map(match => Number(match[1]))
    expect(losses).toHaveLength(36)
    expect(losses).toEqual([...losses].sort((a, b) => b - a))
    expect(textOf(whole)).toContain('The 36 of 90 wrongly classified images with the largest loss')
  })

  it('adds up the layers', () => {
    expect(textOf(whole)).toContain('Total 61,706 417 k 34.7 KiB')
    expect(textOf(whole)).toContain('conv2 Conv2d 5×5 10×10×16 2,416 (5·5·6+1)·16 240 k 6.3 KiB 14/2')
  })

  it('escapes all text from outside', () => {
    const evil = '</title><img src=x onerror="alert(1)">'
    const markup = report({
      ...data,
      title: evil,
      model: evil,
      dataset: evil,
      classes: data.classes.map(() => evil),
      recipe: { evil: '</pre><script>' },
      engine: { backend: evil as 'wasm', detail: evil },
      layers: data.layers!.map(layer => ({ ...layer, path: evil, type: evil, arithmetic: evil })),
      command: evil,
      version: evil,
    })
    expect(markup).not.toContain('<img src=x')
    expect(unscripted(markup)).not.toContain('<script')
    expect(unbalanced(unscripted(markup))).toEqual([])
  })

  it('leaves out what is not known', () => {
    const { title, model, dataset, classes, recipe, engine, startedAt, command, version } = data
    const bare: ReportData = {
      ...{ title, model, dataset, classes, recipe, engine, startedAt, command, version },
      ...{ seconds: 0, steps: [], epochs: [], validation: [] },
    }
    const markup = report(bare)
    expect(markup).not.toContain('<script')
    expect(markup).toContain('loads nothing and runs no script')
    const text = textOf(markup)
    expect(text).toContain('Accuracy – not evaluated')
    for (const section of [
      'Training loss',
      'Where it errs',
      'Most confused',
      'First-layer',
      'Layers',
      'NaN',
      'undefined',
    ]) {
      expect(text).not.toContain(section)
    }
    expect(textOf(report({ ...bare, validation: data.validation }))).toContain('Validation accuracy 98.90 %')
  })

  it('does not draw a matrix of a thousand classes, but lists the errors', () => {
    const classes = Array.from({ length: 1000 }, (_, i) => `class ${i}`)
    const confusion = classes.map((_, i) => classes.map((_, j) => (i === j ? 9 : i === 3 && j === 5 ? 2 : 0)))
    const markup = report({
      ...data,
      classes,
      test: { loss: 1, accuracy: 0.9, samples: 9002, confusion },
      mistakes: [],
    })
    expect(textOf(markup)).toContain('class 3 class 5 2 18.18 %')
    expect(markup).not.toContain('<title>Confusion matrix')
  })

  it('folds a long table of epochs', () => {
    const epochs = Array.from({ length: 90 }, (_, i) => ({ epoch: i + 1, step: 10 * (i + 1), loss: 1, accuracy: 0.5 }))
    expect(report({ ...data, epochs })).toContain('<details><summary>90 epochs</summary>')
  })

  it('refuses data that do not fit each other', () => {
    expect(() => report({ ...data, startedAt: 'yesterday' })).toThrow('startedAt is not a date: yesterday')
    expect(() => report({ ...data, classes: ['0'] })).toThrow('confusion matrix: 1 classes, but 10 rows')
    const mistakes = [{ ...data.mistakes![0]!, predicted: 10 }]
    expect(() => report({ ...data, mistakes })).toThrow('there are 10 classes, but no class 10')
  })
})

/** A page without its own script. */
const unscripted = (markup: string): string => markup.replace(`<script>${pageScript}</script>`, '')

/** What a reader reads, outside the drawings. */
function textOf(markup: string): string {
  return unscripted(markup)
    .replace(/^[\s\S]*<body>/, '')
    .replace(/<svg[\s\S]*?<\/svg>\s*(<\/g>|$)/g, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&quot;', '"')
    .replace(/\s+/g, ' ')
}

/** Elements that are closed in the wrong place or not at all. */
function unbalanced(markup: string): string[] {
  const open: string[] = []
  const wrong: string[] = []
  for (const [, close, name, rest] of markup.matchAll(/<(\/?)([a-z][a-zA-Z0-9]*)((?:[^>"]|"[^"]*")*)>/g)) {
    if (['meta', 'img'].includes(name!) || rest!.endsWith('/')) continue
    if (!close) open.push(name!)
    else if (open.pop() !== name) wrong.push(`</${name}>`)
  }
  return [...wrong, ...open]
}
