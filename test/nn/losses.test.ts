/** Losses by hand, what they accept and refuse, and the WebAssembly engine; values against PyTorch are in torch.test.ts. */
import { describe, expect, test } from 'vitest'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { evaluateReference } from '../../src/graph/evaluate.ts'
import { gradients } from '../../src/graph/gradient.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  crossEntropy,
  type Loss,
  multiclassHinge,
  squaredError,
} from '../../src/nn/index.ts'
import { expectClose, lcgTensor } from '../support/fixtures.ts'
import { runOn } from '../support/programs.ts'
import { numericGradient, valuesOf } from './exact.ts'

const value = (loss: Loss, outputs: Tensor, targets: Tensor): number => valuesOf(loss.forward(outputs, targets))[0]
const classes = (...list: number[]): Tensor => constantTensor(list, [list.length], 'i32')

describe('by hand', () => {
  test('cross-entropy of equal logits is ln(classes), with any labels, smoothed or not', () => {
    const logits = constantTensor(new Array(20).fill(3), [2, 10])
    for (const loss of [crossEntropy(), crossEntropy({ labelSmoothing: 0.1 })]) {
      expect(value(loss, logits, classes(3, 9))).toBeCloseTo(Math.log(10), 12)
      expect(value(loss, logits, constantTensor(new Array(20).fill(0.1), [2, 10]))).toBeCloseTo(Math.log(10), 12)
    }
  })

  test('cross-entropy with the indicator rows as soft targets is that of the classes', () => {
    const logits = constantTensor(lcgTensor([3, 4], 2, 6), [3, 4])
    const rows = constantTensor([0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1], [3, 4])
    expect(value(crossEntropy(), logits, rows)).toBeCloseTo(value(crossEntropy(), logits, classes(2, 0, 3)), 12)
  })

  test('soft targets cat 0.4, dog 0.6 of mixed images (mixup)', () => {
    const logits = constantTensor([1, 2], [1, 2])
    const log = (score: number): number => score - Math.log(Math.E + Math.E ** 2)
    expect(value(crossEntropy(), logits, constantTensor([0.4, 0.6], [1, 2]))).toBeCloseTo(
      -0.4 * log(1) - 0.6 * log(2),
      12,
    )
  })

  test('multiclass hinge: Σ max(0, s_j − s_y + 1), the mean over samples', () => {
    // Sample 0, class 0: max(0, 5.1 − 3.2 + 1) + max(0, −1.7 − 3.2 + 1) = 2.9. Sample 1, class 1: 0 and 0.
    const scores = constantTensor([3.2, 5.1, -1.7, 1.3, 4.9, 2.0], [2, 3])
    expect(value(multiclassHinge(), scores, classes(0, 1))).toBeCloseTo(2.9 / 2, 12)
    expect(value(multiclassHinge({ squared: true }), scores, classes(0, 1))).toBeCloseTo(2.9 ** 2 / 2, 12)
    expect(value(multiclassHinge({ margin: 2 }), scores, classes(0, 1))).toBeCloseTo(3.9 / 2, 12)
  })

  test('equal scores cost (classes − 1) · margin', () => {
    expect(value(multiclassHinge(), constantTensor(new Array(10).fill(0.5), [1, 10]), classes(4))).toBe(9)
  })

  test('squared error: E = ½ Σ (t − o)²', () => {
    const outputs = constantTensor([0.75, 0.957], [1, 2])
    expect(value(squaredError(), outputs, constantTensor([1, 0], [1, 2]))).toBeCloseTo((0.25 ** 2 + 0.957 ** 2) / 2, 12)
    expect(value(squaredError(), outputs, classes(0))).toBeCloseTo((0.25 ** 2 + 0.957 ** 2) / 2, 12)
    expect(value(squaredError({ scale: 'mean' }), outputs, classes(0))).toBeCloseTo((0.25 ** 2 + 0.957 ** 2) / 2, 12)
    expect(value(squaredError(), constantTensor([1, 2, 3], [3]), constantTensor([1, 1, 1], [3]))).toBeCloseTo(5 / 6, 12)
  })

  test('binary cross-entropy stays finite where a probability is 0 or 1, and agrees with that of logits', () => {
    const probabilities = constantTensor([0, 1, 0, 1], [4])
    expect(value(binaryCrossEntropy(), probabilities, constantTensor([0, 1, 1, 0], [4]))).toBe(50)
    const z = lcgTensor([6], 3, 8)
    const t = constantTensor(
      lcgTensor([6], 4, 1).map(v => v + 0.5),
      [6],
    )
    const sigmoid = constantTensor(
      z.map(v => 1 / (1 + Math.exp(-v))),
      [6],
    )
    expect(value(binaryCrossEntropyWithLogits(), constantTensor(z, [6]), t)).toBeCloseTo(
      value(binaryCrossEntropy(), sigmoid, t),
      12,
    )
  })
})

