/** The sanity check: what it makes random, what it leaves alone, and that it tells a map of the weights from one of the image. */
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { gradientMap, Inspector, randomizeLayers, rankCorrelation, readWeights } from '../../src/inspect/index.ts'
import { conv2d, flatten, linear, type Module, relu, sequential } from '../../src/nn/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'

const engines = (['wasm', 'reference'] as const).map(backend => createEngine({ backend }))
afterAll(() => Promise.all(engines.map(engine => engine.close())))

const network = (seed: number) =>
  sequential({ conv: conv2d(1, 8, 5), relu: relu(), flatten: flatten(), fc: linear(8 * 64, 4) }).initialize(seed)
const random = new RandomSequence(5, 'sanity')
const image = Float32Array.from({ length: 144 }, () => random.normal())

describe.each(engines.map(engine => [engine.description.backend, engine] as const))('on %s', (_, engine) => {
  test('a gradient does not survive random layers, what only reads the image does, and the model stays as it was', async () => {
    const model = network(11)
    const before = await readWeights(engine, model)
    const gradient = async (of: Module) =>
      (await gradientMap(new Inspector(engine, of, [12, 12, 1]), image, { of: 2 })).map.values
    const found = await randomizeLayers(engine, model, network(12), gradient)
    expect(found.map(({ layer }) => layer)).toEqual(['fc', 'conv'])
    // Of two unrelated maps of 144 numbers: 0 with a deviation of 0.08.
    expect(Math.abs(found[1]!.correlation)).toBeLessThan(0.35)
    expect(found[1]!.survives).toBe(false)
    const edges = await randomizeLayers(engine, model, network(12), async () => image)
    for (const { correlation, survives } of edges) {
      expect(correlation).toBeCloseTo(1, 14)
      expect(survives).toBe(true)
    }
    expect(await readWeights(engine, model)).toEqual(before)
  })

  test('the copy begins with the weights of the model', async () => {
    const [model, copy] = [network(11), network(12)]
    const maps: Float32Array[] = []
    const logits = async (of: Module) => {
      maps.push((await new Inspector(engine, of, [12, 12, 1]).capture(image, 'relu')).values.get('relu')!.values)
      return maps.at(-1)!
    }
    const [fc, conv] = await randomizeLayers(engine, model, copy, logits)
    // Only the last layer is random after the first round.
    expect(maps[1]).toEqual(maps[0])
    expect(fc!.correlation).toBeCloseTo(1, 14)
    expect(conv!.correlation).toBeLessThan(0.9)
  })

  test('a copy of another kind is an error', async () => {
    await expect(randomizeLayers(engine, network(1), sequential(linear(2, 2)), async () => [])).rejects.toThrow(
      "randomizeLayers: the copy has no variable 'conv.weight'",
    )
  })
})

test('ranks count, and signs do not; equal sizes share their rank', () => {
  expect(rankCorrelation([1, -2, 3, 40], [10, 20, -30, 31])).toBe(1)
  expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBe(-1)
  // Ranks 0.5, 0.5, 2 against 0, 1, 2: covariance 1.5, variances 1.5 and 2.
  expect(rankCorrelation([5, 5, 7], [1, 2, 3])).toBeCloseTo(1.5 / Math.sqrt(3), 14)
  expect(() => rankCorrelation([1], [1, 2])).toThrow('maps of 1 and 2 numbers')
})
