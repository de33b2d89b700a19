/** Infinities, NaN, signed zero and overflow: what must not be swallowed, and what must not leak. */
import { expect, test } from 'vitest'
import * as g from '../../../src/graph/index.ts'
import type { BackendUnderTest } from '../conformance.ts'

const inf = Number.POSITIVE_INFINITY
const nan = Number.NaN

export function specialValuesGroup(backend: BackendUnderTest): void {
  const compute = async (build: (x: g.Tensor) => g.Tensor, values: readonly number[]): Promise<number[]> => {
    const [result] = await backend.run([build(g.input('x', [values.length]))], { x: values })
    return Array.from(result!)
  }

  // Five values, so that a vectorized loop also has a remainder.
  test.each([
    ['exp', g.exp, [-inf, -1000, 0, 1000, inf], [0, 0, 1, inf, inf]],
    ['log', g.log, [0, 1, inf, -1, nan], [-inf, 0, inf, nan, nan]],
    ['sqrt', g.sqrt, [0, 4, inf, -1, nan], [0, 2, inf, nan, nan]],
    ['tanh', g.tanh, [-inf, -100, 0, 100, inf], [-1, -1, 0, 1, 1]],
    ['sigmoid', g.sigmoid, [-inf, -1000, 0, 1000, inf], [0, 0, 0.5, 1, 1]],
    ['erf', g.erf, [-inf, -100, 0, 100, inf], [-1, -1, 0, 1, 1]],
    ['gelu', g.gelu, [-100, -(2 ** -100), 0, 100, inf], [0, -(2 ** -101), 0, 100, inf]],
    ['relu', g.relu, [-inf, -1, 0, inf, nan], [0, 0, 0, inf, nan]],
    ['abs', g.abs, [-inf, -1, 0, inf, nan], [inf, 1, 0, inf, nan]],
    ['floor', g.floor, [-1.5, -0.25, 0.75, inf, nan], [-2, -1, 0, inf, nan]],
    ['maximum with 0', (x: g.Tensor) => g.maximum(x, 0), [-inf, -1, 2, inf, nan], [0, 0, 2, inf, nan]],
    ['1 / x', (x: g.Tensor) => g.div(1, x), [inf, -inf, 2, 0, nan], [0, 0, 0.5, inf, nan]],
    ['x > 0', (x: g.Tensor) => g.greater(x, 0), [-1, 0, 1, inf, nan], [0, 0, 1, 1, 0]],
    ['x ≠ x', (x: g.Tensor) => g.notEqual(x, g.mul(x, 1)), [-1, 0, 1, inf, nan], [0, 0, 0, 0, 1]],
  ])('%s', async (_, build, values, expected) => {
    const result = await compute(build, values)
    // + 0 makes both zeros the same; their sign is no part of the contract.
    expect(result.map(value => value + 0)).toEqual(expected.map(value => value + 0))
  })

  test('a NaN makes a sum, a maximum and a minimum NaN', async () => {
    const x = g.input('x', [9])
    const values = [1, 2, 3, 4, 5, nan, 7, 8, 9]
    const results = await backend.run([g.sum(x), g.max(x), g.min(x)], { x: values })
    expect(results.map(result => result[0])).toEqual([nan, nan, nan])
  })

  test('an infinite gradient does not leak through a rectifier that is off', async () => {
    const x = g.input('x', [5])
    const upstream = g.constantTensor([inf, inf, nan, 1, inf], [5])
    const [dx] = await backend.run(g.gradients(g.sum(g.mul(g.relu(x), upstream)), [x]), { x: [-1, 2, -3, 4, 0] })
    expect(Array.from(dx!, value => value + 0)).toEqual([0, inf, 0, 1, 0])
  })

  test('cross-entropy and its gradient stay finite for logits up to ±10⁴', async () => {
    const logits = g.input('logits', [2, 3])
    const loss = g.softmaxCrossEntropy(logits, g.constantTensor([0, 0], [2], 'i32'))
    const results = await backend.run([loss, ...g.gradients(g.sum(loss), [logits])], {
      logits: [1e4, 0, -1e4, -1e4, 0, 1e4],
    })
    expect(Array.from(results[0]!)).toEqual([0, 2e4])
    expect(Array.from(results[1]!, value => value + 0)).toEqual([0, 0, 0, -1, 0, 1])
  })

  test('maximum pooling passes a NaN on', async () => {
    const x = g.input('x', [1, 1, 2, 4])
    const [y] = await backend.run([g.maxPool2d(x, 2)], { x: [1, 2, 3, nan, 4, 0, 5, 6] })
    expect(Array.from(y!)).toEqual([4, nan])
  })
}