const all: readonly [string, Loss, boolean][] = [
  ['crossEntropy', crossEntropy(), true],
  ['crossEntropy, smoothed', crossEntropy({ labelSmoothing: 0.1 }), true],
  ['multiclassHinge', multiclassHinge({ margin: 0.7 }), false],
  ['multiclassHinge, squared', multiclassHinge({ squared: true, divideByClasses: true }), false],
  ['squaredError', squaredError(), true],
  ['squaredError, mean', squaredError({ scale: 'mean' }), true],
  ['binaryCrossEntropyWithLogits', binaryCrossEntropyWithLogits(), true],
  ['binaryCrossEntropy', binaryCrossEntropy(), true],
]

describe.each(all)('%s', (name, loss, takesSoftTargets) => {
  const forms = takesSoftTargets ? (['i32', 'f32'] as const) : (['i32'] as const)
  describe.each(forms)('targets of type %s', dtype => {
    const given = (batch: number): { outputs: Float64Array; targets: Float64Array } => {
      const raw = lcgTensor([batch, 5], 6, 4)
      const outputs = name === 'binaryCrossEntropy' ? raw.map(v => 1 / (1 + Math.exp(-v))) : raw
      const soft = lcgTensor([batch, 5], 8, 1).map(v => Math.fround(v + 0.5))
      const targets = dtype === 'i32' ? Float64Array.from({ length: batch }, (_, n) => (3 * n + 1) % 5) : soft
      return { outputs: outputs.map(Math.fround), targets }
    }
    const traced = (batch: number) => {
      const outputs = input('outputs', [batch, 5], { batched: true })
      const targets = input('targets', dtype === 'i32' ? [batch] : [batch, 5], { dtype, batched: true })
      const result = loss.forward(outputs, targets)
      return [result, gradients(result, [outputs])[0]]
    }

    test('the gradient agrees with centered differences', () => {
      const values = given(3)
      const [result, slope] = traced(3)
      const expected = numericGradient(() => valuesOf(result, values)[0], values.outputs)
      expectClose(valuesOf(slope, values), expected, { relative: 1e-7, absolute: 1e-9 }, 'gradient')
    })

    test.each([2, 8])('the WebAssembly engine computes the same, batch %i', async batch => {
      const values = given(batch)
      const roots = traced(batch)
      const expected = evaluateReference(roots, values)
      const engine = createWasmEngine({ threads: 1 })
      const actual = await runOn(engine, roots, values)
      await engine.close()
      actual.forEach((numbers, k) => {
        expectClose(numbers, expected[k].values, { relative: 1e-4, absolute: 1e-6 }, k === 0 ? 'loss' : 'gradient')
      })
    })
  })
})

test('refusals name the loss, the numbers and the rule', () => {
  const scores = input('s', [4, 3])
  const wrong = input('t', [3], { dtype: 'i32' })
  for (const loss of [squaredError(), binaryCrossEntropy(), binaryCrossEntropyWithLogits(), multiclassHinge()]) {
    expect(() => loss.forward(scores, wrong)).toThrow(
      `${loss.name}: expected targets f32 [4, 3] or class numbers i32 [4], got i32 [3]`,
    )
  }
  expect(() => crossEntropy().forward(scores, input('t', [4, 2]))).toThrow('crossEntropy: expected targets f32 [4, 3]')
  expect(() => crossEntropy().forward(input('s', [4, 3, 2]), wrong)).toThrow(
    'crossEntropy: expected scores [N, classes]',
  )
  expect(() => multiclassHinge().forward(scores, input('t', [4, 3]))).toThrow('expected class numbers i32 [4], got f32')
  expect(() => crossEntropy({ labelSmoothing: 1.5 })).toThrow('labelSmoothing (=1.5)')
  expect(() => multiclassHinge({ margin: 0 })).toThrow('margin (=0)')
})
