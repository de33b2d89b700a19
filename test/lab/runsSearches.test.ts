/** Searches on the Runs screen: what a trial's places are, what brushes leave, and that server and state tell the same. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signal } from '@preact/signals'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  bestOf,
  isWithin,
  objective,
  placeAtShare,
  placeTrials,
  shareOf,
  trialNear,
} from '../../lab/src/screens/runs/searchAxes.ts'
import { drawTrials } from '../../lab/src/screens/runs/searchDrawing.ts'
import { Searches } from '../../lab/src/screens/runs/searches.ts'
import type { RunSummary, SearchSummary, TrialValue } from '../../src/runs/live/protocol.ts'
import { RunWatch } from '../../src/runs/live/runWatch.node.ts'
import { madeTrial, makeRun, makeSearch, recipe, startLine } from '../support/runLogs.ts'

const search: SearchSummary = {
  name: 's',
  strategy: 'random',
  metric: 'accuracy',
  axes: [
    { field: 'optimizer.lr', axis: { kind: 'log', low: 1e-4, high: 1 } },
    { field: 'batchSize', axis: { kind: 'choice', values: [32, 64, 128] } },
    { field: 'width', axis: { kind: 'int', low: 2, high: 6 } },
  ],
}
const row = (key: number, values: readonly TrialValue[], accuracy?: number, loss = 1): RunSummary => ({
  key,
  name: `s/trials/t00${key}`,
  model: 'lenet5',
  data: 'mnist',
  state: 'done',
  isRead: true,
  step: 10,
  epoch: 1,
  epochs: 1,
  stepsPerEpoch: 10,
  began: '',
  seconds: 1,
  ...(accuracy !== undefined && { last: { step: 10, epoch: 1, loss, accuracy, seconds: 1 } }),
  trial: { search: 's', values },
})
const rows = [
  row(1, [1e-4, 32, 2], 0.5, 3),
  row(2, [1e-2, 64, 4], 0.9, Number.NaN),
  row(3, [1, 128, 6], 0.7, 1),
  row(4, [0.1, 64, 3]),
]

describe('places on axes', () => {
  test('are those of the ranges, by the logarithm where it is searched by it, and scores as they are', () => {
    const { axes, trials } = placeTrials(search, rows)
    expect(axes.map(({ name, from, to }) => [name, from, to])).toEqual([
      ['optimizer.lr, log scale', 0, 1],
      ['batchSize', 0, 1],
      ['width', 0, 1],
      ['validation accuracy', 0.5, 0.9],
    ])
    expect(trials.map(({ places }) => places)).toEqual([
      [0, 0, 0, 0.5],
      [expect.closeTo(0.5, 12), 0.5, 0.5, 0.9],
      [1, 1, 1, 0.7],
      [expect.closeTo(0.75, 12), 0.5, 0.25, undefined],
    ])
    expect(trials.map(({ goodness }) => goodness)).toEqual([0, 1, expect.closeTo(0.5, 12), undefined])
    expect(axes[0]!.say(0.5)).toBe('0.0100')
    expect(axes[1]!.say(0.4)).toBe('64')
    expect(axes.map(({ step }) => step)).toEqual([0.02, 0.5, 0.25, expect.closeTo(0.008, 12)])
  })

  test('a loss is better the lower it is; one that is not finite is no score', () => {
    const { axes, trials } = placeTrials({ ...search, metric: 'loss' }, rows)
    expect(axes.at(-1)).toMatchObject({ key: objective, from: 1, to: 3 })
    expect(trials.map(({ goodness }) => goodness)).toEqual([0, undefined, 1, undefined])
    expect(bestOf(trials, 5).map(({ row }) => row.key)).toEqual([3, 1])
  })

  test('what is not on an axis has no place there', () => {
    const { trials } = placeTrials(search, [row(1, [2, 16, 'two'], 0.5), row(2, [null, 32, 7], 0.5)])
    expect(trials.map(({ places }) => places.slice(0, 3))).toEqual([
      [undefined, undefined, undefined],
      [undefined, 0, undefined],
    ])
  })

  test('a single score, or none, is an axis all the same', () => {
    const { axes, trials } = placeTrials(search, [rows[1]!])
    const last = axes.at(-1)!
    expect(shareOf(last, trials[0]!.places.at(-1)!)).toBeCloseTo(0.5, 12)
    expect(placeTrials(search, [rows[3]!]).axes.at(-1)).toMatchObject({ from: 0, to: 1 })
    expect(placeAtShare(last, 2)).toBe(last.to)
  })
})

describe('brushes', () => {
  test('hold together, with their ends, and leave out what has no place', () => {
    const { axes, trials } = placeTrials(search, rows)
    const within = (brushes: Readonly<Record<string, readonly [number, number]>>): number[] =>
      trials.filter(trial => isWithin(trial, axes, new Map(Object.entries(brushes)))).map(({ row }) => row.key)
    expect(within({})).toEqual([1, 2, 3, 4])
    expect(within({ batchSize: [0.5, 1] })).toEqual([2, 3, 4])
    expect(within({ batchSize: [0.5, 1], 'optimizer.lr': [0, 0.8] })).toEqual([2, 4])
    expect(within({ batchSize: [0.5, 1], [objective]: [0.5, 0.9] })).toEqual([2, 3])
  })

  test('of the state narrow the list and the best; a whole axis is no brush, another search has none', () => {
    const all = signal<ReadonlyMap<number, RunSummary>>(new Map(rows.map(one => [one.key, one])))
    const searches = new Searches(all)
    searches.all.value = [search, { ...search, name: 'other' }]
    expect(searches.best(2)).toEqual(['s/trials/t002', 's/trials/t003'])
    searches.brush('optimizer.lr', [0.9, 2])
    expect([...searches.brushes.value]).toEqual([['optimizer.lr', [0.9, 1]]])
    expect(searches.listed(rows).map(({ key }) => key)).toEqual([3])
    expect(searches.best(2)).toEqual(['s/trials/t003'])
    // A trial that comes is within the brushes, too.
    all.value = new Map([...all.value, [5, row(5, [0.9, 32, 5], 0.95)]])
    expect(searches.best(2)).toEqual(['s/trials/t005', 's/trials/t003'])
    searches.brush('optimizer.lr', [0, 1])
    expect(searches.brushes.value.size).toBe(0)
    // An end at the end of an axis stays open there: a later trial that is better, or worse, is within.
    searches.brush(objective, [0.9, 0.95])
    all.value = new Map([...all.value, [6, row(6, [0.5, 32, 5], 0.99)]])
    expect([...searches.brushes.value]).toEqual([[objective, [0.9, 0.99]]])
    expect(searches.best(9)).toEqual(['s/trials/t006', 's/trials/t005', 's/trials/t002'])
    searches.brush(objective, [0.5, 0.7])
    all.value = new Map([...all.value, [7, row(7, [0.5, 32, 5], 0.1)]])
    expect(searches.best(9)).toEqual(['s/trials/t003', 's/trials/t001', 's/trials/t007'])
    // One within the axis is held where it is.
    searches.brush(objective, [0.6, 0.8])
    all.value = new Map([...all.value, [8, row(8, [0.5, 32, 5], 1)]])
    expect(searches.best(9)).toEqual(['s/trials/t003'])
    searches.brush(objective, undefined)
    searches.brush('width', [0.2, 0.1])
    expect(searches.brushes.value.get('width')).toEqual([0.1, 0.2])
    searches.choose('other')
    expect([searches.brushes.value.size, searches.trials.value.length]).toEqual([0, 0])
    expect(searches.across.value?.key).toBe('optimizer.lr')
  })
})

test('the trial under the pointer is the nearest line, or none', () => {
  const { axes, trials } = placeTrials(search, rows)
  expect(trialNear(trials, axes, 0.5, 0.02, 0.05)?.row.key).toBe(1)
  expect(trialNear(trials, axes, 1.5, 0.98, 0.05)?.row.key).toBe(3)
  expect(trialNear(trials, axes, 0.5, 0.25, 0.05)).toBeUndefined()
  // It ends before the score that it has not.
  expect(trialNear(trials, axes, 1.9, 0.27, 0.02)?.row.key).toBe(4)
  expect(trialNear([trials[3]!], axes, 2.5, 0.3, 1)).toBeUndefined()
})

test('the best are drawn over the others, and chosen ones over all', () => {
  const { trials } = placeTrials(search, rows)
  const drawn: [number, boolean][] = []
  drawTrials(
    {
      trials,
      kept: trials.slice(0, 3),
      looks: new Map([['s/trials/t001', { color: 0, isDashed: false }]]),
      theme: 'light',
    },
    ({ row }, _, look) => drawn.push([row.key, look !== undefined]),
  )
  expect(drawn).toEqual([
    [4, false],
    [3, false],
    [2, false],
    [1, true],
  ])
})

describe('searches in a folder', () => {
  let root: string
  let watch: RunWatch
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'fovea-searches-'))
  })
  afterEach(async () => {
    await watch.close()
    await rm(root, { recursive: true })
  })
  const trialsOf = (name: string) => watch.summaries().find(run => run.name === name)?.trial

  test('are told with their ranges, and trials with the values of their recipes', async () => {
    makeSearch(root, 'first', 3)
    makeRun(root, 'alone', startLine())
    watch = new RunWatch(root)
    await watch.wake()
    expect(watch.searches()).toEqual([
      expect.objectContaining({ name: 'first', strategy: 'random', metric: 'accuracy' }),
    ])
    expect(watch.searches()[0]!.axes[0]).toEqual({
      field: 'optimizer.lr',
      axis: { kind: 'log', low: 1e-4, high: 1 },
    })
    const { lr, batchSize, decay, dropout } = madeTrial(2)
    expect(trialsOf('first/trials/t002')).toEqual({
      search: 'first',
      values: [lr, batchSize, decay, dropout],
    })
    expect(trialsOf('alone')).toBeUndefined()
  })

  test('a search may be the folder itself, come later and go', async () => {
    watch = new RunWatch(root, { interval: 5 })
    const told: string[][] = []
    watch.on('searches', all => told.push(all.map(({ name }) => name)))
    // Whoever listens keeps it awake.
    watch.on('news', () => undefined)
    await watch.wake()
    expect(watch.searches()).toEqual([])
    makeSearch(root, '.', 1)
    await expect.poll(() => trialsOf('trials/t001')?.search).toBe(watch.title)
    rmSync(join(root, 'study.json'))
    await expect.poll(() => watch.searches()).toEqual([])
    expect(told).toEqual([[watch.title], []])
  })

  test.each([
    ['no JSON', '{'],
    ['another study', { kind: 'kfold', space: { a: { kind: 'int', low: 0, high: 1 } } }],
    ['no space', { kind: 'search' }],
    [
      'ranges that are none',
      { kind: 'search', space: { a: { kind: 'log', low: -1, high: 1 }, b: { kind: 'choice' } } },
    ],
  ])('what is no search is left out: %s', async (_, study) => {
    mkdirSync(join(root, 'x'))
    writeFileSync(join(root, 'x/study.json'), typeof study === 'string' ? study : JSON.stringify(study))
    makeRun(root, 'x/trials/t001', startLine(), recipe())
    watch = new RunWatch(root)
    await watch.wake()
    expect(watch.searches()).toEqual([])
    expect(trialsOf('x/trials/t001')).toBeUndefined()
  })
})
