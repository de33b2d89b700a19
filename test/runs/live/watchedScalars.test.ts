/** Runs of others: their event files as they are written, on and on, cut and damaged, and what pages are told of them. */
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RunCurve } from '../../../lab/src/screens/runs/runCurve.ts'
import { shapeOf } from '../../../lab/src/screens/runs/shape.ts'
import { Curve } from '../../../src/runs/live/curve.ts'
import type { Place } from '../../../src/runs/live/logTail.node.ts'
import { RunWatch } from '../../../src/runs/live/runWatch.node.ts'
import { ScalarColumns } from '../../../src/runs/live/scalarColumns.ts'
import { heldOutTag, trainingTag } from '../../../src/runs/live/scalarNames.ts'
import { WatchedScalars } from '../../../src/runs/live/watchedScalars.node.ts'
import { encodeRecord, maskedCrc32c, type TensorBoardEvent } from '../../../src/runs/tensorboardEvents.ts'
import { recordFrame } from '../../../src/runs/tensorboardReading.ts'
import { temporaryFolder } from '../../support/fovea.ts'

const fixtures = join(import.meta.dirname, '../../fixtures/tensorboard')
let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder.remove())

const record = (step: number, scalars: TensorBoardEvent['scalars'], wallTime = 1000 + step): Uint8Array =>
  encodeRecord({ wallTime, step, ...(scalars && { scalars }) })
const fileName = 'events.out.tfevents.1000.host'
const runOf = (...folders: string[]): WatchedScalars =>
  new WatchedScalars(1, 'run', folder.path, folders.length > 0 ? folders : [''])
const place = (text: string): Place => ({ offset: Number(text.split(':')[0]), mark: text.split(':')[1]! })

/** Means of a curve by steps, of buckets of one step. */
const valuesOf = (curve: Curve, quantity: 'loss' | 'accuracy'): [number, number][] =>
  curve.data[quantity].count.flatMap((count, k) =>
    count > 0 ? [[curve.data.first + k + 1, curve.data[quantity].sum[k]! / count] as [number, number]] : [],
  )

