/** Memory: what a run needs is planned before its first step, and what does not fit says what would. */
import { afterEach, describe, expect, it } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import type { Engine } from '../../src/backends/engine.ts'
import { imageDataset } from '../../src/data/arrays.ts'
import { subsetOf } from '../../src/data/split.ts'
import { relu } from '../../src/nn/activations.ts'
import { globalAveragePool2d } from '../../src/nn/adaptivePooling.ts'
import { batchNorm2d } from '../../src/nn/batchNorm.ts'
import { conv2d } from '../../src/nn/convolution.ts'
import { flatten } from '../../src/nn/flatten.ts'
import { linear } from '../../src/nn/linear.ts'
import { crossEntropy } from '../../src/nn/losses.ts'
import { normalize } from '../../src/nn/normalize.ts'
import { sequential } from '../../src/nn/sequential.ts'
import { swa } from '../../src/optim/average.ts'
import { sgd } from '../../src/optim/sgd.ts'
import { MemoryError } from '../../src/plan/memoryError.ts'
import type { TrainEvent } from '../../src/train/events.ts'
import { largestBatch } from '../../src/train/largestBatch.ts'
import { trainingProgram } from '../../src/train/programs.ts'
import { Trainer, type TrainerOptions } from '../../src/train/trainer.ts'

const engines: Engine[] = []
const engineOf = (): Engine => {
  const engine = createEngine({ threads: 1 })
  engines.push(engine)
  return engine
}
afterEach(async () => {
  await Promise.all(engines.splice(0).map(engine => engine.close()))
})

const noise = (count: number, side: number) =>
  subsetOf(
    imageDataset({
      images: Uint8Array.from({ length: count * side * side }, (_, k) => (k * 31) % 251),
      labels: Int32Array.from({ length: count }, (_, k) => k % 3),
      shape: [side, side, 1],
      classes: ['a', 'b', 'c'],
    }),
  )
const network = (channels = 4) =>
  sequential(
    normalize({ mean: [0.5], std: [0.3] }),
    conv2d(1, channels, 3),
    batchNorm2d(channels),
    relu(),
    globalAveragePool2d(),
    flatten(),
    linear(channels, 3),
  ).initialize(0)

/** An engine that compiles in another way, and is otherwise the same. */
const compilingWith = (engine: Engine, compile: Engine['compile']): Engine =>
  new Proxy(engine, {
    get(target, name) {
      if (name === 'compile') return compile
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

async function eventsOf(options: Partial<TrainerOptions> & Pick<TrainerOptions, 'engine'>): Promise<TrainEvent[]> {
  const trainer = new Trainer({
    model: network(),
    train: noise(22, 8),
    optimizer: sgd({ lr: 0.01, momentum: 0.9 }),
    epochs: 3,
    batchSize: 4,
    ...options,
  })
  const events: TrainEvent[] = []
  for await (const event of trainer.run()) events.push(event)
  return events
}

describe('programs of a run', () => {
  it.each<[what: string, options: Partial<TrainerOptions>]>([
    ['the last batch, validation and alarms', { validation: noise(300, 8), alarms: true }],
    ['accumulated batches', { accumulate: 3, validation: noise(7, 8) }],
    [
      'averages with running statistics of their own',
      { average: swa({ start: 0, statisticsBatches: 6 }), validation: noise(7, 8) },
    ],
    [
      'what thaws later',
      {
        freeze: [
          { match: /^1/, until: 2 },
          { match: /^2/, until: 3 },
        ],
        alarms: true,
      },
    ],
  ])('are compiled before the first step: %s', async (_, options) => {
    const engine = engineOf()
    const calls: string[] = []
    const watched = compilingWith(engine, async program => {
      calls.push('compile')
      const executable = await engine.compile(program)
      const run = executable.run.bind(executable)
      return Object.assign(executable, {
        run: (...args: Parameters<typeof run>) => {
          calls.push('run')
          return run(...args)
        },
      })
    })
    const events = await eventsOf({ engine: watched, ...options })
    expect(events.at(-1)!.type).toBe('done')
    const firstRun = calls.indexOf('run')
    expect(firstRun).toBeGreaterThan(1)
    expect(calls.slice(firstRun)).not.toContain('compile')
  })

  it('that do not fit are an error before the first step, which names the largest batch that fits', async () => {
    const engine = engineOf()
    const side = 64
    const model = network(64)
    const error = await eventsOf({ engine, model, train: noise(3000, side), batchSize: 2500, epochs: 1 }).catch(e => e)
    expect(error).toBeInstanceOf(MemoryError)
    const [, named] = /a step on 2500 images does not fit; the largest batch that does is (\d+)$/.exec(error.message)!
    const bytesOf = (batch: number): number => {
      const program = trainingProgram(model, [side, side, 1], batch, crossEntropy(), sgd({ lr: 0.01, momentum: 0.9 }))
      return engine.memoryFor(program).bytes
    }
    expect(bytesOf(Number(named))).toBeLessThanOrEqual(2 ** 32)
    expect(bytesOf(Number(named) + 1)).toBeGreaterThan(2 ** 32)
    // The engine is none the worse for it.
    expect((await eventsOf({ engine })).at(-1)!.type).toBe('done')
  })

  it('of a diagnosis that does not fit end no run: the alarms are left out, which is said', async () => {
    const engine = engineOf()
    const small = compilingWith(engine, async program => {
      if ('layer 0' in program.outputs) throw new MemoryError({ bytes: 5e9, limit: 2 ** 32 })
      return engine.compile(program)
    })
    const events = await eventsOf({ engine: small, alarms: true })
    const notices = events.filter(event => event.type === 'notice' && event.kind === 'alarms')
    expect(notices).toEqual([
      expect.objectContaining({
        step: 0,
        message: expect.stringMatching(/^the layers are not watched: out of memory/),
      }),
    ])
    expect(events.at(-1)!.type).toBe('done')
  })
})

describe('largestBatch', () => {
  it('is the largest one that fits, for memory that grows in steps and bends', () => {
    const shapes: ((batch: number) => number)[] = [
      batch => 7 * batch + 100,
      batch => 64 * Math.ceil(batch / 16) + 10,
      batch => batch + (batch > 40 ? 1000 : 0),
      batch => batch ** 2,
    ]
    for (const bytesOf of shapes)
      for (const limit of [110, 333, 1000]) {
        const found = largestBatch(bytesOf, 500, limit)
        const all = Array.from({ length: 500 }, (_, k) => k + 1).filter(batch => bytesOf(batch) <= limit)
        expect(found).toBe(all.at(-1))
      }
  })

  it('plans few batches where memory grows in a straight line', () => {
    let plans = 0
    const bytesOf = (batch: number): number => {
      plans++
      return 1e6 * batch + 5e6
    }
    expect(largestBatch(bytesOf, 100_000, 2 ** 32)).toBe(4289)
    expect(plans).toBeLessThan(6)
  })

  it('is none when one sample is too much', () => {
    expect(largestBatch(() => 10, 8, 9)).toBeUndefined()
  })
})
