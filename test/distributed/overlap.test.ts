/** The exchange begins while a process still computes; and what that is made of. */
import { describe, expect, it } from 'vitest'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { imageDataset, subsetOf } from '../../src/data/index.ts'
import { bucketsOf } from '../../src/distributed/bucketSums.ts'
import type { Communicator } from '../../src/distributed/communicator.ts'
import { type InPartsOptions, inParts } from '../../src/distributed/inParts.ts'
import { waitUntil } from '../../src/distributed/waiting.node.ts'
import { cifarResnet } from '../../src/models/index.ts'
import { ImageClassifier, normalize } from '../../src/nn/index.ts'
import { sgd } from '../../src/optim/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import { Trainer } from '../../src/train/trainer.ts'
import { loopback } from './loopback.ts'

describe('buckets of a region', () => {
  const region = { offsets: [0, 30, 40, 100, 104], length: 108 }

  it('are neighboring variables, the last ones first, of at least as many bytes but for the first ones', () => {
    expect(bucketsOf(region, 4 * 50)).toEqual([
      { from: 40, to: 108, first: 2, count: 3 },
      { from: 0, to: 40, first: 0, count: 2 },
    ])
  })

  it('are one where nothing is large enough, and one for each variable where all are', () => {
    expect(bucketsOf(region, 1e9)).toEqual([{ from: 0, to: 108, first: 0, count: 5 }])
    expect(bucketsOf(region, 1).map(({ from }) => from)).toEqual([104, 100, 40, 30, 0])
  })
})

describe('a process that waits', () => {
  it('asks between turns of the event loop while it computes, and does not count that time', async () => {
    let [computing, asked, turns] = [true, 0, 0]
    const turn = setInterval(() => {
      // A computation of three turns, each longer than the wait may be.
      const until = performance.now() + 20
      while (performance.now() < until);
      if (++turns === 3) computing = false
    }, 0)
    const isDone = () => {
      asked++
      return turns === 3
    }
    expect(await waitUntil(isDone, { crowded: false, computes: () => computing }, 10)).toBe(true)
    clearInterval(turn)
    expect(asked).toBeGreaterThan(3)
  })

  it('gives up when it does not compute', async () => {
    expect(await waitUntil(() => false, { crowded: true, computes: () => false }, 3)).toBe(false)
  })
})

const random = new RandomSequence(7, 'images')
const train = subsetOf(
  imageDataset({
    images: Array.from({ length: 32 }, () => Array.from({ length: 3072 }, () => random.integer(256))),
    labels: Array.from({ length: 32 }, (_, k) => k % 10),
    shape: [32, 32, 3],
    classes: Array.from({ length: 10 }, (_, k) => `class ${k}`),
  }),
)

const weightCount = cifarResnet(8).countParameters()

/** What the first rank has begun to exchange, and the weights that all have. */
async function trainOn(ranks: number, options: Omit<InPartsOptions, 'communicator'>) {
  const begun: { readonly computing: boolean; readonly bytes: number }[] = []
  const weights = await Promise.all(
    loopback(ranks).map(async plain => {
      const communicator: Communicator = {
        ...plain,
        allToAll(send, receive) {
          if (plain.rank === 0) begun.push({ computing: communicator.computing, bytes: send.byteLength })
          return plain.allToAll(send, receive)
        },
        allGather(mine, all) {
          if (plain.rank === 0) begun.push({ computing: communicator.computing, bytes: all.byteLength })
          return plain.allGather(mine, all)
        },
      }
      const engine = createWasmEngine({ threads: 1 })
      const model = new ImageClassifier(normalize({ mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] }), cifarResnet(8))
      const trainer = new Trainer({
        model: model.initialize(0),
        train,
        engine,
        optimizer: sgd({ lr: 0.05, momentum: 0.9 }),
        epochs: 1,
        batchSize: 16,
        distribution: inParts({ ...options, communicator }),
      })
      for await (const _ of trainer.run());
      const { tensors } = await trainer.snapshot()
      await engine.close()
      return [...tensors].map(([path, { values }]) => [path, Buffer.from(values.slice().buffer).toString('hex')])
    }),
  )
  return { begun, weights }
}

describe('an exchange', () => {
  it('of full precision begins before all gradients are there, and gives the weights of one process', async () => {
    const options = { parts: 2, exchange: { name: 'tree', bucketBytes: 32_768 } } as const
    const alone = await trainOn(1, options)
    const { begun, weights } = await trainOn(2, options)
    expect(weights).toEqual([alone.weights[0], alone.weights[0]])
    // Gradients of two steps and some statistics, there and back.
    const bytes = begun.reduce((sum, operation) => sum + operation.bytes, 0)
    expect(bytes).toBeGreaterThan(4 * 4 * weightCount)
    const early = begun.filter(({ computing }) => computing).reduce((sum, operation) => sum + operation.bytes, 0)
    expect(early).toBeGreaterThan(bytes / 3)
  })

  it('of 1-bit gradients sends a part while the next is computed', async () => {
    const options = { parts: 4, exchange: 'oneBit' } as const
    const alone = await trainOn(1, options)
    const { begun, weights } = await trainOn(2, options)
    expect(weights).toEqual([alone.weights[0], alone.weights[0]])
    const steps = begun.filter(({ bytes }) => bytes > weightCount / 8)
    // Two parts in each of two steps: the first is sent while the second is computed.
    expect(steps.map(({ computing }) => computing)).toEqual([true, false, true, false])
  })
})