describe('a run of scalars', () => {
  it('of PyTorch: two files are one run, known names are its curves and its scores', async () => {
    cpSync(join(fixtures, 'torch'), folder.path, { recursive: true })
    const run = runOf()
    await run.look()
    const { story, curve, scalars } = await run.curve(1, 1000, 1024)
    expect(scalars!.shown).toEqual({
      loss: 'Loss/train',
      accuracy: 'Accuracy/train',
      validationLoss: 'Loss/validation',
      validationAccuracy: 'Accuracy/validation',
    })
    const losses = valuesOf(Curve.from(curve), 'loss')
    expect(losses).toHaveLength(40)
    expect(losses.at(-1)).toEqual([40, Math.fround(2 / 40)])
    expect(story.scores.map(({ step }) => step)).toEqual([10, 20, 30, 40])
    expect(story.scores[3]!.accuracy).toBeCloseTo(0.9 - 1 / 40, 6)
    expect(story).toMatchObject({ step: 40, began: '2023-11-14T22:13:21.000Z', notices: [] })
    expect(run.summary()).toMatchObject({ step: 40, seconds: 39.5, isScalars: true, best: { step: 40 } })
    expect(await run.at(25)).toMatchObject({ step: 25, loss: Math.fround(2 / 25), seconds: 24 })
  })

  it('of Lightning: steps from 0 are one later, percentages are shares', async () => {
    cpSync(join(fixtures, 'lightning'), folder.path, { recursive: true })
    const run = runOf()
    await run.look()
    const { story, curve, scalars } = await run.curve(1, 1000, 1024)
    expect(scalars!.shown).toEqual({ loss: 'train_loss', validationLoss: 'val_loss', validationAccuracy: 'val_acc' })
    expect(valuesOf(Curve.from(curve), 'loss').slice(0, 2)).toEqual([
      [1, 1],
      [11, Math.fround(1 / 11)],
    ])
    expect(story.scores[1]!.step).toBe(100)
    expect(story.scores[1]!.accuracy).toBeCloseTo(0.9099, 6)
    expect(scalars!.tags.find(({ tag }) => tag === 'epoch')).toEqual({ tag: 'epoch', isShare: true })
    // Another tag, chosen by hand.
    const chosen = await run.curve(1, 1000, 1024, { loss: 'epoch' })
    expect(chosen.scalars!.shown.loss).toBe('epoch')
    expect(valuesOf(Curve.from(chosen.curve), 'loss').at(-1)).toEqual([91, 1])
    expect(chosen.place).not.toBe((await run.curve(1, 1000, 1024)).place)
  })

  it('of Keras: the folders train and validation are one run', async () => {
    cpSync(join(fixtures, 'keras'), folder.path, { recursive: true })
    const run = runOf('train', 'validation')
    await run.look()
    const { story, curve, scalars } = await run.curve(1, 100, 1024)
    expect(scalars!.shown).toEqual({
      loss: 'epoch_loss',
      accuracy: 'epoch_accuracy',
      validationLoss: 'validation/epoch_loss',
      validationAccuracy: 'validation/epoch_accuracy',
    })
    expect(valuesOf(Curve.from(curve), 'accuracy').map(([step]) => step)).toEqual([1, 2, 3, 4])
    expect(story.scores.map(({ loss }) => loss)).toEqual([0.9, 0.45, 0.3, 0.225].map(value => Math.fround(value)))
  })

  it('that grows tells a page what is new, so that it has what a new page gets', async () => {
    const path = join(folder.path, fileName)
    writeFileSync(path, record(1, { loss: 4, acc: 0.1 }))
    const run = runOf()
    await run.look()
    const reply = await run.curve(1, 2 ** 32 - 1, 1024)
    const page = new RunCurve(JSON.parse(JSON.stringify(reply)))
    const follower = run.follow(place(reply.place))
    const told: string[] = []
    const tell = async (): Promise<string> => {
      await run.read()
      return follower.read(lines => {
        told.push(...lines)
        page.take(lines)
      })
    }
    for (let step = 2; step <= 30; step++) {
      const bytes = record(step, step % 3 ? { loss: 4 / step } : { loss: 4 / step, acc: step / 100 })
      // The end of a record comes later.
      appendFileSync(path, bytes.subarray(0, 20))
      expect(await tell()).toBe('read')
      appendFileSync(path, bytes.subarray(20))
      expect(await tell()).toBe('read')
    }
    expect(told).toHaveLength(29 + 10)
    const fresh = await run.curve(1, 2 ** 32 - 1, 1024)
    expect(page.whole.data).toEqual(fresh.curve)
    expect(page.story.step).toBe(30)
    expect(shapeOf(page.whole, 'accuracy', 'steps', 0, page.story).x).toEqual([
      1,
      ...[3, 6, 9, 12, 15, 18, 21, 24, 27, 30],
    ])
    // A page that connects again with the place goes on there.
    const again = run.follow(place(fresh.place))
    expect(await again.read(() => expect.fail('nothing is new'))).toBe('read')
    // A new tag, and a value of an earlier step, are not known by what is new.
    appendFileSync(path, record(31, { val_loss: 3 }))
    expect(await tell()).toBe('cut')
    const later = await run.curve(1, 2 ** 32 - 1, 1024)
    expect(later.story.scores).toMatchObject([{ step: 31, loss: 3 }])
    appendFileSync(path, record(2, { loss: 8 }))
    await run.read()
    expect(await run.follow(place(later.place)).read(() => undefined)).toBe('cut')
    expect((await run.at(2)).loss).toBe(8)
    expect(await run.follow({ offset: 0, mark: '00000000' }).read(() => undefined)).toBe('cut')
  })

  it('passes over damaged records, and names them; where no record begins it ends', async () => {
    const path = join(folder.path, fileName)
    const records = [1, 2, 3, 4].map(step => record(step, { loss: step }))
    records[1]![30]! ^= 1
    writeFileSync(path, Buffer.concat(records))
    const run = runOf()
    await run.look()
    const read = async () => run.curve(1, 100, 100)
    expect(valuesOf(Curve.from((await read()).curve), 'loss').map(([step]) => step)).toEqual([1, 3, 4])
    const at = records[0]!.length
    expect((await read()).story.notices.map(({ message }) => message)).toEqual([
      `${fileName} has a record with a wrong checksum at byte ${at}, which is left out.`,
    ])
    appendFileSync(path, Buffer.concat([Buffer.alloc(16, 7), record(5, { loss: 5 })]))
    const { story } = await read()
    expect(story.step).toBe(4)
    expect(story.notices[0]!.message).toBe(
      `${fileName} is damaged at byte ${4 * at}, where no record begins: what follows is not read.`,
    )
    expect(run.summary().state).toBe('running')
  })

  it('passes over a record that is longer than is read, and waits for its end', async () => {
    const path = join(folder.path, fileName)
    // Of 5 MB, as pictures are; nobody looks at what is in it.
    const data = Buffer.alloc(5 * 2 ** 20)
    const long = Buffer.alloc(data.length + recordFrame)
    long.writeUInt32LE(data.length)
    long.writeUInt32LE(maskedCrc32c(long.subarray(0, 8)), 8)
    writeFileSync(path, Buffer.concat([record(1, { loss: 1 }), long.subarray(0, 100_000)]))
    const run = runOf()
    await run.look()
    expect((await run.curve(1, 100, 100)).story.step).toBe(1)
    appendFileSync(path, Buffer.concat([long.subarray(100_000), record(3, { loss: 1 })]))
    expect((await run.curve(1, 100, 100)).story).toMatchObject({ step: 3, notices: [] })
  })

  it('that is begun again voids what came later; one that is cut, or another one, is read anew', async () => {
    const path = join(folder.path, fileName)
    writeFileSync(path, Buffer.concat([1, 2, 3, 4].map(step => record(step, { loss: step }))))
    const run = runOf()
    await run.look()
    const steps = async () => valuesOf(Curve.from((await run.curve(1, 100, 100)).curve), 'loss')
    expect(await steps()).toHaveLength(4)
    const next = join(folder.path, 'events.out.tfevents.2000.host')
    writeFileSync(next, Buffer.concat([encodeRecord({ wallTime: 1, step: 3, isStart: true }), record(3, { loss: 9 })]))
    await run.look()
    expect(await steps()).toEqual([
      [1, 1],
      [2, 2],
      [3, 9],
    ])
    rmSync(next)
    expect(await steps()).toHaveLength(4)
    truncateSync(path, record(1, { loss: 1 }).length)
    expect(await steps()).toEqual([[1, 1]])
    writeFileSync(`${path}.new`, record(7, { loss: 7 }))
    renameSync(`${path}.new`, path)
    expect(await steps()).toEqual([[7, 7]])
  })

  it('reads its values again after they were given back, and its row goes on', async () => {
    const path = join(folder.path, fileName)
    writeFileSync(path, record(1, { loss: 1 }))
    const run = runOf()
    await run.look()
    await run.read()
    run.forget()
    expect(run.bytes).toBe(0)
    appendFileSync(path, record(2, { loss: 2 }))
    await run.read()
    expect(run.summary()).toMatchObject({ step: 2, isRead: true })
    expect(valuesOf(Curve.from((await run.curve(1, 9, 9)).curve), 'loss')).toHaveLength(2)
  })

  it('leaves out steps that cannot be shown', async () => {
    writeFileSync(join(folder.path, fileName), Buffer.concat([record(1, { loss: 1 }), record(2 ** 40, { loss: 1 })]))
    const run = runOf()
    await run.look()
    const { story } = await run.curve(1, 9, 9)
    expect(story.step).toBe(1)
    expect(story.notices[0]!.message).toContain('1 values are left out whose step is not from 0 to')
  })
})

