/** Runs as the Lab's server tells of them: what is in a folder, curves, and the stream that follows logs as they grow. */
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LabServer, serveLab } from '../../src/cli/commands/lab/server.ts'
import type { CurveReply, RunSummary, RunsNews, StepReply } from '../../src/runs/live/protocol.ts'
import { RunWatch } from '../../src/runs/live/runWatch.node.ts'
import {
  accuracyOf,
  appendLog,
  lockRun,
  logLine,
  lossOf,
  makeRun,
  recipe,
  scoreLine,
  startLine,
  stepLines,
} from '../support/runLogs.ts'
import { EventStream } from './eventStream.ts'

let folder: string
let root: string
let server: LabServer
const warnings: string[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-runs-'))
  root = join(folder, 'runs')
  await mkdir(root)
  await mkdir(join(folder, 'site'))
  await writeFile(join(folder, 'site/index.html'), '<title>Fovea Lab</title>')
})
afterEach(async () => {
  await server?.close()
  await rm(folder, { recursive: true })
  expect(warnings).toEqual([])
})

const serve = async (runs = root): Promise<void> => {
  server = await serveLab({ port: 0, site: join(folder, 'site'), warn: message => warnings.push(message), runs })
}
const get = async <T>(path: string): Promise<T> => (await (await fetch(`${server.address}runs/${path}`)).json()) as T
const list = async (): Promise<readonly RunSummary[]> => (await get<RunsNews>('list')).runs
/** The list when all logs were read. */
async function listRead(): Promise<readonly RunSummary[]> {
  await expect.poll(async () => (await list()).every(({ isRead }) => isRead)).toBe(true)
  return list()
}
const named = (all: readonly RunSummary[], name: string): RunSummary => all.find(run => run.name === name)!
const keyOf = async (name: string): Promise<number> => named(await list(), name).key
const curveOf = (key: number, more = ''): Promise<CurveReply> => get(`curve?run=${key}${more}`)

/** Steps that a stream's events hold, until one is there. */
async function stepsUntil(stream: EventStream, last: number): Promise<{ steps: number[]; id: string }> {
  const steps: number[] = []
  for (;;) {
    const { data, id } = await stream.next('log')
    for (const line of data.split('\n').slice(1)) {
      const event = JSON.parse(line) as { type: string; step: number }
      if (event.type === 'step') steps.push(event.step)
    }
    if (steps.at(-1)! >= last) return { steps, id }
  }
}
const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, k) => from + k)

