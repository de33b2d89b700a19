/** TensorBoard event files: the same bytes as TensorBoard's own writer makes, and every number of a run read back. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { mnist } from '../../src/data/mnist.node.ts'
import { subsetOf } from '../../src/data/split.ts'
import { flatten } from '../../src/nn/flatten.ts'
import { linear } from '../../src/nn/linear.ts'
import { normalize } from '../../src/nn/normalize.ts'
import { sequential } from '../../src/nn/sequential.ts'
import { sgd } from '../../src/optim/sgd.ts'
import { hasTensorBoardLog, TensorBoardLog } from '../../src/runs/tensorboard.node.ts'
import { crc32c, encodeRecord, maskedCrc32c } from '../../src/runs/tensorboardEvents.ts'
import type { TrainEvent } from '../../src/train/events.ts'
import { Trainer } from '../../src/train/trainer.ts'
import { temporaryFolder } from '../support/fovea.ts'
import { trainEvents } from '../support/trainEvents.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('records', () => {
  it.each([
    // RFC 3720 (iSCSI), appendix B.4.
    ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 bytes that count up', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['32 bytes that count down', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    [
      'an iSCSI read command',
      Buffer.from(
        '01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000',
        'hex',
      ),
      0xd9963a56,
    ],
    // The check value of the catalogs of checksums.
    ['123456789', Buffer.from('123456789'), 0xe3069283],
  ])('have the CRC-32C of %s', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected)
  })

  // Made with tensorboard 2.21: RecordWriter and the messages of tensorboard.compat.proto.
  it.each([
    [
      'the version',
      { wallTime: 1.5, fileVersion: 'brain.Event:2' },
      '1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c',
    ],
    [
      'two scalars',
      { wallTime: 1700000000.25, step: 300, scalars: { 'loss/train': 0.1, learning_rate: 0 } },
      '3700000000000000e7e8ca590900001040fc54d94110ac022a290a110a0a6c6f73732f747261696e15cdcccc3d0a140a0d6c6561726e' +
        '696e675f726174651500000000374d819e',
    ],
    [
      'a start at a step beyond 32 bits',
      { wallTime: 2, step: 5_000_000_000, isStart: true },
      '13000000000000000c91321b0900000000000000401080e497d0123a0208019df28947',
    ],
  ])("are TensorBoard's own: %s", (_, event, expected) => {
    expect(hex(encodeRecord(event))).toBe(expected)
  })
})

interface Read {
  readonly step: number
  readonly isStart: boolean
  readonly version?: string
  readonly scalars: Record<string, number>
}

/** Reads a file as TensorBoard does: checksums first, then the messages' fields. */
function readFile(path: string): Read[] {
  const bytes = readFileSync(path)
  const events: Read[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at))
    expect(bytes.readUInt32LE(at + 8)).toBe(maskedCrc32c(bytes.subarray(at, at + 8)))
    const data = bytes.subarray(at + 12, at + 12 + length)
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(data))
    const fields = fieldsOf(data)
    const version = fields.find(([number]) => number === 3)?.[1] as Buffer | undefined
    const summary = fields.find(([number]) => number === 5)?.[1] as Buffer | undefined
    const values = summary ? fieldsOf(summary).map(([, value]) => new Map(fieldsOf(value as Buffer))) : []
    events.push({
      step: Number(fields.find(([number]) => number === 2)?.[1] ?? 0),
      isStart: fields.some(([number]) => number === 7),
      ...(version && { version: version.toString() }),
      scalars: Object.fromEntries(values.map(value => [String(value.get(1)), (value.get(2) as Buffer).readFloatLE(0)])),
    })
    at += 16 + length
  }
  return events
}

/** Numbers and contents of a message's fields. */
function fieldsOf(message: Buffer): [number: number, value: Buffer | number][] {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++]!
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  const fields: [number, Buffer | number][] = []
  while (at < message.length) {
    const key = varint()
    const type = key & 7
    if (type === 0) fields.push([key >>> 3, varint()])
    else {
      const size = type === 2 ? varint() : type === 1 ? 8 : 4
      fields.push([key >>> 3, message.subarray(at, at + size)])
      at += size
    }
  }
  return fields
}

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder.remove())

const filesOf = (path: string): string[] => readdirSync(path).sort()