describe('columns of scalars', () => {
  it('hold a number of values: the largest column gives back every second one, and says so', () => {
    const columns = new ScalarColumns(1000)
    for (let step = 1; step <= 5000; step++) {
      columns.add('loss', step, step, step)
      if (step % 100 === 0) columns.add('val', step, step, step)
    }
    const [loss, val] = [columns.column('loss')!, columns.column('val')!]
    expect(loss.length + val.length).toBeLessThanOrEqual(1001)
    expect(val.length).toBe(50)
    expect(loss.length).toBeGreaterThan(400)
    expect(columns.omissions).toEqual([`Of loss there are so many values that one of ${loss.every} is kept.`])
    for (let k = 0; k < loss.length; k++) expect(loss.row(k)).toMatchObject({ value: loss.row(k).step })
    const rows = Array.from({ length: loss.length }, (_, k) => loss.row(k).step)
    expect(rows).toEqual([...rows].sort((a, b) => a - b))
    expect(columns.bytes).toBeLessThan(100_000)
  })

  it('are in the order of steps however they come, the last value of a step counts', () => {
    const columns = new ScalarColumns()
    for (const step of [5, 1, 9, 5, 3]) columns.add('a', step, 10 * columns.turn, step)
    const column = columns.column('a')!
    expect(Array.from({ length: column.length }, (_, k) => [column.row(k).step, column.row(k).value])).toEqual([
      [1, 10],
      [3, 40],
      [5, 30],
      [9, 20],
    ])
    expect(column.at(4)?.step).toBe(3)
    expect(columns.dropFrom(4)).toBe(true)
    expect(column.length).toBe(2)
    expect(columns.dropFrom(4)).toBe(false)
  })
})