describe('the list', () => {
  test('has each run with its names, its state, its scores and its time', async () => {
    const log = startLine(3) + stepLines(1, 100) + scoreLine(1, 0.9) + stepLines(101, 200) + scoreLine(2, 0.85)
    makeRun(root, 'first', log + stepLines(201, 250))
    await serve()
    expect(await listRead()).toEqual([
      {
        key: 1,
        name: 'first',
        model: 'lenet5',
        data: 'mnist',
        state: 'paused',
        isRead: true,
        step: 250,
        epoch: 2,
        epochs: 3,
        stepsPerEpoch: 100,
        last: { step: 200, epoch: 2, loss: expect.closeTo(0.15, 9), accuracy: 0.85, seconds: 19.95 },
        best: { step: 100, epoch: 1, loss: expect.closeTo(0.1, 9), accuracy: 0.9, seconds: 10 },
        began: '2026-06-03T12:00:00.000Z',
        // A tenth of a second a step, but for the two of which half was spent on the validation before.
        seconds: 24.9,
      },
    ])
  })

  test('tells what is trained, has ended, has broken and was left', async () => {
    const log = startLine() + stepLines(1, 10)
    lockRun(makeRun(root, 'training', log))
    lockRun(makeRun(root, 'elsewhere', log), 12, 'another-machine')
    lockRun(makeRun(root, 'left', log), 2 ** 30)
    makeRun(root, 'ended', log + logLine({ type: 'done', step: 10, seconds: 1 }, 2000))
    const finished = makeRun(root, 'tested', log)
    await writeFile(join(finished, 'result.json'), JSON.stringify({ status: 'finished', test: { accuracy: 0.97 } }))
    const nan = { type: 'step', step: 11, epoch: 1, loss: Number.NaN, accuracy: 0, learningRate: 1, imagesPerSecond: 1 }
    makeRun(root, 'broken', log + logLine(nan as never, 1100))
    await serve()
    const all = await listRead()
    expect(Object.fromEntries(all.map(({ name, state }) => [name, state]))).toEqual({
      training: 'running',
      elsewhere: 'running',
      left: 'failed',
      ended: 'done',
      tested: 'done',
      broken: 'failed',
    })
    expect(named(all, 'tested').test).toBe(0.97)
    expect(named(all, 'broken').why).toBe('At step 11 the loss became NaN, and the run ended there.')
    expect(named(all, 'left').why).toMatch(/ended without a word/)
  })

  test('finds runs in folders of studies, and a folder that is a run itself', async () => {
    makeRun(root, 'search/trials/3', startLine() + stepLines(1, 3))
    await mkdir(join(root, 'empty'))
    await serve()
    expect((await listRead()).map(({ name }) => name)).toEqual(['search/trials/3'])
    await server.close()
    await serve(join(root, 'search/trials/3'))
    expect((await listRead()).map(({ name, step }) => [name, step])).toEqual([['3', 3]])
  })

  test('a run whose weights broke has failed, and says which', async () => {
    const message = 'model.conv1.weight has values that are NaN or infinite'
    makeRun(
      root,
      'sick',
      startLine() + stepLines(1, 3) + logLine({ type: 'notice', kind: 'diverged', step: 3, epoch: 1, message }, 400),
    )
    await serve()
    expect((await listRead())[0]).toMatchObject({
      state: 'failed',
      why: `At step 3 ${message}, and the run ended there.`,
    })
  })

  test('a run that is paused or whose rate was changed says so', async () => {
    const steer = (action: 'pause' | 'rate', more: object = {}): string =>
      logLine({ type: 'steer', action, step: 3, epoch: 1, ...more }, 400)
    lockRun(makeRun(root, 'steered', startLine() + stepLines(1, 3) + steer('rate', { factor: 0.5 }) + steer('pause')))
    await serve()
    const [row] = await listRead()
    expect(row).toMatchObject({ state: 'running', isPaused: true, rate: 0.05 })
    const { story } = await curveOf(row!.key)
    expect(story.notices.map(({ kind, message }) => `${kind}: ${message}`)).toEqual([
      'steer: learning rate 0.5 × its schedule',
      'steer: paused',
    ])
  })

  test('shows runs that appear, and no longer those that are gone', async () => {
    await serve()
    const stream = await EventStream.open(`${server.address}runs/stream`)
    expect(JSON.parse((await stream.next('runs')).data)).toEqual({ runs: [], gone: [], searches: [] })
    const path = makeRun(root, 'late', startLine() + stepLines(1, 5))
    const { runs } = JSON.parse((await stream.next('runs')).data) as RunsNews
    expect(runs).toMatchObject([{ name: 'late' }])
    await expect.poll(async () => (await list())[0]?.step).toBe(5)
    await rm(path, { recursive: true })
    for (;;) {
      const { gone } = JSON.parse((await stream.next('runs')).data) as RunsNews
      if (gone.length === 0) continue
      expect(gone).toEqual([runs[0]!.key])
      break
    }
    expect(await list()).toEqual([])
    stream.close()
  })

  test('answers while many long logs are read, and a run that is asked for comes before them', async () => {
    const log = startLine(200) + stepLines(1, 20_000)
    for (let k = 0; k < 50; k++) makeRun(root, `run-${String(k).padStart(2, '0')}`, log)
    await serve()
    const first = await list()
    expect(first).toHaveLength(50)
    const unread = first.filter(({ isRead }) => !isRead)
    // The one that would be read last is answered before most others are read.
    const { story } = await curveOf(unread.at(0)!.key)
    expect(story.step).toBe(20_000)
    const during = await list()
    expect(during.filter(({ isRead }) => !isRead).length).toBeGreaterThan(10)
    expect((await listRead()).map(({ step }) => step)).toEqual(Array.from({ length: 50 }, () => 20_000))
  })
})

