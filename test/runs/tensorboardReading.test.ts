/** Event files of TensorBoard as others write them: PyTorch, Keras and Fovea itself, every scalar and nothing else. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { encodeRecord } from '../../src/runs/tensorboardEvents.ts'
import {
  recordEvent,
  recordFrame,
  recordHead,
  recordLength,
  type ScalarsEvent,
} from '../../src/runs/tensorboardReading.ts'

const fixtures = join(import.meta.dirname, '../fixtures/tensorboard')

function eventsOf(bytes: Uint8Array): ScalarsEvent[] {
  const events: ScalarsEvent[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = recordLength(bytes, at)!
    events.push(recordEvent(bytes, at, length)!)
    at += length + recordFrame
  }
  return events
}
const fixture = (...names: string[]): ScalarsEvent[] => eventsOf(readFileSync(join(fixtures, ...names)))
const scalarsOf = (events: readonly ScalarsEvent[]): (readonly [string, number, number])[] =>
  events.flatMap(({ step, scalars }) => scalars.map(({ tag, value }) => [tag, step, value] as const))

describe('records of TensorBoard', () => {
  it("of PyTorch's SummaryWriter: scalars with their steps and times; no histogram, text or picture", () => {
    const events = fixture('torch', 'events.out.tfevents.1700000000.0.host')
    const found = scalarsOf(events)
    expect(found).toHaveLength(2 * 20 + 2 * 2)
    for (const [tag, step, value] of found) {
      const expected = {
        'Loss/train': 2 / step,
        'Accuracy/train': 1 - 1 / step,
        'Loss/validation': 2.5 / step,
        'Accuracy/validation': 0.9 - 1 / step,
      }[tag]
      expect(value).toBe(Math.fround(expected!))
    }
    expect(events.at(-1)).toMatchObject({ wallTime: 1_700_000_020.5, step: 20, isStart: false })
  })

  it('of Keras: tensors of one number, of every type; no vector and no text', () => {
    const found = scalarsOf(fixture('keras', 'train', 'events.out.tfevents.1700000000.0.host.v2'))
    const of = (tag: string): number[] => found.filter(([name]) => name === tag).map(([, , value]) => value)
    expect(of('epoch_loss')).toEqual([1, 1 / 2, 1 / 3, 1 / 4].map(Math.fround))
    expect(of('epoch_accuracy')).toEqual([0.5, 0.6, 0.7, 0.8].map(Math.fround))
    expect(of('double')).toEqual([0.1])
    // 0x3555 of half precision.
    expect(of('half')).toEqual([0.333251953125])
    expect(of('whole')).toEqual([-7])
    expect(of('zero')).toEqual([0])
    expect(of('vector')).toEqual([])
    expect(of('keras')).toEqual([])
  })

  it("of Fovea's own writer", () => {
    const bytes = Buffer.concat([
      encodeRecord({ wallTime: 1.5, fileVersion: 'brain.Event:2' }),
      encodeRecord({ wallTime: 2, step: 5_000_000_000, isStart: true }),
      encodeRecord({ wallTime: 3, step: 300, scalars: { 'loss/train': 0.1, learning_rate: 0 } }),
    ])
    expect(eventsOf(bytes)).toEqual([
      { wallTime: 1.5, step: 0, scalars: [], isStart: false },
      { wallTime: 2, step: 5_000_000_000, scalars: [], isStart: true },
      {
        wallTime: 3,
        step: 300,
        scalars: [
          { tag: 'loss/train', value: Math.fround(0.1) },
          { tag: 'learning_rate', value: 0 },
        ],
        isStart: false,
      },
    ])
  })

  it('are checked: no byte of a record can change unnoticed', () => {
    const record = encodeRecord({ wallTime: 3, step: 300, scalars: { loss: 0.1 } })
    const length = recordLength(record, 0)!
    for (let k = 0; k < record.length; k++) {
      const wrong = Uint8Array.from(record)
      wrong[k]! ^= 4
      const isHead = k < recordHead
      expect(recordLength(wrong, 0)).toBe(isHead ? undefined : length)
      if (!isHead) expect(recordEvent(wrong, 0, length)).toBeUndefined()
    }
  })
})
