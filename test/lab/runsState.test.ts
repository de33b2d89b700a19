/** The state of the Runs screen, with what stands for its server. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Rgb } from '../../lab/src/draw/scale.ts'
import { looks, looksOf, runColors } from '../../lab/src/screens/runs/colors.ts'
import { filtered, nextOrder, sorted } from '../../lab/src/screens/runs/list.ts'
import { formatRunsView, parseRunsView } from '../../lab/src/screens/runs/runsLink.ts'
import {
  duration,
  meanNear,
  placeOf,
  rangeOf,
  shapeOf,
  stepAt,
  stepsBetween,
} from '../../lab/src/screens/runs/shape.ts'
import type { Listener, RunsSource } from '../../lab/src/screens/runs/source.ts'
import { Runs } from '../../lab/src/screens/runs/state.ts'
import { logTicksOf, ticksOf } from '../../src/plot/roundNumbers.ts'
import { parseEventLine } from '../../src/runs/eventLine.ts'
import type { RunSummary } from '../../src/runs/live/protocol.ts'
import { RunStory } from '../../src/runs/live/runStory.ts'
import { StepColumns } from '../../src/runs/live/stepColumns.ts'
import { lossOf, scoreLine, startLine, stepLines } from '../support/runLogs.ts'

const summary = (key: number, name: string, more: Partial<RunSummary> = {}): RunSummary => ({
  key,
  name,
  model: 'lenet5',
  data: 'mnist',
  state: 'done',
  isRead: true,
  step: 10,
  epoch: 1,
  epochs: 2,
  stepsPerEpoch: 100,
  began: '2026-06-03T12:00:00.000Z',
  seconds: 1,
  ...more,
})

/** Logs in memory, read as the server reads them. */
class Logs implements RunsSource {
  readonly logs = new Map<number, string>()
  readonly follows: { places: string; listener: Listener; isOpen: boolean }[] = []
  readonly asked: string[] = []
  fails = false