describe('a curve', () => {
  test('holds all steps, and single ones where few are asked for', async () => {
    makeRun(root, 'long', startLine(50) + stepLines(1, 5000))
    await serve()
    const key = await keyOf('long')
    const { curve, story } = await curveOf(key, '&most=100')
    expect(story).toMatchObject({ step: 5000, stepsPerEpoch: 100 })
    expect(curve.size).toBe(64)
    expect(curve.count.reduce((a, b) => a + b)).toBe(5000)
    expect(Math.max(...curve.loss.high)).toBe(Math.max(...upTo(1, 5000).map(step => lossOf(step))))
    const { curve: fine } = await curveOf(key, '&from=300&to=349&most=100')
    expect(fine).toMatchObject({ size: 1, first: 299 })
    expect(fine.loss.sum).toEqual(upTo(300, 349).map(step => lossOf(step)))
  })

  test('is followed by steps that say what the log says', async () => {
    makeRun(root, 'one', startLine() + stepLines(1, 40))
    makeRun(root, 'two', startLine() + stepLines(1, 30, 1))
    await serve()
    const [one, two] = [await keyOf('one'), await keyOf('two')]
    const replies = await get<StepReply[]>(`steps?run=${one}&step=17&run=${two}&step=99`)
    expect(replies).toEqual([
      { key: one, step: 17, loss: lossOf(17), accuracy: accuracyOf(17), seconds: 1.7 },
      { key: two, step: 30, loss: lossOf(30, 1), accuracy: accuracyOf(30, 1), seconds: 3 },
    ])
  })

  test('is read again when its memory was given back', async () => {
    for (const name of ['a', 'b', 'c']) makeRun(root, name, startLine() + stepLines(1, 2000))
    // Room for the steps of one run.
    const watch = new RunWatch(root, { bytes: 60_000, interval: 10 })
    await watch.wake()
    await expect.poll(() => watch.summaries().every(({ isRead }) => isRead)).toBe(true)
    const keys = watch.summaries().map(({ key }) => key)
    for (const key of [...keys, ...keys]) {
      const run = watch.run(key)!
      const { curve } = await run.curve(1, 2000, 2000)
      expect(curve.loss.sum).toEqual(upTo(1, 2000).map(step => lossOf(step)))
    }
    await expect.poll(() => keys.filter(key => watch.run(key)!.bytes > 0).length).toBe(1)
    // What the list says stays.
    expect(watch.summaries().map(({ step }) => step)).toEqual([2000, 2000, 2000])
    await watch.close()
  })
})

