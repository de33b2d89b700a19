/** A program in stages computes what it would in one go, if the exchanges between them hand over what they are given. */
import { expect, it } from 'vitest'
import { createReferenceEngine } from '../../src/backends/reference/engine.ts'
import { stagesOf } from '../../src/distributed/stages.ts'
import { mul, sub } from '../../src/graph/ops/elementwise.ts'
import { matmul } from '../../src/graph/ops/matmul.ts'
import { sum } from '../../src/graph/ops/reduce.ts'
import { reshape } from '../../src/graph/ops/reshape.ts'
import { input } from '../../src/graph/sources.ts'
import { Variable } from '../../src/graph/variable.ts'

it('stages read inputs first, and keep what later ones need, but no views and nothing that can be read again', async () => {
  const x = input('x', [2, 3], { batched: true })
  const weights = new Variable([3, 2] as const, { name: 'weights', value: Float32Array.of(1, 2, 3, 4, 5, 6) })
  const [total, square, result, flat] = [new Variable([2]), new Variable([]), new Variable([2, 2]), new Variable([4])]
  const y = matmul(x, weights.tensor)
  const columns = sum(y, [0])
  const centered = sub(y, total.tensor)
  const view = reshape(centered, [4])
  const squares = sum(mul(view, view))
  const updates = new Map([
    [result, mul(centered, square.tensor)],
    [flat, mul(view, square.tensor)],
  ])
  const exchanges = [
    { values: [columns], sums: [total] },
    { values: [squares], sums: [square] },
  ]
  const stages = stagesOf(exchanges, updates)
  expect(stages).toHaveLength(3)
  const kept = stages.map(({ updates }) => [...updates.keys()].filter(({ name }) => name.startsWith('kept')).length)
  expect(kept).toEqual([1, 1, 0])

  const engine = createReferenceEngine()
  const executables = await Promise.all(stages.map(stage => engine.compile(stage)))
  expect(executables.map(({ inputs }) => [...inputs.keys()])).toEqual([['x'], [], []])
  for (const [k, executable] of executables.entries()) await executable.run(k === 0 ? { x: [1, 0, 2, 0, 1, 1] } : {})
  // x W = [[11, 14], [8, 10]]; its sum over rows is [19, 24].
  const rest = [11 - 19, 14 - 24, 8 - 19, 10 - 24]
  const squared = rest.reduce((all, value) => all + value * value, 0)
  expect([...(await engine.read(total))]).toEqual([19, 24])
  expect([...(await engine.read(result))]).toEqual(rest.map(value => value * squared))
  expect([...(await engine.read(flat))]).toEqual(rest.map(value => value * squared))
  await engine.close()
})
