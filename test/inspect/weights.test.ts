/** Weights in numbers: worked out by hand, and over a step of training on both backends. */
import { expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { readWeights, weightStatistics } from '../../src/inspect/index.ts'
import { linear } from '../../src/nn/index.ts'

test('statistics are those of the numbers', () => {
  const [row] = weightStatistics(new Map([['w', [3, -4, 0, 5]]]), new Map([['w', [3, -4, 3, 1]]]))
  // Mean 1, deviations 2, −5, −1, 4; moved by (0, 0, −3, 4), from a norm of √35.
  expect(row).toEqual({
    path: 'w',
    count: 4,
    mean: 1,
    std: Math.sqrt(46 / 4),
    min: -4,
    max: 5,
    norm: Math.sqrt(50),
    updateRatio: 5 / Math.sqrt(35),
  })
})

test('weights that did not move have ratio 0, those that were 0 and moved an infinite one', () => {
  const ratio = (now: number, before: number) =>
    weightStatistics(new Map([['b', [now]]]), new Map([['b', [before]]]))[0]!.updateRatio
  expect([ratio(0, 0), ratio(2, 2), ratio(1, 0)]).toEqual([0, 0, Number.POSITIVE_INFINITY])
})

test('weights of another model are an error', () => {
  expect(() => weightStatistics(new Map([['w', [1, 2]]]), new Map([['w', [1]]]))).toThrow(
    'weightStatistics: w: 2 numbers now, 1 before',
  )
  expect(() => weightStatistics(new Map([['w', [1]]]), new Map())).toThrow('w: 1 numbers now, none before')
})

test.each(['wasm', 'reference'] as const)('on %s, weights are those that the engine has', async backend => {
  const engine = createEngine({ backend })
  const model = linear(3, 2).initialize(1)
  const before = await readWeights(engine, model)
  await engine.write(
    model.weight,
    model.weight.value.map(value => value * 1.5),
  )
  const after = weightStatistics(await readWeights(engine, model), before)
  expect(after.map(({ path, count }) => [path, count])).toEqual([
    ['weight', 6],
    ['bias', 2],
  ])
  expect(after[0]!.updateRatio).toBeCloseTo(0.5, 6)
  expect(after[1]!.updateRatio).toBe(0)
  await engine.close()
})
