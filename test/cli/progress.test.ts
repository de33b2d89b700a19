import { Writable } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { progressStyle, TrainProgress } from '../../src/cli/terminal/progress.ts'
import type { TrainEvent } from '../../src/train/events.ts'
import { trainEvents } from '../support/trainEvents.ts'

/** A stream that remembers. */
function recorder(isTTY: boolean, columns = 100) {
  let text = ''
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk
      done()
    },
  })
  return { stream: Object.assign(stream, { isTTY, columns }) as unknown as NodeJS.WriteStream, text: () => text }
}

/** The lines a terminal shows in the end: of what was written at the start of a line over and over, the last. */
function shown(text: string): string[] {
  const control = '\u001b'
  return text.split('\n').map(line =>
    line
      .split(`${control}[1G`)
      .at(-1)!
      .replaceAll(new RegExp(`${control}(\\[\\d*K|[78])`, 'g'), ''),
  )
}

/** Plays the events, 100 ms a step. */
function play(events: Iterable<TrainEvent>, isTTY: boolean, columns?: number): string {
  vi.useFakeTimers()
  const record = recorder(isTTY, columns)
  const progress = new TrainProgress({ stream: record.stream, style: isTTY ? 'bar' : 'lines', now: () => Date.now() })
  for (const event of events) {
    if (event.type === 'step') vi.advanceTimersByTime(100)
    progress.event(event)
  }
  progress.close()
  return record.text()
}

afterEach(() => {
  vi.useRealTimers()
})

describe('progressStyle', () => {
  it.each([
    [true, {}, 'bar'],
    [true, { TERM: 'xterm-256color', NO_COLOR: '1' }, 'bar'],
    [true, { CI: 'false' }, 'bar'],
    [true, { CI: 'true' }, 'lines'],
    [true, { CI: '1' }, 'lines'],
    [true, { TERM: 'dumb' }, 'lines'],
    [false, {}, 'lines'],
    [undefined, {}, 'lines'],
  ] as const)('terminal %s, environment %j → %s', (isTTY, environment, style) => {
    expect(progressStyle(isTTY === undefined ? {} : { isTTY }, environment)).toBe(style)
  })
})

describe('TrainProgress in lines', () => {
  const text = play(trainEvents(), false)
  const lines = text.split('\n')

  it('says what runs, then nine tenths, the epoch and its validation, for each epoch', () => {
    expect(lines).toHaveLength(2 + 2 * 11 + 2)
    expect(lines[0]).toBe('5,120 images to train on, 512 to validate · 61,706 parameters')
    expect(lines[1]).toBe('wasm, 2 threads, SIMD: relaxed · 9.0 MiB for a training step')
    expect(lines[11]).toBe('epoch 1/2 100 % · loss 1.00 · acc 80.00 % · 4.0 s')
    expect(lines[12]).toBe('epoch 1/2 validation · loss 0.500 · acc 90.00 %')
    expect(lines.at(-2)).toBe('trained 80 steps in 8.3 s')
  })

  it('gives recent loss, accuracy, speed, and the time left for the whole run', () => {
    // 100 ms a step; after 20 of 80 steps 6 s are left.
    expect(lines[5]).toMatch(/^epoch 1\/2 {3}40 % · loss 1\.54 · acc 48\.5 % · 31,200 img\/s · 0:06 left$/)
    expect(lines[6]).toContain('50 %')
  })

  it('writes no control characters', () => {
    expect(text).not.toMatch(/[^\n\P{Cc}]/u)
  })
})

describe('TrainProgress with bars', () => {
  it('leaves one bar for each epoch with the epoch’s means, and its validation below', () => {
    const lines = shown(play(trainEvents(), true))
    expect(lines.slice(2)).toEqual([
      'epoch 1/2 ▕██████████████████████▏ 100 % · loss 1.00 · acc 80.00 % · 4.0 s',
      '          validation · loss 0.500 · acc 90.00 %',
      'epoch 2/2 ▕██████████████████████▏ 100 % · loss 0.500 · acc 90.00 % · 4.0 s',
      '          validation · loss 0.250 · acc 95.00 %',
      'trained 80 steps in 8.3 s',
      '',
    ])
  })

  it('moves as the run goes', () => {
    const frames = play(trainEvents(), true).split('\u001b[1G')
    const half = frames.find(frame => frame.includes(' 50 %'))
    expect(half).toMatch(/^epoch 1\/2 ▕█{11} {11}▏ {2}50 % · loss 1\.42 · acc 52\.7 % · 31,200 img\/s · 0:06 left/)
  })

  it('fits 80 columns', () => {
    for (const line of shown(play(trainEvents(), true, 80))) expect(line.length).toBeLessThanOrEqual(80)
    const frames = play(trainEvents(), true, 80).split('\u001b[1G')
    expect(frames.find(frame => frame.includes(' 50 %'))).toContain('0:06 left')
  })

  it('is stopped by close in the middle of an epoch: no timer stays behind', () => {
    const events = [...trainEvents()].slice(0, 10)
    const lines = shown(play(events, true))
    expect(lines[2]).toMatch(/^epoch 1\/2 .* 22 % · /)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves Ctrl-C to the program', () => {
    const before = process.listenerCount('SIGINT')
    const { stream } = recorder(true)
    const progress = new TrainProgress({ stream, style: 'bar' })
    for (const event of [...trainEvents()].slice(0, 5)) progress.event(event)
    expect(process.listenerCount('SIGINT')).toBe(before)
    progress.close()
  })
})

describe('TrainProgress of a resumed run', () => {
  it('begins where the run stopped, in the middle of an epoch', () => {
    const all = [...trainEvents()]
    const start = { ...(all[0] as Extract<TrainEvent, { type: 'start' }>), step: 60 }
    const rest = all.filter(event => 'step' in event && event.step > 60 && event.type !== 'start')
    const lines = play([start, ...rest], false).split('\n')
    expect(lines[2]).toBe('resuming after step 60')
    expect(lines[3]).toMatch(/^epoch 2\/2 {3}60 % · .*img\/s$/)
    // Speed is measured on this run's own steps: 8 left of 0.1 s each.
    expect(lines[5]).toMatch(/80 % · .* 0:01 left$/)
  })

  it('refuses a stream of events that does not begin at the start', () => {
    const [, step] = trainEvents()
    expect(() => new TrainProgress({ stream: recorder(false).stream }).event(step!)).toThrow(
      "first event must be 'start'",
    )
  })
})
