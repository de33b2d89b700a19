/** Softmax cross-entropy and its gradient against the references, in every layout. */
import { describe, expect, test } from 'vitest'
import {
  softmaxCrossEntropyGradientKernel,
  softmaxCrossEntropyKernel,
} from '../../../src/backends/wasm/kernels/shared/softmax.ts'
import { softmaxCrossEntropyGradientOp, softmaxCrossEntropyOp } from '../../../src/graph/ops/softmaxCrossEntropy.ts'
import { RandomSequence } from '../../../src/random/philox.ts'
import { operand, runKernel } from './runKernel.ts'

const random = new RandomSequence(2, 'kernels.softmax')

interface Batch {
  readonly count: number
  readonly classes: number
  readonly logits: Float32Array
  readonly targets: Int32Array
  readonly upstream: Float32Array
}

function batchOf(count: number, classes: number, scale: number): Batch {
  return {
    count,
    classes,
    logits: Float32Array.from({ length: count * classes }, () => (random.uniform() - 0.5) * scale),
    targets: Int32Array.from({ length: count }, () => random.integer(classes)),
    upstream: Float32Array.from({ length: count }, () => random.uniform() - 0.5),
  }
}

const host = (shape: number[], data: ArrayLike<number>) => ({ shape, values: Float64Array.from(data) })

function loss({ count, classes, logits, targets }: Batch, block: number): Float32Array {
  const x = operand('f32', [count, classes], logits, block)
  return runKernel(softmaxCrossEntropyKernel(x), [x, operand('i32', [count], targets)], {
    shape: [count],
    dtype: 'f32',
    block,
  }) as Float32Array
}

function gradient({ count, classes, logits, targets, upstream }: Batch, block: number): Float32Array {
  const x = operand('f32', [count, classes], logits, block)
  return runKernel(
    softmaxCrossEntropyGradientKernel(x),
    [x, operand('i32', [count], targets), operand('f32', [count], upstream)],
    { shape: [count, classes], dtype: 'f32', block },
  ) as Float32Array
}

const shapes: [count: number, classes: number, blocks: number[]][] = [
  [8, 10, [0, 1, 2, 4, 8]],
  [12, 3, [0, 3, 4, 12]],
  [6, 1, [0, 2, 3]],
  [32, 100, [0, 16, 32]],
  [4, 16, [0, 4]],
  [4, 17, [0, 4]],
]

describe.each(shapes)('%i samples of %i classes', (count, classes, blocks) => {
  const batch = batchOf(count, classes, 20)
  const inputs = [host([count, classes], batch.logits), host([count], batch.targets)]

  test('loss', () => {
    const want = softmaxCrossEntropyOp.reference(inputs, {}, [count])
    const results = blocks.map(block => loss(batch, block))
    // The sum log Σ + m − s rounds at the size of its largest term, at most 10 + log K here.
    want.forEach((value, k) => {
      expect(Math.abs(results[0][k] - value)).toBeLessThan(2e-6)
    })
    for (const other of results) expect(other).toEqual(results[0])
  })

  test('gradient', () => {
    const all = [...inputs, host([count], batch.upstream)]
    const want = softmaxCrossEntropyGradientOp.reference(all, {}, [count, classes])
    const results = blocks.map(block => gradient(batch, block))
    want.forEach((value, k) => {
      expect(Math.abs(results[0][k] - value)).toBeLessThan(2e-7)
    })
    for (const other of results) expect(other).toEqual(results[0])
  })
})

test.each([0, 4])('thousands of classes add up as precisely as ten, block %i', block => {
  const batch = batchOf(4, 20_000, 2)
  const inputs = [host([4, 20_000], batch.logits), host([4], batch.targets)]
  const want = softmaxCrossEntropyOp.reference(inputs, {}, [4])
  // Losses are near 10: half a step of f32 there is 5e-7, and log Σ + m − s rounds twice.
  loss(batch, block).forEach((value, k) => {
    expect(Math.abs(value - want[k])).toBeLessThan(1.5e-6)
  })
  const all = [...inputs, host([4], batch.upstream)]
  const wanted = softmaxCrossEntropyGradientOp.reference(all, {}, [4, 20_000])
  // Five roundings: of the difference, its power, the sum, the quotient and the product.
  const errors = gradient(batch, block).map((value, k) => Math.abs(value / wanted[k] - 1))
  expect(Math.max(...errors)).toBeLessThan(6e-7)
})

test.each([0, 4])('large logits neither overflow nor lose the loss, block %i', block => {
  const logits = Float32Array.from([1e4, 0, -1e4, -1e30, 0, 1e30, 88, 89, 90, -3e38, -3e38, -3e38])
  const batch: Batch = { ...batchOf(4, 3, 1), logits, targets: Int32Array.from([0, 2, 0, 1]) }
  const inputs = [host([4, 3], logits), host([4], batch.targets)]
  const want = softmaxCrossEntropyOp.reference(inputs, {}, [4])
  loss(batch, block).forEach((value, k) => {
    // −3·10³⁸ + log 3 is −3·10³⁸ in f32: the row of equal huge logits keeps no more than its size allows.
    const tolerance = 1e-6 * Math.max(1, ...logits.slice(3 * k, 3 * k + 3).map(Math.abs))
    expect(Math.abs(value - want[k])).toBeLessThanOrEqual(tolerance)
  })
  expect(loss(batch, block)[0]).toBe(0)
  expect(gradient(batch, block).every(Number.isFinite)).toBe(true)
})

test.each([0, 4])('a NaN stays in its sample, block %i', block => {
  const batch = batchOf(8, 5, 4)
  batch.logits[2 * 5 + 3] = Number.NaN
  const nanAt = (values: Float32Array): number[] => [...values.keys()].filter(k => Number.isNaN(values[k]))
  expect(nanAt(loss(batch, block))).toEqual([2])
  expect(nanAt(gradient(batch, block))).toEqual([10, 11, 12, 13, 14])
})

test.each([
  [-1, 0],
  [10, 0],
  [-1, 4],
  [10, 4],
])('class %i of 10 traps, block %i', (target, block) => {
  const batch = batchOf(8, 10, 1)
  batch.targets[5] = target
  expect(() => loss(batch, block)).toThrow(WebAssembly.RuntimeError)
  expect(() => gradient(batch, block)).toThrow(WebAssembly.RuntimeError)
})
