import { expect, it } from 'vitest'
import { pageScript } from '../../src/plot/pageScript.ts'
import { comparePage } from '../../src/report/comparePage.ts'
import { comparisonPlot, smoothAlike } from '../../src/report/comparePlot.ts'
import { ratePlot } from '../../src/report/lrPlot.ts'
import { ratePage } from '../../src/report/ratePage.ts'
import { parallelCoordinates, searchReport, slice, type TrialRow } from '../../src/report/searchReport.ts'
import { type Axis, parseAxis } from '../../src/study/space.ts'
import { renderSvg } from '../support/svg.ts'

const space = new Map<string, Axis>([
  ['optimizer.lr', parseAxis('log(1e-4, 1)')],
  ['optimizer.name', parseAxis('choice(sgd, adam)')],
])
const rows: TrialRow[] = [
  { name: 't001', point: { 'optimizer.lr': 1e-4, 'optimizer.name': 'sgd' }, epoch: 3, accuracy: 0.5, loss: 1.5 },
  { name: 't002', point: { 'optimizer.lr': 1e-2, 'optimizer.name': 'adam' }, epoch: 3, accuracy: 0.9, loss: 0.3 },
  { name: 't003', point: { 'optimizer.lr': 1, 'optimizer.name': 'sgd' }, failed: 'diverged <here>' },
]
const scored = rows.slice(0, 2)

it('parallel coordinates: a line for each trial, through its places; the best is orange', async () => {
  const svg = parallelCoordinates(scored, space, 'accuracy', 't002')
  // lr 1e-2 is in the middle of its axis, adam and 90 % at the top.
  expect(svg).toContain('d="M92 141.0L262 26.0L432 26.0"')
  expect(svg).toContain('d="M92 256.0L262 256.0L432 256.0"')
  const image = await renderSvg(svg)
  expect(image.count((r, g, b) => r > 190 && g < 130 && b < 60)).toBeGreaterThan(100)
})

it('axes have ticks: powers of ten of a logarithm, whole numbers of a whole one, round scores', () => {
  const texts = (svg: string) => [...svg.matchAll(/>([^<>]+)<\/text>/g)].map(match => match[1])
  const svg = parallelCoordinates(scored, space, 'accuracy', 't002')
  expect(texts(svg)).toEqual(
    ['optimizer.lr, log scale', '1e-4', '0.001', '0.01', '0.1', '1', 'optimizer.name', 'sgd', 'adam'].concat([
      'accuracy',
      ...[50, 60, 70, 80, 90].map(percent => `${percent}\u00a0%`),
    ]),
  )
  const layers = scored.map((row, k) => ({ ...row, point: { layers: k + 1 } }))
  const drawn = texts(slice(layers, 'layers', parseAxis('int(1, 3)'), 'loss'))
  expect(drawn).toEqual(['0.4', '0.6', '0.8', '1', '1.2', '1.4', '1', '2', '3', 'layers'])
})

it('a slice: a dot for each trial', () => {
  const svg = slice(scored, 'optimizer.lr', space.get('optimizer.lr')!, 'loss', 't002')
  expect(svg.match(/<circle/g)).toHaveLength(2)
  expect(svg).toContain('optimizer.lr, log scale')
})

it('labels every choice, and whole numbers as they are', () => {
  const batch = parseAxis('choice(16, 32, 64)')
  const points = [16, 32, 64].map((value, k) => ({ ...scored[0]!, name: `t${k}`, point: { batchSize: value } }))
  for (const svg of [
    parallelCoordinates(points, new Map([['batchSize', batch]]), 'accuracy'),
    slice(points, 'batchSize', batch, 'accuracy'),
  ]) {
    expect(svg.match(/>\d\d<\/text>/g)!.sort()).toEqual(['>16</text>', '>32</text>', '>64</text>'])
  }
})

it('a range test: marks that are near share a label', () => {
  const points = Array.from({ length: 50 }, (_, k) => ({ learningRate: 10 ** (-5 + k / 10), loss: 2 }))
  const smoothed = points.map(() => 2)
  expect(ratePlot(points, { smoothed, steepest: 0.02, careful: 0.01 })).toContain(
    'careful 0.010, steepest 0.020</text>',
  )
  expect(ratePlot(points, { smoothed, steepest: 0.02, careful: 1e-4 })).toContain('>steepest 0.020</text>')
})

