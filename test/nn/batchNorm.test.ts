/** Batch normalization: the lectures' gradient formulas, running statistics over several steps, and what is refused. */
import { describe, expect, test } from 'vitest'
import { createWasmEngine } from '../../src/backends/wasm/engine.ts'
import { gradients } from '../../src/graph/gradient.ts'
import { mul } from '../../src/graph/ops/elementwise.ts'
import { sum } from '../../src/graph/ops/reduce.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import { batchNorm1d, batchNorm2d, type ForwardContext, groupNorm, inference, layerNorm } from '../../src/nn/index.ts'
import { expectClose, lcgTensor } from '../support/fixtures.ts'
import { applyUpdates, numericGradient, setExact, valuesOf } from './exact.ts'

const training = (): ForwardContext => ({ training: true, updates: new Map() })

describe('gradients by the formulas of the paper and the lectures', () => {
  // Per activation: m samples of one channel, so that every Σ runs over the batch.
  const m = 7
  const epsilon = 1e-3
  const x = lcgTensor([m, 1], 3, 4)
  const upstream = lcgTensor([m, 1], 5, 2)
  const gamma = 1.7
  const beta = -0.4
  const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0)
  const mean = total(x) / m
  const centered = x.map(value => value - mean)
  const variance = total(centered.map(value => value ** 2)) / m
  const deviation = Math.sqrt(variance + epsilon)

  const layer = batchNorm1d(1, { eps: epsilon }).initialize(0)
  setExact(layer.weight!, Float64Array.of(gamma))
  setExact(layer.bias!, Float64Array.of(beta))
  const node = input('x', [m, 1])
  const y = layer.forward(node, training())
  const loss = sum(mul(y, constantTensor(upstream, [m, 1])))
  const [toX, toGamma, toBeta] = gradients(loss, [node, layer.weight!.tensor, layer.bias!.tensor])
  const tolerance = { relative: 1e-12, absolute: 1e-13 }

  test('y = γ x̂ + β with x̂ = (x − μ) / √(σ² + ε)', () => {
    expectClose(
      valuesOf(y, { x }),
      centered.map(value => (gamma * value) / deviation + beta),
      tolerance,
      'y',
    )
  })

  test('∂L/∂γ = Σ ∂L/∂yᵢ x̂ᵢ and ∂L/∂β = Σ ∂L/∂yᵢ', () => {
    expectClose(
      valuesOf(toGamma, { x }),
      [total(upstream.map((u, i) => (u * centered[i]) / deviation))],
      tolerance,
      'γ',
    )
    expectClose(valuesOf(toBeta, { x }), [total(upstream)], tolerance, 'β')
  })

  test('∂L/∂xᵢ through x̂ᵢ, σ² and μ', () => {
    const toNormalized = upstream.map(u => u * gamma)
    const toVariance = total(toNormalized.map((g, i) => g * centered[i] * -0.5 * (variance + epsilon) ** -1.5))
    const toMean =
      total(toNormalized.map(g => -g / deviation)) + (toVariance * total(centered.map(value => -2 * value))) / m
    const expected = toNormalized.map((g, i) => g / deviation + (toVariance * 2 * centered[i]) / m + toMean / m)
    expectClose(valuesOf(toX, { x }), expected, tolerance, 'x')
  })
})

test.each([
  ['batchNorm2d', () => batchNorm2d(2)],
  ['groupNorm', () => groupNorm(1, 2)],
])('%s: second derivatives agree with centered differences of the first', (_, make) => {
  const shape = [2, 2, 2, 2]
  const node = input('x', shape)
  const y = make().initialize(0).forward(node, training())
  const upstream = (seed: number) => constantTensor(lcgTensor(shape, seed, 2), shape)
  const [first] = gradients(sum(mul(mul(y, y), upstream(3))), [node])
  const along = sum(mul(first, upstream(4)))
  const x = lcgTensor(shape, 5, 4)
  const expected = numericGradient(() => valuesOf(along, { x })[0], x)
  expectClose(valuesOf(gradients(along, [node])[0], { x }), expected, { relative: 1e-6, absolute: 1e-7 }, 'second')
})

