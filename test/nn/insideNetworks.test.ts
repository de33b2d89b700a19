/**
 * Layers between two convolutions, where engines choose layouts and fuse steps: the WebAssembly engine against the
 * reference, outputs and gradients of all parameters, with channels that fill vectors and channels that do not.
 */
import { describe, expect, test } from 'vitest'
import { evaluateReference } from '../../src/graph/evaluate.ts'
import { gradients } from '../../src/graph/gradient.ts'
import { mul } from '../../src/graph/ops/elementwise.ts'
import { sum } from '../../src/graph/ops/reduce.ts'
import { simplify } from '../../src/graph/simplify.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import * as nn from '../../src/nn/index.ts'
import { expectClose, lcgTensor } from '../support/fixtures.ts'
import { runOn } from '../support/programs.ts'
import { threadedEngine } from '../support/threads.ts'

/** Layers for `[N, C, 9, 8]` that keep the number of channels. */
const layers: Readonly<Record<string, (channels: number) => nn.Module>> = {
  batchNorm2d: channels => nn.batchNorm2d(channels),
  groupNorm: channels => nn.groupNorm(2, channels),
  instanceNorm2d: channels => nn.instanceNorm2d(channels, { affine: true }),
  layerNorm: channels => nn.layerNorm([channels, 9, 8]),
  localResponseNorm: () => nn.localResponseNorm(5, { alpha: 0.1 }),
  selu: () => nn.selu(),
  hardSwish: () => nn.hardSwish(),
  gelu: () => nn.gelu(),
  'gelu, tanh': () => nn.gelu({ approximate: 'tanh' }),
  prelu: channels => nn.prelu(channels),
  'softmax over channels': () => nn.softmax(1),
  maxout: channels => nn.sequential(nn.conv2d(channels, 2 * channels, 1), nn.maxout(2)),
  'maxPool2d, rounded up': () => nn.maxPool2d(3, { stride: 2, ceilMode: true }),
  'averagePool2d, rounded up': () => nn.averagePool2d(3, { stride: 2, padding: 1, ceilMode: true }),
  adaptiveAveragePool2d: () => nn.adaptiveAveragePool2d([4, 3]),
  adaptiveMaxPool2d: () => nn.adaptiveMaxPool2d([4, 3]),
  globalAveragePool2d: () => nn.globalAveragePool2d(),
  globalMaxPool2d: () => nn.globalMaxPool2d(),
  distanceWeightedAveragePool2d: () => nn.distanceWeightedAveragePool2d(3, { stride: 2 }),
  l2Pool2d: () => nn.l2Pool2d(2),
  stochasticPool2d: () => nn.sequential(nn.sigmoid(), nn.stochasticPool2d(2)),
  fractionalMaxPool2d: () => nn.fractionalMaxPool2d(2, { outputRatio: 0.7 }),
  convTranspose2d: channels => nn.convTranspose2d(channels, channels, 3, { stride: 2, padding: 1, outputPadding: 1 }),
  'convTranspose2d, groups': channels => nn.convTranspose2d(channels, channels, 2, { groups: 2 }),
  'conv2d, same padding': channels => nn.conv2d(channels, channels, 4, { padding: 'same' }),
  vanillaDropout: () => nn.vanillaDropout(0.3),
  stochasticDepth: () => nn.stochasticDepth(0.5),
  parallel: channels =>
    nn.parallel({ left: nn.conv2d(channels, 4, 1), right: nn.conv2d(channels, channels - 4, 3, { padding: 1 }) }),
}

const training = (): nn.ForwardContext => ({
  training: true,
  key: constantTensor([3, 1], [2], 'i32'),
  updates: new Map(),
})

/** A loss's program as the trainer traces it: simplified, then differentiated. */
function traced(model: nn.Module, x: Tensor, context: nn.ForwardContext): Tensor[] {
  const y = model.forward(x, context)
  const upstream = constantTensor(lcgTensor(y.shape, 11, 2).map(Math.fround), y.shape)
  const [loss, output, ...updates] = simplify([sum(mul(y, upstream)), y, ...context.updates.values()])
  const slopes = gradients(
    loss,
    [...model.parameters().values()].map(({ tensor }) => tensor),
  )
  return [output, ...slopes, ...updates]
}

describe.each(Object.entries(layers))('%s', (_, make) => {
  test.each([
    [8, 4, 1],
    [16, 5, 2],
    [6, 3, 1],
  ])('%i channels, batch %i, threads: %i', async (channels, batch, threads) => {
    const model = nn
      .sequential(nn.conv2d(3, channels, 3, { padding: 1 }), make(channels), nn.relu(), nn.conv2d(channels, 5, 1))
      .initialize(2)
    const x = input('x', [batch, 3, 9, 8], { batched: true })
    const values = { x: lcgTensor(x.shape, 5, 4).map(Math.fround) }
    const engine = threadedEngine({ threads })
    try {
      for (const context of [training(), nn.inference()]) {
        const roots = traced(model, x, context)
        const expected = evaluateReference(roots, values)
        const actual = await runOn(engine, roots, values)
        expect(actual).toHaveLength(expected.length)
        actual.forEach((numbers, k) => {
          const largest = expected[k].values.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
          // The gradient of a bias before a normalization is exactly 0: what comes out is rounding.
          const absolute = 1e-4 * Math.max(largest, 0.1)
          expectClose(numbers, expected[k].values, { relative: 1e-4, absolute }, `result ${k}, ${context.training}`)
        })
      }
    } finally {
      await engine.close()
    }
  })
})
