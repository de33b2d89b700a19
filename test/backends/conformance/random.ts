/** Random tensors against the words of Philox, which have their own test with published vectors. */
import { describe, expect, test } from 'vitest'
import * as g from '../../../src/graph/index.ts'
import { philox, streamOf } from '../../../src/random/philox.ts'
import { expectClose } from '../../support/fixtures.ts'
import type { BackendUnderTest } from '../conformance.ts'

export function randomGroup(backend: BackendUnderTest): void {
  const key = g.input('key', [2], { dtype: 'i32' })
  const word = (i: number, seed: number, step: number, path: string): number =>
    philox([Math.floor(i / 4), step, 0, 0], [seed, streamOf(path)])[i % 4]!
  const run = async (tensor: g.Tensor, seed: number, step: number): Promise<ArrayLike<number>> => {
    const [result] = await backend.run([tensor], { key: [seed, step] })
    return result!
  }

  describe.each([
    [[1], 0, 0],
    [[7, 3], 42, 1],
    [[2, 3, 5, 5], -1, 2 ** 31 - 1],
    [[1030], 20_240_601, 12_345],
  ])('shape %j, seed %i, step %i', (shape, seed, step) => {
    const size = shape.reduce((a, b) => a * b)

    test('uniform: the upper 24 bits of each word, exactly', async () => {
      const expected = Array.from({ length: size }, (_, i) => Math.floor(word(i, seed, step, 'noise') / 256) / 2 ** 24)
      expectClose(await run(g.randomUniform(key, shape, 'noise'), seed, step), expected, {}, 'uniform')
    })

    test('bernoulli: 1 where the uniform number is below the probability', async () => {
      const expected = Array.from({ length: size }, (_, i) => (word(i, seed, step, 'drop') < 0.25 * 2 ** 32 ? 1 : 0))
      expectClose(await run(g.randomBernoulli(key, shape, 0.25, 'drop'), seed, step), expected, {}, 'bernoulli')
    })

    test('normal: the transform of Box and Muller', async () => {
      const expected = Array.from({ length: size }, (_, i) => {
        const first = word(i - (i % 2), seed, step, 'init')
        const second = word(i - (i % 2) + 1, seed, step, 'init')
        const radius = Math.sqrt(-2 * Math.log((Math.floor(first / 256) + 1) / 2 ** 24))
        const angle = (2 * Math.PI * Math.floor(second / 256)) / 2 ** 24
        return radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle))
      })
      expectClose(await run(g.randomNormal(key, shape, 'init'), seed, step), expected, backend.tolerance, 'normal')
    })
  })

  test('probabilities 0 and 1 give only zeros and ones', async () => {
    const [zeros, ones] = await backend.run(
      [g.randomBernoulli(key, [101], 0, 'p'), g.randomBernoulli(key, [101], 1, 'p')],
      { key: [3, 4] },
    )
    expect(Array.from(zeros!)).toEqual(new Array(101).fill(0))
    expect(Array.from(ones!)).toEqual(new Array(101).fill(1))
  })
}