describe('names of tags', () => {
  it.each([
    ['loss', ['lr', 'train/loss', 'val/loss'], 'train/loss', 'val/loss'],
    ['loss', ['Loss/train', 'Loss/test', 'Loss/valid'], 'Loss/train', 'Loss/valid'],
    ['loss', ['train_loss_step', 'val_loss'], 'train_loss_step', 'val_loss'],
    ['loss', ['trainLoss', 'box_loss/train', 'validLoss', 'box_loss/val'], 'trainLoss', 'validLoss'],
    ['loss', ['epoch_loss', 'validation/epoch_loss'], 'epoch_loss', 'validation/epoch_loss'],
    ['loss', ['eval/loss'], undefined, 'eval/loss'],
    ['accuracy', ['train/acc', 'val/acc', 'loss'], 'train/acc', 'val/acc'],
    ['accuracy', ['Accuracy', 'Accuracy/val'], 'Accuracy', 'Accuracy/val'],
    ['accuracy', ['loss', 'lr'], undefined, undefined],
    ['loss', ['glossary'], undefined, undefined],
  ] as const)('%s of %j', (kind, tags, training, heldOut) => {
    const counted = tags.map(tag => [tag, 10] as const)
    expect(trainingTag(kind, counted)).toBe(training)
    expect(heldOutTag(kind, training, counted)).toBe(heldOut)
  })

  it('of a tag that was chosen by hand, the one with the same words is its counterpart', () => {
    const tags = ['train/box_loss', 'val/box_loss', 'val/loss', 'lr'].map(tag => [tag, 1] as const)
    expect(heldOutTag('loss', 'train/box_loss', tags)).toBe('val/box_loss')
    expect(heldOutTag('loss', 'lr', tags)).toBeUndefined()
  })
})

describe('the watch', () => {
  it('finds them down to the third level, beside runs of Fovea, follows no links, and sees them go', async () => {
    const { path } = folder
    cpSync(join(fixtures, 'torch'), join(path, 'a/b/torch'), { recursive: true })
    cpSync(join(fixtures, 'keras'), join(path, 'a/keras'), { recursive: true })
    cpSync(join(fixtures, 'torch'), join(path, 'a/b/c/deep'), { recursive: true })
    mkdirSync(join(path, 'own/logs'), { recursive: true })
    writeFileSync(join(path, 'own/recipe.json'), '{}')
    writeFileSync(join(path, 'own/logs', fileName), record(1, { loss: 1 }))
    mkdirSync(join(path, 'lightning/version_0'), { recursive: true })
    cpSync(join(fixtures, 'lightning'), join(path, 'lightning/version_0'), { recursive: true })
    symlinkSync(join(path, 'a/b/torch'), join(path, 'link'))
    const watch = new RunWatch(path, { interval: 10 })
    const names = (): string[] =>
      watch
        .summaries()
        .map(({ name }) => name)
        .sort()
    try {
      await watch.wake()
      expect(names()).toEqual(['a/b/torch', 'a/keras', 'lightning/version_0', 'own'])
      rmSync(join(path, 'a/b'), { recursive: true })
      mkdirSync(join(path, 'new'))
      writeFileSync(join(path, 'new', fileName), record(1, { loss: 1 }))
      await expect
        .poll(async () => {
          await watch.wake()
          return names()
        })
        .toEqual(['a/keras', 'lightning/version_0', 'new', 'own'])
      await expect.poll(() => watch.summaries().every(({ isRead }) => isRead)).toBe(true)
    } finally {
      await watch.close()
    }
  })

  it('takes a folder of event files itself for a run', async () => {
    cpSync(join(fixtures, 'torch'), folder.path, { recursive: true })
    const watch = new RunWatch(folder.path, { interval: 10 })
    try {
      await watch.wake()
      expect(watch.summaries()).toMatchObject([{ isScalars: true, name: watch.title }])
    } finally {
      await watch.close()
    }
  })
})
