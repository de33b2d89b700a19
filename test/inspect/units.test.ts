/** What units do on images, on both backends: statistics against numbers worked out by hand and by brute force. */
import { afterAll, describe, expect, test } from 'vitest'
import { createEngine } from '../../src/backends/createEngine.ts'
import { Inspector, layerStatistics, topPatches } from '../../src/inspect/index.ts'
import { conv2d, flatten, linear, relu, sequential } from '../../src/nn/index.ts'
import { RandomSequence } from '../../src/random/philox.ts'
import { departure } from './network.ts'

const engines = (['wasm', 'reference'] as const).map(backend => createEngine({ backend }))
afterAll(() => Promise.all(engines.map(engine => engine.close())))

const network = () => {
  const model = sequential({
    conv: conv2d(1, 4, 3, { stride: 2, padding: 1 }),
    relu: relu(),
    flatten: flatten(),
    fc: linear(64, 2),
  }).initialize(0)
  // Two channels that nothing makes positive.
  const { weight, bias } = model.layers.conv
  for (const channel of [1, 3]) {
    weight.value.fill(-1, channel * 9, channel * 9 + 9)
    bias!.value[channel] = -1
  }
  return model
}
const random = new RandomSequence(3, 'units')
const images = Float32Array.from({ length: 20 * 64 }, () => random.uniform())

describe.each(engines.map(engine => [engine.description.backend, engine] as const))('on %s', (_, engine) => {
  const inspector = new Inspector(engine, network(), [8, 8, 1])

  test('channels that are never above zero are dead, and no others', async () => {
    const [{ layer, count, dead, channels }] = await layerStatistics(inspector, images, 'relu')
    expect({ layer, count, dead }).toEqual({ layer: 'relu', count: 20 * 16, dead: [1, 3] })
    expect(channels[1]).toEqual({ mean: 0, std: 0, min: 0, max: 0, active: 0 })
  })

  test('statistics are those of the values', async () => {
    const [{ channels }] = await layerStatistics(inspector, images, 'conv')
    const { values } = (await inspector.capture(images, 'conv')).values.get('conv')!
    const own = Array.from(values).filter((_, i) => Math.floor(i / 16) % 4 === 2)
    const mean = own.reduce((a, b) => a + b) / own.length
    const std = Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length)
    const { min, max, active, ...rest } = channels[2]!
    expect([min, max]).toEqual([Math.min(...own), Math.max(...own)])
    expect(active).toBe(own.filter(value => value > 0).length / own.length)
    expect(departure([rest.mean, rest.std], [mean, std])).toBeLessThan(1e-12)
  })

  test('the largest patches are those that brute force finds, and hold all that the unit sees', async () => {
    const patches = await topPatches(inspector, images, 'conv', { count: 3 })
    const { values } = (await inspector.capture(images, 'conv')).values.get('conv')!
    expect(patches).toHaveLength(4)
    const best = Array.from({ length: 20 }, (_, n) => Math.max(...values.slice((n * 4 + 2) * 16, (n * 4 + 3) * 16)))
    expect(patches[2]!.map(({ value }) => value)).toEqual(best.sort((a, b) => b - a).slice(0, 3))
    for (const { image, row, column, value, window } of patches.flat()) {
      expect(window).toEqual({
        top: Math.max(0, 2 * row - 1),
        left: Math.max(0, 2 * column - 1),
        bottom: Math.min(8, 2 * row + 2),
        right: Math.min(8, 2 * column + 2),
      })
      // What lies outside of the window does not matter to the unit.
      const alone = new Float32Array(64)
      for (let y = window.top; y < window.bottom; y++) {
        for (let x = window.left; x < window.right; x++) alone[8 * y + x] = images[64 * image + 8 * y + x]!
      }
      const channel = patches.findIndex(list => list.some(patch => patch.value === value))
      const again = (await inspector.capture(alone, 'conv')).values.get('conv')!.values
      expect(again[channel * 16 + 4 * row + column]).toBeCloseTo(value, 6)
    }
  })
})