describe('statistics', () => {
  test('spatial statistics are one per channel: N·H·W values each, brought to mean 0 and variance 1', () => {
    const shape = [3, 2, 4, 5]
    const y = valuesOf(
      batchNorm2d(2)
        .initialize(0)
        .forward(constantTensor(lcgTensor(shape, 9, 6), shape), training()),
    )
    for (const channel of [0, 1]) {
      const values = [...y].filter((_, position) => Math.floor(position / 20) % 2 === channel)
      expect(values).toHaveLength(60)
      expect(values.reduce((sum, v) => sum + v, 0) / 60).toBeCloseTo(0, 12)
      expect(values.reduce((sum, v) => sum + v * v, 0) / 60).toBeCloseTo(1, 4)
    }
  })

  test('after many batches of one distribution, evaluation computes about what training does', () => {
    const layer = batchNorm2d(1, { momentum: 'cumulative' }).initialize(0)
    const x = input('x', [4, 1, 8, 8])
    for (let step = 0; step < 20; step++) {
      const context = training()
      layer.forward(x, context)
      applyUpdates(context.updates, { x: lcgTensor(x.shape, step + 1, 6).map(v => v + 2) })
    }
    expect(layer.num_batches_tracked!.value[0]).toBe(20)
    expect(layer.running_mean!.value[0]).toBeCloseTo(2, 1)
    // Uniform over 6 units: variance 6² / 12.
    expect(Math.abs(layer.running_var!.value[0] - 3)).toBeLessThan(0.1)
    const values = lcgTensor(x.shape, 99, 6).map(v => v + 2)
    const evaluated = valuesOf(layer.forward(x, inference()), { x: values })
    expectClose(evaluated, valuesOf(layer.forward(x, training()), { x: values }), { absolute: 0.1 }, 'evaluation')
  })

  test('a layer that is used twice in a step tracks both batches', () => {
    const layer = batchNorm1d(1, { momentum: 0.5 }).initialize(0)
    const context = training()
    layer.forward(constantTensor([1, 3], [2, 1]), context)
    layer.forward(constantTensor([5, 7], [2, 1]), context)
    applyUpdates(context.updates)
    expect(layer.num_batches_tracked!.value[0]).toBe(2)
    // 0 → (0 + 2) / 2 = 1 → (1 + 6) / 2 = 3.5
    expect(layer.running_mean!.value[0]).toBe(3.5)
  })

  test('evaluation changes nothing', () => {
    const context = inference()
    batchNorm1d(2)
      .initialize(0)
      .forward(constantTensor([1, 2, 3, 4], [2, 2]), context)
    expect(context.updates.size).toBe(0)
  })

  test('steps on the WebAssembly engine update the buffers as PyTorch does', async () => {
    const layer = batchNorm1d(1, { momentum: 0.5 }).initialize(0)
    // Single precision would stop counting here.
    layer.num_batches_tracked!.value.fill(2 ** 24)
    const context = training()
    const y = layer.forward(input('x', [4, 1]), context)
    const engine = createWasmEngine({ threads: 1 })
    const step = await engine.compile({ outputs: { y }, updates: context.updates })
    for (const batch of [
      [1, 2, 3, 6],
      [0, 0, 4, 4],
    ]) {
      await step.run({ x: batch })
    }
    // Means 3 and 2; unbiased variances 14 / 3 and 16 / 3.
    expectClose(await engine.read(layer.running_mean!), [0.5 * 1.5 + 0.5 * 2], { relative: 1e-6 }, 'running_mean')
    expectClose(
      await engine.read(layer.running_var!),
      [0.5 * (0.5 + 0.5 * (14 / 3)) + 0.5 * (16 / 3)],
      { relative: 1e-6 },
      'running_var',
    )
    expect(await engine.read(layer.num_batches_tracked!)).toEqual(Int32Array.of(2 ** 24 + 2))
    await engine.close()
  })
})

describe('refusals', () => {
  const x = (...shape: number[]) => input('x', shape)
  test('name the layer, the value and the rule', () => {
    const context = training()
    expect(() => batchNorm2d(3).forward(x(2, 4, 5, 5), context)).toThrow(
      'BatchNorm2d: expected 3 input channels, got 4 (input [2, 4, 5, 5])',
    )
    expect(() => batchNorm2d(3).forward(x(2, 3), context)).toThrow('expected an input [N, 3, H, W], got [2, 3]')
    expect(() => batchNorm1d(3).forward(x(2, 3, 1, 1), context)).toThrow('expected an input [N, 3] or [N, 3, L]')
    expect(() => batchNorm1d(3).forward(x(1, 3), context)).toThrow('more than one value per channel when training')
    expect(() => batchNorm1d(3).forward(x(1, 3), inference())).not.toThrow()
    expect(() => batchNorm2d(0)).toThrow('batchNorm2d: channels (=0)')
    expect(() => batchNorm2d(3, { eps: 0 })).toThrow('eps (=0)')
    expect(() => batchNorm2d(3, { momentum: 1.5 })).toThrow('momentum (=1.5)')
    expect(() => groupNorm(4, 6)).toThrow('groupNorm: channels (=6) must be divisible by groups (=4)')
    expect(() => layerNorm([3, 4]).forward(x(2, 4, 3), context)).toThrow('expected an input […, 3, 4], got [2, 4, 3]')
  })
})
