/**
 * An engine that is asked while it is busy: evaluators, trainers and callers at the same time, in random order, each get the
 * bits that they get alone. The oracle is the same work done one after another, on an engine of its own.
 */
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../src/backends/engine.ts'
import { createReferenceEngine } from '../../src/backends/reference/engine.ts'
import { createWasmEngine, WasmEngine } from '../../src/backends/wasm/engine.ts'
import { imageDataset } from '../../src/data/arrays.ts'
import type { Subset } from '../../src/data/dataset.ts'
import { subsetOf } from '../../src/data/split.ts'
import { add, input, mul, Variable } from '../../src/graph/index.ts'
import {
  batchNorm2d,
  conv2d,
  dropout,
  flatten,
  linear,
  maxPool2d,
  normalize,
  relu,
  sequential,
} from '../../src/nn/index.ts'
import { adam } from '../../src/optim/adam.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import { Evaluator } from '../../src/train/evaluate.ts'
import { Trainer } from '../../src/train/trainer.ts'

const shape = [6, 6, 1] as const
const random = new RandomSequence(3, 'busy')
const data = imageDataset({
  images: Uint8Array.from({ length: 40 * 36 }, () => random.integer(256)),
  labels: Array.from({ length: 40 }, () => random.integer(3)),
  shape,
})
const image = (k: number): Uint8Array => data.images.slice(36 * k, 36 * (k + 1))
const part = (first: number, count: number): Subset<typeof data> => ({
  dataset: data,
  indices: Int32Array.from({ length: count }, (_, k) => first + k),
})

const network = (seed: number) =>
  sequential(
    normalize({ mean: [0.5], std: [0.25] }),
    conv2d(1, 4, 3, { padding: 1 }),
    batchNorm2d(4),
    relu(),
    maxPool2d(2),
    flatten(),
    dropout(0.3),
    linear(36, 3),
  ).initialize(seed)

const trainerOn = (engine: Engine, seed: number) =>
  new Trainer({
    model: network(seed),
    engine,
    train: subsetOf(data, 22),
    validation: part(22, 10),
    optimizer: adam({ lr: 0.01 }),
    epochs: 2,
    batchSize: 8,
    seed,
  })

/** Everything that a run says of losses and scores, and all that is in its last snapshot. */
async function train(trainer: Trainer) {
  const said: unknown[] = []
  for await (const event of trainer.run()) {
    if (event.type === 'step' || event.type === 'validation') said.push([event.step, event.loss, event.accuracy])
  }
  return { said, ...(await trainer.snapshot()) }
}

/** Resolves after timers that are due. */
const turn = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 0))

/** Something that is asked of an engine. */
type Request =
  | { readonly ask: 'predict' | 'predict cold'; readonly model: number; readonly image: number }
  | {
      readonly ask: 'evaluate' | 'probabilities'
      readonly model: number
      readonly first: number
      readonly count: number
    }
  | { readonly ask: 'train' | 'train and look'; readonly seed: number }
  | { readonly ask: 'count'; readonly by: number }
  | { readonly ask: 'read' }
  | { readonly ask: 'write'; readonly value: number }

/** What requests need of an engine: two models with an evaluator each, and a counter. */
async function makeDesk(engine: Engine) {
  const evaluators = [0, 1].map(seed => new Evaluator(engine, network(seed), shape))
  const counter = new Variable([2], { name: 'counter' })
  const counting = await engine.compile({
    outputs: { before: mul(counter.tensor, 1) },
    updates: new Map([[counter, add(counter.tensor, input('by', []))]]),
  })
  return async (request: Request): Promise<unknown> => {
    switch (request.ask) {
      case 'predict': {
        const pixels = image(request.image)
        const answer = evaluators[request.model]!.predict(pixels)
        pixels.fill(0)
        return answer
      }
      case 'predict cold':
        return new Evaluator(engine, network(request.model), shape).predict(image(request.image))
      case 'evaluate':
        return evaluators[request.model]!.evaluate(part(request.first, request.count))
      case 'probabilities':
        return evaluators[request.model]!.probabilities(part(request.first, request.count))
      case 'train':
        return train(trainerOn(engine, request.seed))
      case 'train and look': {
        const trainer = trainerOn(engine, request.seed)
        const done = train(trainer)
        // Looks at any time change nothing.
        await Promise.all([trainer.snapshot(), trainer.evaluator.predict(image(0)), trainer.inspect()])
        return done
      }
      case 'count':
        return (await counting.run({ by: request.by })).before
      case 'read':
        return engine.read(counter)
      case 'write':
        return engine.write(counter, [request.value, -request.value])
    }
  }
}