describe('TensorBoardLog', () => {
  it('has every number of a run, at its step, in single precision', () => {
    expect(hasTensorBoardLog(folder.path)).toBe(false)
    const log = new TensorBoardLog(folder.path)
    for (const event of trainEvents()) log.append(event)
    log.close()
    expect(hasTensorBoardLog(folder.path)).toBe(true)
    const [first, ...records] = readFile(log.path)
    expect(first).toEqual({ step: 0, isStart: false, version: 'brain.Event:2', scalars: {} })
    const expected = [...trainEvents()].flatMap((event): [number, Record<string, number>][] => {
      if (event.type === 'step')
        return [
          [
            event.step,
            {
              'loss/train': Math.fround(event.loss),
              'accuracy/train': Math.fround(event.accuracy),
              learning_rate: Math.fround(0.05),
              images_per_second: 31_200,
            },
          ],
        ]
      if (event.type === 'epoch')
        return [[event.step, { 'loss/epoch': Math.fround(event.loss), 'accuracy/epoch': Math.fround(event.accuracy) }]]
      if (event.type !== 'validation') return []
      const { step, loss, accuracy } = event
      return [[step, { 'loss/validation': Math.fround(loss), 'accuracy/validation': Math.fround(accuracy) }]]
    })
    expect(expected).toHaveLength(84)
    expect(records.map(({ step, scalars }) => [step, scalars])).toEqual(expected)
    expect(records.some(({ isStart }) => isStart)).toBe(false)
  })

  it('takes numbers of one’s own, also those that are none', () => {
    const log = new TensorBoardLog(folder.path)
    log.scalars(3, { 'accuracy/test': 0.75, broken: Number.NaN, infinite: Number.POSITIVE_INFINITY })
    log.close()
    expect(readFile(log.path)[1]).toEqual({
      step: 3,
      isStart: false,
      scalars: { 'accuracy/test': 0.75, broken: Number.NaN, infinite: Number.POSITIVE_INFINITY },
    })
  })

  it('goes on in a new file, read after the old one, that voids later steps', () => {
    const [start] = trainEvents()
    const paths = [0, 12, 0].map(step => {
      const log = new TensorBoardLog(folder.path)
      log.append({ ...start, step } as TrainEvent)
      log.close()
      return log.path
    })
    expect(filesOf(folder.path).map(name => join(folder.path, name))).toEqual(paths)
    const starts = paths.map(path => readFile(path)[1])
    expect(starts.map(record => record && [record.step, record.isStart])).toEqual([undefined, [13, true], [1, true]])
  })

  it('passes over files that are none of its own, and says when there is no folder', () => {
    writeFileSync(join(folder.path, 'events.jsonl'), '')
    mkdirSync(join(folder.path, 'checkpoints'))
    expect(hasTensorBoardLog(folder.path)).toBe(false)
    const missing = join(folder.path, 'missing')
    expect(hasTensorBoardLog(missing)).toBe(false)
    expect(() => new TensorBoardLog(missing)).toThrow('cannot be written: no such folder')
  })

  it('follows a trainer that is stopped and continued', async () => {
    const { train } = await mnist()
    const engine = createEngine({ threads: 1 })
    const model = sequential(normalize({ mean: [0.1307], std: [0.3081] }), flatten(), linear(784, 10)).initialize(0)
    const options = { model, engine, train: subsetOf(train, 160), epochs: 2, batchSize: 16 }
    const events: TrainEvent[] = []
    const follow = async (trainer: Trainer, stopAt?: number): Promise<void> => {
      const log = new TensorBoardLog(folder.path)
      for await (const event of trainer.run()) {
        log.append(event)
        events.push(event)
        if (event.type === 'step' && event.step === stopAt) trainer.stop()
      }
      log.close()
    }
    const first = new Trainer({ ...options, optimizer: sgd({ lr: 0.05 }) })
    await follow(first, 7)
    const second = new Trainer({ ...options, optimizer: sgd({ lr: 0.05 }) })
    await second.restore(await first.snapshot())
    await follow(second)
    await engine.close()
    // As TensorBoard reads them: what a start voids is not shown.
    const shown = new Map<number, number>()
    for (const name of filesOf(folder.path)) {
      for (const { step, isStart, scalars } of readFile(join(folder.path, name))) {
        if (isStart) for (const known of [...shown.keys()]) if (known >= step) shown.delete(known)
        if ('loss/train' in scalars) shown.set(step, scalars['loss/train'])
      }
    }
    const steps = events.flatMap(event => (event.type === 'step' ? [[event.step, Math.fround(event.loss)]] : []))
    expect(steps).toHaveLength(20)
    expect([...shown]).toEqual(steps)
  })
})
