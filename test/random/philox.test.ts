/** Philox4x32-10 against the known-answer vectors of Random123 1.14 (kat_vectors, D. E. Shaw Research), and what is built on it. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  cosineFromWord,
  normalsFromWords,
  philox,
  philoxBlocks,
  RandomSequence,
  shuffledIndices,
  sineFromWord,
  streamOf,
  turns,
  uniformFromWord,
  type Words,
} from '../../src/random/philox.ts'

describe('philox', () => {
  test.each<[Words, [number, number], Words]>([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('counter %j, key %j', (counter, key, expected) => {
    expect(philox(counter, key)).toEqual(expected)
  })

  test('agrees with 64-bit arithmetic for any counter and key', () => {
    const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), (counter, key) => {
        expect(philox(counter, key)).toEqual(philoxByBigInt(counter, key))
      }),
    )
  })

  test('takes signed words as unsigned ones', () => {
    expect(philox([-1, -1, -1, -1], [-1, -1])[0]).toBe(0x408f276d)
  })
})

test('philoxBlocks gives the blocks that follow a counter, past 2³² too', () => {
  const key = [0xa4093822, 0x299f31d0] as const
  for (const first of [0, 7, 2 ** 32 - 2]) {
    const words = new Uint32Array(16)
    philoxBlocks(words, first, [1, 2, 3], key)
    const expected = [0, 1, 2, 3].flatMap(i => philoxByBigInt([(first + i) % 2 ** 32, 1, 2, 3], key))
    expect([...words]).toEqual(expected)
  }
})

describe('numbers from words', () => {
  test('uniform numbers lie in [0, 1) and single precision holds them', () => {
    expect(uniformFromWord(0)).toBe(0)
    expect(uniformFromWord(0xff)).toBe(0)
    expect(uniformFromWord(0x80000000)).toBe(0.5)
    expect(uniformFromWord(0xffffffff)).toBe(1 - 2 ** -24)
    expect(Math.fround(uniformFromWord(0xffffffff))).toBe(uniformFromWord(0xffffffff))
  })

  test('normal numbers are finite at both ends', () => {
    // u₁ = 2⁻²⁴ at angle 0: r = √(48 ln 2); u₁ = 1: r = 0.
    expect(normalsFromWords([0, 0, 0xffffffff, 0])).toEqual(
      [Math.sqrt(48 * Math.LN2), 0, -0, -0].map(v => expect.closeTo(v, 12)),
    )
  })

  test('angles are those of Math.cos and Math.sin, for parts of a turn and all between', () => {
    const random = new RandomSequence(3, 'angles')
    const words = [0, 0xff, 0x40000000, 0x80000000, 0xc0000000, 0xffffffff, 0x000fffff, 0x00100000]
    for (const word of [...words, ...Array.from({ length: 10_000 }, () => random.word())]) {
      const angle = 2 * Math.PI * uniformFromWord(word)
      // The angle itself is rounded, by up to 4.4e-16 near 2π.
      expect(Math.abs(cosineFromWord(word, turns()) - Math.cos(angle))).toBeLessThan(1e-15)
      expect(Math.abs(sineFromWord(word, turns()) - Math.sin(angle))).toBeLessThan(1e-15)
    }
  })

  test('a long sequence has the moments of its distribution', () => {
    const count = 100_000
    const random = new RandomSequence(7, 'moments')
    const uniforms = Array.from({ length: count }, () => random.uniform())
    const normals = Array.from({ length: count / 4 }, (_, block) =>
      normalsFromWords(philox([block, 0, 0, 0], [7, streamOf('normals')])),
    ).flat()
    const mean = (values: number[]): number => values.reduce((a, b) => a + b) / values.length
    const variance = (values: number[]): number => mean(values.map(v => v * v)) - mean(values) ** 2
    // Four standard errors of each estimate.
    expect(Math.abs(mean(uniforms) - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / count))
    expect(Math.abs(variance(uniforms) - 1 / 12)).toBeLessThan(4 * Math.sqrt(1 / 180 / count))
    expect(Math.abs(mean(normals))).toBeLessThan(4 / Math.sqrt(count))
    expect(Math.abs(variance(normals) - 1)).toBeLessThan(4 * Math.sqrt(2 / count))
  })
})

describe('streamOf', () => {
  // Vectors of the FNV specification (Fowler, Noll, Vo), 32-bit FNV-1a.
  test.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
  ])('%j', (path, hash) => {
    expect(streamOf(path)).toBe(hash)
  })
})

describe('RandomSequence', () => {
  test('is a function of seed, path and step', () => {
    const words = (...args: [number, string, number?]): number[] => {
      const random = new RandomSequence(...args)
      return Array.from({ length: 9 }, () => random.word())
    }
    expect(words(1, 'a', 2)).toEqual(words(1, 'a', 2))
    expect(words(1, 'a', 2)).toEqual([
      ...philox([0, 2, 0, 0], [1, streamOf('a')]),
      ...philox([1, 2, 0, 0], [1, streamOf('a')]),
      philox([2, 2, 0, 0], [1, streamOf('a')])[0],
    ])
    const others = [words(2, 'a', 2), words(1, 'b', 2), words(1, 'a', 3)]
    for (const other of others) expect(other).not.toEqual(words(1, 'a', 2))
  })

  test('an item has words of its own', () => {
    const words = (item: number) => {
      const random = new RandomSequence(1, 'a', 2, item)
      return Array.from({ length: 4 }, () => random.word())
    }
    expect(words(0)).toEqual([...philox([0, 2, 0, 0], [1, streamOf('a')])])
    expect(words(7)).toEqual([...philox([0, 2, 7, 0], [1, streamOf('a')])])
  })

  test('normal numbers have mean 0 and deviation 1', () => {
    const random = new RandomSequence(5, 'normal')
    const values = Array.from({ length: 20_000 }, () => random.normal())
    const mean = values.reduce((a, b) => a + b) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(20_000))
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / 20_000))
    expect(values.filter(value => Math.abs(value) > 1.96).length / 20_000).toBeCloseTo(0.05, 2)
  })

  test('integers are spread evenly', () => {
    const random = new RandomSequence(3, 'integers')
    const counts = new Array<number>(6).fill(0)
    for (let k = 0; k < 60_000; k++) counts[random.integer(6)]!++
    // χ² with 5 degrees of freedom stays below 20.5 with probability 0.999.
    expect(counts.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0)).toBeLessThan(20.5)
  })

  test('a bound of 3 · 2³⁰ is not biased towards small numbers', () => {
    // A plain remainder would fall below 2³⁰ half of the time instead of a third.
    const random = new RandomSequence(4, 'large bound')
    let low = 0
    for (let k = 0; k < 30_000; k++) if (random.integer(3 * 2 ** 30) < 2 ** 30) low++
    expect(Math.abs(low - 10_000)).toBeLessThan(4 * Math.sqrt(30_000 * (1 / 3) * (2 / 3)))
  })

  test.each([0, -1, 2.5, 2 ** 33, Number.NaN])('refuses the bound %s', bound => {
    expect(() => new RandomSequence(0, 'x').integer(bound)).toThrow(`bound (=${bound})`)
  })
})

describe('shuffledIndices', () => {
  test('is a permutation that depends on seed and epoch alone', () => {
    const order = shuffledIndices(1000, 5, 2)
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect(shuffledIndices(1000, 5, 2)).toEqual(order)
    expect(shuffledIndices(1000, 5, 3)).not.toEqual(order)
    expect(shuffledIndices(1000, 6, 2)).not.toEqual(order)
  })

  test('all orders of three are equally likely', () => {
    const counts = new Map<string, number>()
    for (let epoch = 0; epoch < 6000; epoch++) {
      const order = shuffledIndices(3, 1, epoch).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    expect([...counts.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0)).toBeLessThan(20.5)
  })

  test('of nothing is nothing, of one is one', () => {
    expect(shuffledIndices(0, 1, 1)).toHaveLength(0)
    expect([...shuffledIndices(1, 1, 1)]).toEqual([0])
  })

  test.each([-1, 1.5, Number.NaN])('refuses n = %s', n => {
    expect(() => shuffledIndices(n, 0, 0)).toThrow(`n (=${n})`)
  })
})

/** The paper's round function, in 64-bit integers. */
function philoxByBigInt(counter: Words, key: readonly [number, number]): number[] {
  let [a, b, c, d] = counter.map(BigInt) as [bigint, bigint, bigint, bigint]
  let [k0, k1] = key.map(BigInt) as [bigint, bigint]
  const word = 0xffffffffn
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * a
    const p1 = 0xcd9e8d57n * c
    ;[a, b, c, d] = [(p1 >> 32n) ^ b ^ k0, p1 & word, (p0 >> 32n) ^ d ^ k1, p0 & word]
    k0 = (k0 + 0x9e3779b9n) & word
    k1 = (k1 + 0xbb67ae85n) & word
  }
  return [a, b, c, d].map(Number)
}