describe('the stream', () => {
  test('sends lines as they are written, and one that is half written when it is whole', async () => {
    const path = makeRun(root, 'live', startLine() + stepLines(1, 10))
    await serve()
    const key = await keyOf('live')
    const { place } = await curveOf(key)
    const stream = await EventStream.open(`${server.address}runs/stream?follow=${key}:${place}`)
    appendLog(path, stepLines(11, 12))
    expect((await stepsUntil(stream, 12)).steps).toEqual([11, 12])
    const line = stepLines(13, 13)
    appendLog(path, line.slice(0, 40))
    // A look at the folder passes, which another run shows.
    makeRun(root, 'other', startLine())
    await expect.poll(async () => (await list()).length).toBe(2)
    expect(stream.events.filter(({ type, data }) => type === 'log' && data.includes('"step":13'))).toEqual([])
    appendLog(path, line.slice(40))
    expect((await stepsUntil(stream, 13)).steps).toEqual([13])
    await expect.poll(async () => named(await list(), 'live').step).toBe(13)
    stream.close()
  })

  test('goes on from the last id: nothing is lost, nothing comes twice', async () => {
    const first = makeRun(root, 'first', startLine() + stepLines(1, 10))
    const second = makeRun(root, 'second', startLine() + stepLines(1, 10, 1))
    await serve()
    const [a, b] = [await keyOf('first'), await keyOf('second')]
    const address = `${server.address}runs/stream?follow=${a}:${(await curveOf(a)).place},${b}`
    const seen: Record<number, number[]> = { [a]: upTo(1, 10), [b]: [] }
    let id: string | undefined
    for (let round = 0; round < 5; round++) {
      const stream = await EventStream.open(address, id)
      const [from, to] = [11 + round * 20, 30 + round * 20]
      // Half while it is connected, half while it is not.
      for (const [path, run] of [first, second].entries()) appendLog(run, stepLines(from, to - 10, path))
      while (seen[a]!.at(-1) !== to - 10 || seen[b]!.at(-1) !== to - 10) {
        const event = await stream.next('log')
        const [key, ...lines] = event.data.split('\n')
        for (const line of lines) {
          const parsed = JSON.parse(line) as { type: string; step: number }
          if (parsed.type === 'step') seen[Number(key)]!.push(parsed.step)
        }
        id = event.id
      }
      stream.close()
      for (const [path, run] of [first, second].entries()) appendLog(run, stepLines(to - 9, to, path))
    }
    expect(seen[a]).toEqual(upTo(1, 100))
    expect(seen[b]).toEqual(upTo(1, 100))
    expect(id).toMatch(new RegExp(`^${a}:\\d+:[0-9a-f]{8},${b}:\\d+:[0-9a-f]{8}$`))
  })

  test('sends a long log in pieces', async () => {
    makeRun(root, 'long', startLine(100) + stepLines(1, 10_000))
    await serve()
    const stream = await EventStream.open(`${server.address}runs/stream?follow=${await keyOf('long')}`)
    expect((await stepsUntil(stream, 10_000)).steps).toEqual(upTo(1, 10_000))
    const sizes = stream.events.filter(({ type }) => type === 'log').map(({ data }) => data.length)
    expect(Math.max(...sizes)).toBeLessThan(70_000)
    stream.close()
  })

  test('says that a log was cut, to who is connected and to who comes back; the curve is that of the log then', async () => {
    const path = makeRun(root, 'resumed', startLine() + stepLines(1, 50))
    await serve()
    const key = await keyOf('resumed')
    const { place } = await curveOf(key)
    const address = `${server.address}runs/stream?follow=${key}:${place}`
    const stream = await EventStream.open(address)
    appendLog(path, stepLines(51, 51))
    const { id } = await stepsUntil(stream, 51)
    await truncate(join(path, 'events.jsonl'), (startLine() + stepLines(1, 20)).length)
    appendLog(path, startLine() + stepLines(21, 90, 3))
    expect((await stream.next('cut')).data).toBe(String(key))
    stream.close()
    const again = await EventStream.open(address, id)
    expect((await again.next('cut')).data).toBe(String(key))
    again.close()
    const { curve } = await curveOf(key)
    expect(curve.loss.sum).toEqual([
      ...upTo(1, 20).map(step => lossOf(step)),
      ...upTo(21, 90).map(step => lossOf(step, 3)),
    ])
  })
})

describe('differences', () => {
  test('are the fields in which recipes differ, with the value of each run', async () => {
    makeRun(root, 'a', '', recipe())
    makeRun(root, 'b', '', recipe({ seed: 1, optimizer: { name: 'sgd', lr: 0.1, momentum: 0.9 } }))
    makeRun(root, 'c', '', recipe({ fovea: '0.2.0', ema: 0.99 }))
    await serve()
    const keys = await Promise.all(['a', 'b', 'c'].map(keyOf))
    expect(await get(`differences?${keys.map(key => `run=${key}`).join('&')}`)).toEqual([
      { field: 'seed', values: [0, 1, 0] },
      { field: 'optimizer.lr', values: [0.05, 0.1, 0.05] },
      { field: 'ema', values: [null, null, 0.99] },
    ])
  })
})

describe('links', () => {
  test('in the folder are not followed, neither to runs nor to logs and recipes; the folder itself may be one', async () => {
    const secret = makeRun(folder, 'secret', startLine() + stepLines(1, 9))
    await symlink(secret, join(root, 'linked'))
    const half = makeRun(root, 'half', '')
    await rm(join(half, 'events.jsonl'))
    await symlink(join(secret, 'events.jsonl'), join(half, 'events.jsonl'))
    const other = makeRun(root, 'other', '')
    await rm(join(other, 'recipe.json'))
    await symlink(join(secret, 'recipe.json'), join(other, 'recipe.json'))
    await symlink(root, join(folder, 'link-to-runs'))
    await serve(join(folder, 'link-to-runs'))
    expect((await listRead()).map(({ name, step }) => [name, step])).toEqual([['half', 0]])
  })
})
