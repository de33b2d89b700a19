/** The less common pools by their papers' formulas, chance included; what PyTorch has too is in torch.test.ts. */
import { describe, expect, test } from 'vitest'
import { gradients } from '../../src/graph/gradient.ts'
import { sum } from '../../src/graph/ops/reduce.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import { topologicalOrder } from '../../src/graph/tensor.ts'
import {
  crossChannelMaxPool,
  distanceWeightedAveragePool2d,
  type ForwardContext,
  fractionalMaxPool2d,
  inference,
  l2Pool2d,
  maxPool2d,
  stochasticPool2d,
} from '../../src/nn/index.ts'
import { expectClose, lcgTensor } from '../support/fixtures.ts'
import { valuesOf } from './exact.ts'

const training = (step: number): ForwardContext => ({
  training: true,
  key: constantTensor([3, step], [2], 'i32'),
  updates: new Map(),
})
const image = (values: readonly number[], height: number, width: number) =>
  constantTensor(values, [1, 1, height, width])

describe('distanceWeightedAveragePool2d', () => {
  test('weights 1 / (1 + distance) by default, with sum 1', () => {
    const { weights } = distanceWeightedAveragePool2d(3)
    const [corner, side, center] = [1 / (1 + Math.SQRT2), 1 / 2, 1]
    const total = 4 * corner + 4 * side + center
    const expected = [corner, side, corner, side, center, side, corner, side, corner].map(w => w / total)
    weights.forEach((weight, k) => {
      expect(weight).toBeCloseTo(expected[k], 14)
    })
  })

  test('equal weights are the average; any weights leave a constant image as it is', () => {
    const flat = distanceWeightedAveragePool2d(2, { weight: () => 3 })
    expect([...valuesOf(flat.forward(image([1, 2, 3, 6], 2, 2), inference()))]).toEqual([3])
    const y = valuesOf(distanceWeightedAveragePool2d(3).forward(image(new Array(9).fill(5), 3, 3), inference()))
    expect(y[0]).toBeCloseTo(5, 12)
  })

  test('refuses weights that cannot be averaged with', () => {
    expect(() => distanceWeightedAveragePool2d(2, { weight: () => 0 })).toThrow('must be ≥ 0 with a positive sum')
    expect(() => distanceWeightedAveragePool2d(3, { weight: d => 1 - d })).toThrow(RangeError)
  })
})

describe('maxPool2d in ceil mode', () => {
  const opsOf = (kernel: number, stride: number, size: number): string[] =>
    topologicalOrder([
      maxPool2d(kernel, { stride, ceilMode: true }).forward(input('x', [1, 1, size, size]), inference()),
    ])
      .map(({ op }) => op)
      .filter(op => op !== 'source')

  test('is one pool whose padding at the end is wider, as long as pools allow it', () => {
    expect(opsOf(3, 2, 8)).toEqual(['maxPool2d'])
    expect(opsOf(2, 2, 7)).toEqual(['maxPool2d'])
    // Two more rows for a kernel of three are more than half of it.
    expect(opsOf(3, 3, 7)).toEqual(['pad', 'maxPool2d'])
  })

  test('an image of −∞ sends its gradient to the image, not to its border', () => {
    const x = input('x', [1, 1, 4, 4])
    const y = maxPool2d(3, { stride: 2, ceilMode: true }).forward(x, inference())
    const slope = valuesOf(gradients(sum(y), [x])[0], { x: new Array(16).fill(Number.NEGATIVE_INFINITY) })
    expect(slope.reduce((total: number, value: number) => total + value, 0)).toBe(4)
  })
})

describe('l2Pool2d', () => {
  test('3 and 4 make 5, and a window of zeros has gradient 0', () => {
    const x = input('x', [1, 1, 2, 4])
    const y = l2Pool2d(2).forward(x, inference())
    const values = { x: [3, 0, 0, 0, 0, 4, 0, 0] }
    expect([...valuesOf(y, values)]).toEqual([5, 0])
    const slope = valuesOf(gradients(sum(y), [x])[0], values)
    expectClose(slope, [0.6, 0, 0, 0, 0, 0.8, 0, 0], { relative: 1e-14 }, 'gradient')
  })
})