it('the report names the best, lists the failed, escapes what comes from outside', () => {
  const page = searchReport(rows, space, { title: 'studies/x', strategy: 'random', metric: 'accuracy', best: 't002' })
  expect(page).toContain('<tr class="best" data-trial="t002"><td>t002</td>')
  expect(page.indexOf('<td>t002</td>')).toBeLessThan(page.indexOf('<td>t001</td>'))
  expect(page).toContain('t003: diverged &lt;here&gt;')
  expect(page.replace(`<script>${pageScript}</script>`, '')).not.toMatch(/<script|(src|href)="http/)
  expect(page.match(/data-trial="t001"/g)).toHaveLength(1 + 2 + 2)
})

it('runs compared: a color each', async () => {
  const run = (name: string, from: number) => ({
    name,
    loss: Array.from({ length: 20 }, (_, k) => [k / 10, from / (k + 1)] as const),
    validation: [
      { epoch: 1, accuracy: 0.7, loss: 1 },
      { epoch: 2, accuracy: 0.8, loss: 0.5 },
    ],
  })
  const svg = comparisonPlot([run('one', 2), run('two & a half', 3)])
  expect(svg).toContain('two &amp; a half')
  const image = await renderSvg(svg)
  expect(image.count((r, g, b) => b > 150 && r < 60 && g < 140)).toBeGreaterThan(200)
  expect(image.count((r, g, b) => r > 190 && g < 130 && b < 60)).toBeGreaterThan(200)
  expect(() => comparisonPlot([])).toThrow('no run')
})

it('runs compared are smoothed alike: what two runs have in common looks the same', () => {
  const noise = (k: number) => 2 + Math.sin(k * k)
  const run = (epochs: number, stepsPerEpoch: number) => ({
    loss: Array.from({ length: epochs * stepsPerEpoch }, (_, k) => [(k + 1) / stepsPerEpoch, noise(k)] as const),
  })
  const [short, long] = smoothAlike([run(2, 100), run(8, 100)])
  // 8 epochs / 20 = 0.4 epochs, 41 steps; the last 20 steps of the short run have fewer neighbors.
  expect(short!.slice(0, 180)).toEqual(long!.slice(0, 180))
  const mean = Array.from({ length: 41 }, (_, k) => noise(50 - 20 + k)).reduce((a, b) => a + b) / 41
  expect(short![50]![1]).toBeCloseTo(mean, 12)
  // Batches of half the size are averaged over twice as many steps.
  const [, fine] = smoothAlike([run(8, 100), run(8, 200)])
  const wide = Array.from({ length: 81 }, (_, k) => noise(100 - 40 + k)).reduce((a, b) => a + b) / 81
  expect(fine![100]![1]).toBeCloseTo(wide, 12)
})

it('runs compared on a page: every run with a name, a color, its curves and its row', () => {
  const run = (name: string, epochs: number) => ({
    name,
    loss: Array.from({ length: 40 }, (_, k) => [((k + 1) * epochs) / 40, 2 / (k + 1)] as const),
    validation: [{ epoch: 1, accuracy: 0.9, loss: 0.3 }],
  })
  const names = ['a', 'b', '<i>', 'd', 'e', 'f', 'g', 'again blue']
  const page = comparePage({
    runs: names.map((name, k) => run(name, 1 + k)),
    titles: ['run', 'lr'],
    rows: names.map(name => [name, '0.1']),
    version: '0.0.0',
  })
  expect(page).toContain('<title>8 runs compared · Fovea</title>')
  expect(page).not.toContain('<i>')
  expect(page).toContain('<th scope="row">again blue</th><td class="number">0.1</td>')
  const charts = [...page.matchAll(/data-chart="([^"]*)"/g)].map(match =>
    JSON.parse(match[1]!.replaceAll('&quot;', '"')),
  )
  expect(charts.map(({ title, group }) => [title, group])).toEqual([
    ['Training loss', 'epochs'],
    ['Validation accuracy', 'epochs'],
  ])
  for (const { lines } of charts) {
    expect(lines.map(({ name }: { name: string }) => name)).toEqual(names.map(name => name.replace('<i>', '&lt;i&gt;')))
    expect(lines.at(-1)).toMatchObject({ hue: 'blue', isDashed: true })
  }
  expect(() => comparePage({ runs: [], titles: [], rows: [], version: '' })).toThrow('there is no run')
})

it('a range test on a page: the suggestions, and the chart', () => {
  const points = Array.from({ length: 50 }, (_, k) => ({ learningRate: 10 ** (-5 + k / 10), loss: 2 }))
  const suggestion = { smoothed: points.map(() => 2), steepest: 0.02, careful: 0.01 }
  const page = ratePage({ subject: 'lenet5 on mnist', points, suggestion, version: '0.0.0' })
  expect(page).toContain('<dt>Suggested rate</dt><dd><b>0.020</b>')
  expect(page).toContain('lenet5 on mnist')
  expect(page).toContain('careful 0.010, steepest 0.020')
  const none = ratePage({ subject: '', points, suggestion: { smoothed: suggestion.smoothed }, version: '0.0.0' })
  expect(none).toContain('the loss never fell')
})