  async curve(key: number, from: number, to = 2 ** 32 - 1, most = 1024) {
    this.asked.push(`curve ${key} ${from} ${to}`)
    if (this.fails) throw new Error('no answer')
    const [columns, story] = this.#read(key)
    const place = `${this.logs.get(key)!.length}:00000000`
    return structuredClone({ key, place, story: story.story, curve: columns.curve(from, to, most).data })
  }
  async steps(asked: readonly (readonly [key: number, step: number])[]) {
    return asked.map(([key, step]) => ({ key, ...this.#read(key)[0].at(step) }))
  }
  async network() {
    return { checkpoints: [] }
  }
  async differences(keys: readonly number[]) {
    return [{ field: 'seed', values: keys }]
  }
  follow(places: string, listener: Listener) {
    const follow = { places, listener, isOpen: true }
    this.follows.push(follow)
    return () => {
      follow.isOpen = false
    }
  }

  /** What is followed now. */
  get last() {
    return this.follows.at(-1)!
  }
  tell(runs: readonly RunSummary[], gone: readonly number[] = []): void {
    this.last.listener.onNews({ runs, gone })
  }
  /** Lines are written, and told to who follows. */
  append(key: number, text: string): void {
    this.logs.set(key, this.logs.get(key)! + text)
    const lines = text.trimEnd().split('\n')
    this.last.listener.onLog(key, lines, `${key}:${this.logs.get(key)!.length}:00000000`)
  }

  #read(key: number): [StepColumns, RunStory] {
    const [columns, story] = [new StepColumns(), new RunStory()]
    for (const line of this.logs.get(key)!.trimEnd().split('\n')) {
      const event = parseEventLine(line)!
      story.take(event)
      if (event.type === 'step') columns.add({ ...event, seconds: story.seconds })
    }
    return [columns, story]
  }
}

/** All that was promised has come. */
const settled = (): Promise<void> => new Promise(resolve => setTimeout(resolve))

let source: Logs
let runs: Runs
beforeEach(() => {
  source = new Logs()
  source.logs.set(1, startLine() + stepLines(1, 150) + scoreLine(1, 0.9))
  source.logs.set(2, startLine() + stepLines(1, 40, 1))
  source.logs.set(3, startLine(100) + stepLines(1, 5000, 2))
  runs = new Runs(source)
  source.tell([summary(1, 'a', { step: 150 }), summary(2, 'b', { step: 40 }), summary(3, 'c', { step: 5000 })])
})
const names = (): string[] => runs.drawn.value.map(({ row }) => row.name)
const place = (key: number): string => `${key}:${source.logs.get(key)!.length}:00000000`

describe('the runs that are drawn', () => {
  test('are those that are trained, else the newest, until somebody chooses', async () => {
    await settled()
    expect(names()).toEqual(['c', 'b', 'a'])
    expect(runs.view().chosen).toBeUndefined()
    const other = new Runs(source)
    source.tell([summary(1, 'a', { state: 'running' }), summary(2, 'b')])
    await settled()
    expect(other.drawn.value.map(({ row }) => row.name)).toEqual(['a'])
    other.toggle('b')
    await settled()
    expect(other.view().chosen).toEqual(['a', 'b'])
    other.close()
    expect(source.last.isOpen).toBe(false)
  })

  test('are followed from where their curves end, and no others', async () => {
    await settled()
    expect(source.last.places.split(',').sort()).toEqual([place(1), place(2), place(3)])
    runs.choose(['b'])
    await settled()
    expect(source.last.places).toBe(place(2))
    expect(source.follows.filter(({ isOpen }) => isOpen)).toHaveLength(1)
    source.append(2, stepLines(41, 60, 1))
    runs.choose(['b', 'a'])
    await settled()
    expect(source.last.places).toBe(`${place(2)},${place(1)}`)
    expect(runs.drawn.value[0]!.curve.story.step).toBe(60)
  })

  test('grow by the lines that come, as if they had been read anew', async () => {
    runs.choose(['a'])
    await settled()
    source.append(1, stepLines(151, 3000) + scoreLine(2, 0.95))
    const grown = runs.drawn.value[0]!.curve
    const { curve, story } = await source.curve(1, 1, undefined, grown.whole.length)
    expect(grown.whole.data.count).toEqual(curve.count)
    expect(grown.whole.data.loss.high).toEqual(curve.loss.high)
    expect(grown.story.scores).toEqual(story.scores)
    expect(grown.story.clock.seconds).toBeCloseTo(story.clock.seconds, 9)
  })

  test('are read again when their log was cut, and then followed from there', async () => {
    runs.choose(['a'])
    await settled()
    source.logs.set(1, startLine() + stepLines(1, 20))
    source.last.listener.onCut(1)
    expect(runs.drawn.value[0]!.curve.story.step).toBe(150)
    await settled()
    expect(runs.drawn.value[0]!.curve.story.step).toBe(20)
    expect(source.last.places).toBe(place(1))
  })

  test('go with their folder, and come back with it', async () => {
    runs.choose(['a', 'b'])
    await settled()
    source.tell([], [1])
    expect(names()).toEqual(['b'])
    source.logs.set(4, startLine() + stepLines(1, 5))
    source.tell([summary(4, 'a')])
    await settled()
    expect(names()).toEqual(['a', 'b'])
  })

  test('are at most twenty', () => {
    runs.choose(Array.from({ length: 30 }, (_, k) => `run-${k}`))
    expect(runs.chosen.value).toHaveLength(20)
    runs.toggle('one more')
    expect(runs.chosen.value).not.toContain('one more')
  })

  test('that do not come are told, and asked for again with the next news of them', async () => {
    source.fails = true
    runs.choose(['a'])
    await settled()
    runs.choose(['a', 'b'])
    await settled()
    expect(runs.problem.value).toBe('A curve did not come: no answer')
    const asked = source.asked.length
    await settled()
    expect(source.asked.length).toBe(asked)
    source.fails = false
    source.tell([summary(2, 'b')])
    await settled()
    expect(names()).toContain('b')
  })
})

describe('the crosshair', () => {
  test('reads the numbers that the log has at its step, of every run', async () => {
    runs.choose(['a', 'b'])
    await settled()
    runs.cursor.value = 17
    await settled()
    expect(runs.readings.value.map(({ step, exact }) => [step, exact?.loss])).toEqual([
      [17, lossOf(17)],
      [17, lossOf(17, 1)],
    ])
    runs.cursor.value = 100
    await settled()
    // The second run ends before.
    expect(runs.readings.value.map(({ step, exact }) => [step, exact?.loss])).toEqual([
      [100, lossOf(100)],
      [40, lossOf(40, 1)],
    ])
  })

  test('reads the last step without one, which moves on', async () => {
    runs.choose(['a'])
    await settled()
    expect(runs.readings.value[0]).toMatchObject({ step: 150, exact: { loss: lossOf(150) } })
    source.append(1, stepLines(151, 151))
    expect(runs.readings.value[0]).toMatchObject({ step: 151, exact: { loss: lossOf(151) } })
  })

  test('stands at the same epoch or the same time of each run', async () => {
    runs.choose(['a'])
    await settled()
    source.logs.set(2, startLine(2, 20) + stepLines(1, 40, 1, 20))
    runs.choose(['a', 'b'])
    await settled()
    runs.setAxis('epochs')
    runs.cursor.value = 0.5
    expect(runs.readings.value.map(({ step }) => step)).toEqual([50, 10])
    runs.setAxis('time')
    runs.cursor.value = 3
    expect(runs.readings.value.map(({ step }) => step)).toEqual([30, 30])
  })

  test('moves by keys from step to step, and takes what is shown with it', async () => {
    runs.choose(['a'])
    await settled()
    runs.zoomTo([50, 60])
    runs.cursor.value = 59
    runs.moveCursor(0.01)
    expect([runs.cursor.value, runs.zoom.value]).toEqual([60, [50, 60]])
    runs.moveCursor(0.01)
    expect([runs.cursor.value, runs.zoom.value]).toEqual([61, [51, 61]])
    runs.moveCursor(Number.POSITIVE_INFINITY)
    expect(runs.cursor.value).toBe(150)
    runs.moveCursor(Number.NEGATIVE_INFINITY)
    expect([runs.cursor.value, runs.zoom.value]).toEqual([0, [0, 10]])
  })
})

describe('a zoom', () => {
  test('asks for a finer curve, in which lines that come meanwhile are not missing', async () => {
    runs.choose(['c'])
    await settled()
    expect(runs.drawn.value[0]!.curve.whole.data.size).toBe(8)
    runs.zoomTo([4800, 5000])
    // They come after the curve was asked for and before it is here.
    source.append(3, stepLines(5001, 5010, 2))
    await settled()
    source.append(3, stepLines(5011, 5020, 2))
    const { curve } = runs.drawn.value[0]!
    const detail = curve.curveOf(4800, 5000)
    expect(detail.data.size).toBe(1)
    const { first, count, loss } = detail.data
    expect(first + count.length).toBe(5020)
    expect(count.every(held => held === 1)).toBe(true)
    expect(loss.sum).toEqual(Array.from(count, (_, k) => lossOf(first + 1 + k, 2)))
    const [shape] = runs.losses.value
    const at = shape!.x.indexOf(4900)
    expect([shape!.low[at], shape!.high[at]]).toEqual([lossOf(4900, 2), lossOf(4900, 2)])
  })

  test('stays within the axis, and is all of it again when it would be more', async () => {
    runs.choose(['a'])
    await settled()
    expect(runs.whole.value).toEqual([0, 150])
    runs.zoomTo([200, 100])
    expect(runs.zoom.value).toEqual([100, 150])
    runs.cursor.value = 110
    runs.zoomBy(0.5)
    expect(runs.zoom.value).toEqual([105, 130])
    runs.zoomBy(40)
    expect(runs.zoom.value).toBeUndefined()
    runs.zoomTo([50, 50.5])
    expect(runs.zoom.value).toBeUndefined()
    runs.zoomTo([50, 60])
    runs.setAxis('epochs')
    expect(runs.zoom.value).toBeUndefined()
  })
})

test('recipes are compared when two runs are drawn', async () => {
  runs.choose(['a'])
  await settled()
  expect(runs.differences.found.value).toEqual([])
  runs.choose(['a', 'c'])
  await settled()
  expect(runs.differences.found.value).toEqual([{ field: 'seed', values: [1, 3] }])
})

describe('the list', () => {
  const rows = [
    summary(1, 'run-10', { step: 5, best: { step: 1, epoch: 1, loss: 1, accuracy: 0.5, seconds: 1 } }),
    summary(2, 'run-9', { step: 7, state: 'running', data: 'cifar10' }),
    summary(3, 'search/1', { step: 5, best: { step: 1, epoch: 1, loss: 1, accuracy: 0.7, seconds: 1 } }),
  ]
  const order = (...all: Parameters<typeof sorted>): number[] => sorted(...all).map(({ key }) => key)

  test('is sorted by numbers in names, and runs without a value come last either way', () => {
    expect(order(rows, { column: 'name', isDown: false })).toEqual([2, 1, 3])
    expect(order(rows, { column: 'step', isDown: true })).toEqual([2, 1, 3])
    expect(order(rows, { column: 'best', isDown: true })).toEqual([3, 1, 2])
    expect(order(rows, { column: 'best', isDown: false })).toEqual([1, 3, 2])
  })

  test('begins with the largest where those are looked for, and turns round', () => {
    const first = nextOrder({ column: 'name', isDown: false }, 'best')
    expect(first).toEqual({ column: 'best', isDown: true })
    expect(nextOrder(first, 'best')).toEqual({ column: 'best', isDown: false })
    expect(nextOrder(first, 'loss')).toEqual({ column: 'loss', isDown: false })
  })

  test('is filtered by words, each in any of its columns', () => {
    const found = (filter: string): number[] => filtered(rows, filter).map(({ key }) => key)
    expect(found('RUN lenet')).toEqual([1, 2])
    expect(found('cifar running')).toEqual([2])
    expect(found('cifar done')).toEqual([])
    expect(found(' ')).toEqual([1, 2, 3])
  })
})

describe('colors', () => {
  test('are decided by the name alone where no other has them, and differ between any twenty', () => {
    const all = Array.from({ length: looks }, (_, k) => `lenet5-${k}`)
    const found = looksOf(all)
    for (const { color } of found.values()) expect(runColors.light[color]).toBeDefined()
    expect(new Set(Array.from(found.values(), ({ color, isDashed }) => `${color} ${isDashed}`)).size).toBe(looks)
    for (const name of all) expect(looksOf([name]).get(name)!.isDashed).toBe(false)
    expect(looksOf([all[0]!, all[5]!]).get(all[0]!)).toEqual(looksOf([all[0]!]).get(all[0]!))
    // Ten runs have ten colors, before any is dashed.
    expect(new Set(Array.from(looksOf(all.slice(0, 10)).values(), ({ color }) => color)).size).toBe(10)
  })

  test.each(['light', 'dark'] as const)('can be told from the paper, %s: 3 to 1 at least (WCAG 2.2, 1.4.11)', theme => {
    const luminance = (color: Rgb): number => {
      const [r, g, b] = color.map(channel => {
        const share = channel / 255
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
      }) as [number, number, number]
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const paper = luminance(theme === 'light' ? [255, 255, 255] : [20, 24, 30])
    for (const color of runColors[theme]) {
      const own = luminance(color)
      const contrast = (Math.max(own, paper) + 0.05) / (Math.min(own, paper) + 0.05)
      expect(contrast, color.join(' ')).toBeGreaterThanOrEqual(3)
    }
  })
})

describe('an address', () => {
  test.each([
    { chosen: undefined, axis: 'steps', isLog: true, tags: {} },
    { chosen: [], axis: 'time', isLog: false, tags: { loss: 'val/loss & more', accuracy: undefined } },
    { chosen: ['a b&c=d', '__proto__', 'search/1'], axis: 'epochs', isLog: true, tags: { accuracy: 'top1' } },
  ] as const)('holds what is shown: %o', view => {
    expect(parseRunsView(formatRunsView(view))).toEqual(view)
  })
})

describe('shapes', () => {
  const columns = new StepColumns()
  for (let step = 1; step <= 100; step++) columns.add({ step, loss: step, accuracy: step / 100, seconds: step / 2 })
  const story = { ...new RunStory().story, step: 100, stepsPerEpoch: 10 }

  test('have the mean over the steps within half a window on either side, fewer at the ends', () => {
    const { x, mean } = shapeOf(columns.curve(1, 100, 100), 'loss', 'steps', 4, story)
    expect(x).toEqual(Array.from({ length: 100 }, (_, k) => k + 1))
    expect([mean[0], mean[1], mean[50], mean[99]]).toEqual([2, 2.5, 51, 99])
    const single = shapeOf(columns.curve(1, 100, 100), 'loss', 'steps', 0, story)
    expect(single.mean).toEqual(x)
  })

  test('of buckets have the means of their steps', () => {
    const { x, mean, low, high } = shapeOf(columns.curve(1, 100, 30), 'loss', 'epochs', 0, story)
    expect([x[0], mean[0], low[0], high[0]]).toEqual([0.25, 2.5, 1, 4])
  })

  test('lead from a place to its step and back, on every axis', () => {
    const curve = columns.curve(1, 100, 100)
    for (const step of [1, 37, 100]) {
      for (const axis of ['steps', 'epochs', 'time'] as const) {
        expect(stepAt(axis, placeOf(axis, step, step / 2, story), curve, story)).toBe(step)
      }
    }
    expect(stepsBetween('epochs', [1, 2], curve, story)).toEqual([10, 20])
    const [from, to] = stepsBetween('time', [10, 20], columns.curve(1, 100, 13), story)
    expect(from).toBeLessThanOrEqual(20)
    expect(to).toBeGreaterThanOrEqual(40)
  })

  test('are read at the nearest place', () => {
    const shape = { x: [1, 3, 7], mean: [10, 30, 70], low: [], high: [], isSingle: true }
    expect([0, 1.9, 2.1, 5.5, 99].map(place => meanNear(shape, place))).toEqual([10, 10, 30, 70, 70])
    expect(meanNear({ x: [], mean: [], low: [], high: [], isSingle: true }, 1)).toBeUndefined()
  })

  test('have ranges that hold them, and round numbers beside them', () => {
    expect(rangeOf('loss', [0.01, 2], true)).toEqual([0.01 / 1.08, 2 * 1.08])
    expect(rangeOf('loss', [], false)).toEqual([0, 3])
    expect(rangeOf('accuracy', [0.43, 0.99], false)).toEqual([0.4, 1])
    expect(rangeOf('accuracy', [0.957, Number.NaN], false)).toEqual([0.95, 1])
    expect(ticksOf([0, 1000], 5)).toEqual([0, 200, 400, 600, 800, 1000])
    expect(ticksOf([3, 4], 7, 1)).toEqual([3, 4])
    expect(ticksOf([5, 5], 5)).toEqual([])
    expect(logTicksOf([0.01, 2])).toEqual([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2])
    expect(logTicksOf([1e-6, 10]).length).toBeLessThanOrEqual(8)
  })

  test.each([
    [0.25, '0.25 s'],
    [48.4, '48 s'],
    [125, '2 min 5 s'],
    [7200, '2 h'],
    [12_000, '3 h 20 min'],
  ])('%d seconds are %s', (seconds, words) => {
    expect(duration(seconds)).toBe(words)
  })
})
