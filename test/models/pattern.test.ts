/** The pattern builder makes what it says, and refuses what cannot be. */
import { expect, test } from 'vitest'
import { input } from '../../src/graph/sources.ts'
import { formatVolume, summarize } from '../../src/inspect/index.ts'
import { convPattern } from '../../src/models/index.ts'
import { inference } from '../../src/nn/index.ts'

const layers = (options: Parameters<typeof convPattern>[0]): string => {
  const { rows } = summarize(convPattern(options), options.input ?? [3, 32, 32])
  return rows
    .slice(1)
    .map(({ type, output }) => `${type} ${formatVolume(output)}`)
    .join(', ')
}

test('[(CONV-RELU)·2-POOL]·2-(FC-RELU)·1', () => {
  expect(layers({ N: 2, M: 2, K: 1 })).toBe(
    'Conv2d 32×32×32, ReLU 32×32×32, Conv2d 32×32×32, ReLU 32×32×32, MaxPool2d 16×16×32, ' +
      'Conv2d 16×16×64, ReLU 16×16×64, Conv2d 16×16×64, ReLU 16×16×64, MaxPool2d 8×8×64, ' +
      'Flatten 4096, Linear 128, ReLU 128, Linear 10',
  )
})

test('without pools and without hidden layers', () => {
  expect(layers({ N: 1, M: 2, K: 0, pool: false, maps: [4, 6], input: [1, 9, 7], classes: 3 })).toBe(
    'Conv2d 9×7×4, ReLU 9×7×4, Conv2d 9×7×6, ReLU 9×7×6, Flatten 378, Linear 3',
  )
})

test('with batch normalization and dropout', () => {
  expect(layers({ N: 1, M: 1, K: 1, maps: 8, batchNorm: true, dropout: 0.5, hidden: 16 })).toBe(
    'Conv2d 32×32×8, BatchNorm2d 32×32×8, ReLU 32×32×8, MaxPool2d 16×16×8, Flatten 2048, Linear 16, ReLU 16, Dropout 16, Linear 10',
  )
})

test('the volumes of odd images follow the floor', () => {
  const model = convPattern({ N: 1, M: 3, K: 0, input: [3, 31, 45] })
  expect(model.forward(input('x', [2, 3, 31, 45]), inference()).shape).toEqual([2, 10])
})

test.each([
  [{ N: 0, M: 1, K: 0 }, 'convPattern: N (=0) must be a whole number ≥ 1'],
  [{ N: 1, M: 1.5, K: 0 }, 'convPattern: M (=1.5) must be a whole number ≥ 1'],
  [{ N: 1, M: 1, K: -1 }, 'convPattern: K (=-1) must be a whole number ≥ 0'],
  [{ N: 1, M: 1, K: 0, kernel: 4 }, 'convPattern: kernel (=4) must be odd'],
  [{ N: 1, M: 2, K: 0, maps: [8] }, 'convPattern: maps (=8) must be M (=2) numbers'],
  [{ N: 1, M: 6, K: 0 }, 'convPattern: M (=6) pools leave nothing of an image of 32×32'],
])('%o is refused', (options, message) => {
  expect(() => convPattern(options)).toThrow(message)
})