describe('stochasticPool2d', () => {
  const window = [1, 0, 3, 6]
  const layer = stochasticPool2d(2).assignPaths()

  test('evaluation gives the expected value Σ a² / Σ a, and 0 for zeros', () => {
    expect([...valuesOf(layer.forward(image(window, 2, 2), inference()))]).toEqual([46 / 10])
    expect([...valuesOf(layer.forward(image([0, 0, 0, 0], 2, 2), inference()))]).toEqual([0])
  })

  test('training draws element i with probability aᵢ / Σ a', () => {
    const windows = 4000
    const x = constantTensor(Array.from({ length: windows }, () => window).flat(), [windows, 1, 2, 2])
    const y = valuesOf(layer.forward(x, training(1)))
    const share = (value: number): number => y.filter(v => v === value).length / windows
    // Four standard deviations: 4 √(p (1 − p) / 4000) < 0.032.
    expect(Math.abs(share(1) - 0.1)).toBeLessThan(0.02)
    expect(share(0)).toBe(0)
    expect(Math.abs(share(3) - 0.3)).toBeLessThan(0.03)
    expect(Math.abs(share(6) - 0.6)).toBeLessThan(0.032)
    expect(share(1) + share(3) + share(6)).toBe(1)
  })

  test('the gradient goes to the element that was drawn', () => {
    const x = input('x', [1, 1, 2, 2])
    const y = layer.forward(x, training(5))
    const drawn = valuesOf(y, { x: window })[0]
    const slope = valuesOf(gradients(sum(y), [x])[0], { x: window })
    expect([...slope]).toEqual(window.map(value => (value === drawn ? 1 : 0)))
  })

  test('training needs a key and a path', () => {
    const x = image(window, 2, 2)
    expect(() => layer.forward(x, { training: true, updates: new Map() })).toThrow('training needs context.key')
    expect(() => stochasticPool2d(2).forward(x, training(1))).toThrow('the layer has no path')
  })
})

describe('fractionalMaxPool2d', () => {
  /** Where the windows of a step begin, read off an image whose values grow along its only row. */
  const starts = (regions: 'pseudorandom' | 'random', step: number, size: number, count: number): number[] => {
    const layer = fractionalMaxPool2d([1, 2], { outputSize: [1, count], regions }).assignPaths()
    const row = Array.from({ length: size }, (_, i) => i)
    return [...valuesOf(layer.forward(image(row, 1, size), training(step)))].map(largest => largest - 1)
  }

  test.each(['pseudorandom', 'random'] as const)('%s windows begin at 0, end at the end, 1 or 2 apart', regions => {
    const seen = new Set<string>()
    for (let step = 0; step < 30; step++) {
      const list = starts(regions, step, 20, 13)
      const distances = list.slice(1).map((start, i) => start - list[i])
      expect(list[0]).toBe(0)
      expect(list[12]).toBe(18)
      expect(new Set(distances)).toEqual(new Set([1, 2]))
      // 18 = 12 steps of which 6 are long.
      expect(distances.filter(distance => distance === 2)).toHaveLength(6)
      seen.add(distances.join(''))
    }
    expect(seen.size).toBeGreaterThan(regions === 'random' ? 25 : 1)
  })

  test('distances in random order may put two long ones side by side, pseudorandom ones of mean 1.5 never', () => {
    const orders = (regions: 'pseudorandom' | 'random'): string[] =>
      Array.from({ length: 20 }, (_, step) => {
        const list = starts(regions, step, 20, 13)
        return list
          .slice(1)
          .map((start, i) => start - list[i])
          .join('')
      })
    expect(orders('random').some(order => order.includes('222'))).toBe(true)
    expect(orders('pseudorandom').some(order => order.includes('222'))).toBe(false)
  })

  test('a factor of exactly 2 is ordinary max pooling', () => {
    const x = constantTensor(lcgTensor([2, 3, 8, 6], 4, 2), [2, 3, 8, 6])
    const layer = fractionalMaxPool2d(2, { outputSize: [4, 3] }).assignPaths()
    const expected = valuesOf(maxPool2d(2).forward(x, inference()))
    expect(valuesOf(layer.forward(x, training(1)))).toEqual(expected)
    expect(valuesOf(layer.forward(x, inference()))).toEqual(expected)
  })

  test('refuses what does not fit', () => {
    const x = input('x', [1, 1, 6, 6])
    expect(() => fractionalMaxPool2d(2, {})).toThrow('either outputSize or outputRatio')
    expect(() => fractionalMaxPool2d(2, { outputRatio: 1.2 })).toThrow('outputRatio (=1.2, 1.2)')
    expect(() => fractionalMaxPool2d(2, { outputSize: 6 }).forward(x, inference())).toThrow(
      '6 windows of kernel 2×2 do not fit',
    )
    expect(() => fractionalMaxPool2d(2, { outputSize: 4 }).forward(x, training(1))).toThrow('the layer has no path')
    expect(() => fractionalMaxPool2d(2, { outputSize: 4, samples: [0.5, 1] })).toThrow('samples (=0.5, 1)')
  })
})

describe('crossChannelMaxPool', () => {
  test('takes the largest of neighboring maps at every position', () => {
    const x = constantTensor([1, 5, 4, 2, 0, 9, 7, 3], [1, 4, 1, 2])
    expect([...valuesOf(crossChannelMaxPool(2).forward(x, inference()))]).toEqual([4, 5, 7, 9])
  })
})