const below = (limit: number) => fc.integer({ min: 0, max: limit - 1 })
const requests: fc.Arbitrary<Request> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ ask: fc.constant('predict' as const), model: below(2), image: below(40) }) },
  { weight: 1, arbitrary: fc.record({ ask: fc.constant('predict cold' as const), model: below(2), image: below(40) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      ask: fc.constantFrom('evaluate' as const, 'probabilities' as const),
      model: below(2),
      first: below(20),
      count: fc.constantFrom(1, 5, 20),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ ask: fc.constantFrom('train' as const, 'train and look' as const), seed: below(2) }),
  },
  { weight: 3, arbitrary: fc.record({ ask: fc.constant('count' as const), by: below(5) }) },
  { weight: 2, arbitrary: fc.constant({ ask: 'read' as const }) },
  { weight: 1, arbitrary: fc.record({ ask: fc.constant('write' as const), value: below(9) }) },
)

/** What is waited for before the next request: nothing, the event loop, or the answer. */
const pauses = fc.constantFrom('nothing', 'nothing', 'microtask', 'event loop', 'answer')

const engines: [string, () => Engine, number][] = [
  ['reference', createReferenceEngine, 3],
  ['wasm on one thread', () => createWasmEngine({ threads: 1 }), 8],
  ['wasm on two threads', () => createWasmEngine({ threads: 2 }), 8],
  ['wasm on three threads', () => createWasmEngine({ threads: 3 }), 8],
  ['wasm on two workers of a page', () => new WasmEngine({ threads: 2, fused: true, takesPart: false }), 8],
]

describe.each(engines)('%s', (_, create, numRuns) => {
  const alone = create()
  afterAll(() => alone.close())
  /** Answers of requests that depend on nothing but themselves. */
  const known = new Map<string, unknown>()

  /** What each request is answered when the next one is made only after its answer. */
  async function oneByOne(asked: readonly Request[]): Promise<unknown[]> {
    const desk = await makeDesk(alone)
    const answers: unknown[] = []
    for (const request of asked) {
      const isKept = request.ask === 'count' || request.ask === 'read' || request.ask === 'write'
      const key = JSON.stringify(request)
      const answer = !isKept && known.has(key) ? known.get(key) : await desk(request)
      if (!isKept) known.set(key, answer)
      answers.push(answer)
    }
    return answers
  }

  test('every answer is the one that is given alone', { timeout: 300_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(requests, pauses), { minLength: 2, maxLength: 14 }), async asked => {
        const engine = create()
        try {
          const desk = await makeDesk(engine)
          const answers: Promise<unknown>[] = []
          for (const [request, pause] of asked) {
            const answer = desk(request)
            answers.push(answer)
            if (pause === 'microtask') await undefined
            else if (pause === 'event loop') await new Promise(resolve => setTimeout(resolve, 0))
            else if (pause === 'answer') await answer
          }
          expect(await Promise.all(answers)).toEqual(await oneByOne(asked.map(([request]) => request)))
        } finally {
          await engine.close()
        }
      }),
      { numRuns, seed: 1 },
    )
  })

  test('who asks on and on does not keep others, or timers, from their turn', async () => {
    const engine = create()
    const evaluator = new Evaluator(engine, network(0), shape)
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    let isOver = false
    const run = train(trainerOn(engine, 1)).finally(() => {
      isOver = true
    })
    let asked = 0
    while (!isOver && asked < 50_000) {
      await evaluator.predict(image(0))
      asked++
    }
    clearInterval(timer)
    expect(isOver, `after ${asked} predictions`).toBe(true)
    expect(ticks).toBeGreaterThan(0)
    await run
    await engine.close()
  })

  test('snapshots during a run are those between two steps', async () => {
    const engine = create()
    const states = new Map<number, unknown>()
    const watched = trainerOn(alone, 5)
    for await (const event of watched.run()) if (event.type === 'step') states.set(event.step, await watched.snapshot())
    const trainer = trainerOn(engine, 5)
    const seen = new Set<number>()
    let isOver = false
    const run = (async () => {
      for await (const { type, step } of trainer.run()) {
        // A run this short may be over before a timer fires: it waits at the end of an epoch for whoever takes snapshots.
        while (type === 'validation' && !seen.has(step)) await turn()
      }
    })().finally(() => {
      isOver = true
    })
    while (!isOver) {
      const { tensors, progress } = await trainer.snapshot()
      seen.add(progress.step)
      const expected = states.get(progress.step) as { tensors: unknown } | undefined
      if (expected) expect({ tensors }).toEqual({ tensors: expected.tensors })
      await turn()
    }
    await run
    await engine.close()
    expect(seen.size).toBeGreaterThan(1)
  })
})
