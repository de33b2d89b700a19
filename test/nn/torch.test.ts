/** Layers and losses against PyTorch: values, gradients of inputs and parameters, and buffers after a training step. */
import { describe, expect, test } from 'vitest'
import { evaluateReference } from '../../src/graph/evaluate.ts'
import { gradients } from '../../src/graph/gradient.ts'
import { mul } from '../../src/graph/ops/elementwise.ts'
import { sum } from '../../src/graph/ops/reduce.ts'
import type { DType } from '../../src/graph/shape.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import * as nn from '../../src/nn/index.ts'
import { expectClose, type FixtureTensor } from '../support/fixtures.ts'
import { type LayerFixture, loadLayerFixture } from '../support/layerFixtures.ts'
import { setExact } from './exact.ts'

/** Attributes of all layers together; each case has those of its layer. */
interface Attributes
  extends nn.BatchNormOptions,
    Omit<nn.FractionalMaxPoolOptions, 'outputSize'>,
    Omit<nn.MulticlassHingeOptions, 'margin'>,
    nn.CrossEntropyOptions,
    nn.SquaredErrorOptions,
    nn.GELUOptions {
  readonly margin: number
  readonly channels: number & [number, number]
  readonly kernel: number & [number, number]
  readonly outputSize: number & [number, number]
  readonly shape: number[]
  readonly groups: number
  readonly size: number
  readonly alpha: number
  readonly beta: number
  readonly k: number
  readonly count: number
  readonly axis: number
  readonly pieces: number
  readonly stride: number
  readonly padding: number & 'same'
  readonly dilation: number & [number, number]
  readonly countPadding: boolean
  readonly outputPadding: number
  readonly bias: boolean
}

/** Fixtures' layers in the library's words. */
const layers: Readonly<Record<string, (attrs: Attributes) => nn.Module>> = {
  batchNorm1d: ({ channels, ...options }) => nn.batchNorm1d(channels, options),
  batchNorm2d: ({ channels, ...options }) => nn.batchNorm2d(channels, options),
  layerNorm: ({ shape, ...options }) => nn.layerNorm(shape, options),
  groupNorm: ({ groups, channels }) => nn.groupNorm(groups, channels),
  instanceNorm2d: ({ channels, ...options }) => nn.instanceNorm2d(channels, options),
  instanceNorm1d: ({ channels, ...options }) => nn.instanceNorm1d(channels, options),
  localResponseNorm: ({ size, ...options }) => nn.localResponseNorm(size, { ...options, divideAlphaBySize: true }),
  selu: () => nn.selu(),
  relu6: () => nn.relu6(),
  hardSigmoid: () => nn.hardSigmoid(),
  hardSwish: () => nn.hardSwish(),
  gelu: options => nn.gelu(options),
  prelu: ({ count }) => nn.prelu(count),
  softmax: ({ axis }) => nn.softmax(axis),
  maxout: ({ pieces }) => nn.maxout(pieces),
  maxPool2d: ({ kernel, ...options }) => nn.maxPool2d(kernel, { ...options, ceilMode: true }),
  averagePool2d: ({ kernel, ...options }) => nn.averagePool2d(kernel, { ...options, ceilMode: true }),
  adaptiveAveragePool2d: ({ outputSize }) => nn.adaptiveAveragePool2d(outputSize),
  adaptiveMaxPool2d: ({ outputSize }) => nn.adaptiveMaxPool2d(outputSize),
  l2Pool2d: ({ kernel, stride }) => nn.l2Pool2d(kernel, { stride }),
  fractionalMaxPool2d: ({ kernel, ...options }) => nn.fractionalMaxPool2d(kernel, options),
  maxPool1d: ({ kernel, ...options }) => nn.maxPool1d(kernel, options),
  averagePool1d: ({ kernel, ...options }) => nn.averagePool1d(kernel, options),
  l2Pool1d: ({ kernel, stride }) => nn.l2Pool1d(kernel, { stride }),
  adaptiveAveragePool1d: ({ outputSize }) => nn.adaptiveAveragePool1d(outputSize),
  adaptiveMaxPool1d: ({ outputSize }) => nn.adaptiveMaxPool1d(outputSize),
  conv1d: ({ channels: [inputs, outputs], kernel, ...options }) => nn.conv1d(inputs, outputs, kernel, options),
  conv2d: ({ channels: [inputs, outputs], kernel, ...options }) => nn.conv2d(inputs, outputs, kernel, options),
  convTranspose1d: ({ channels: [inputs, outputs], kernel, ...options }) =>
    nn.convTranspose1d(inputs, outputs, kernel, options),
  convTranspose2d: ({ channels: [inputs, outputs], kernel, ...options }) =>
    nn.convTranspose2d(inputs, outputs, kernel, options),
}

const losses: Readonly<Record<string, (attrs: Attributes) => nn.Loss>> = {
  crossEntropy: nn.crossEntropy,
  multiclassHinge: nn.multiclassHinge,
  squaredError: nn.squaredError,
  binaryCrossEntropy: nn.binaryCrossEntropy,
  binaryCrossEntropyWithLogits: nn.binaryCrossEntropyWithLogits,
}

// The files hold nine digits; the reference computes in float64. PyTorch's hard sigmoid has its 1/6 in float32: 3e-8 off.
const nineDigits = { relative: 4e-8, absolute: 1e-9 }

const typeOf = ({ dtype }: FixtureTensor): DType => (dtype === 'i32' ? 'i32' : 'f32')

function checkLayer(fixture: LayerFixture): void {
  const { attrs, inputs, variables = {}, output, upstream, gradients: expected, after = {}, training = false } = fixture
  const model = layers[fixture.op](attrs as unknown as Attributes).assignPaths()
  const found = model.variables()
  expect([...found].map(([path, { shape }]) => [path, shape]).sort()).toEqual(
    Object.entries(variables)
      .map(([path, { shape }]) => [path, shape])
      .sort(),
  )
  for (const [path, { data }] of Object.entries(variables)) setExact(found.get(path)!, data)
  const x = input('x', inputs.x.shape)
  const context: nn.ForwardContext = { training, updates: new Map() }
  const y = model.forward(x, context)
  expect(y.shape).toEqual(output.shape)
  const loss = sum(mul(y, constantTensor(upstream!.data, output.shape)))
  const names = Object.keys(expected)
  const targets = names.map(name => (name === 'x' ? x : found.get(name)!.tensor))
  const slopes = gradients(loss, targets)
  const updates = Object.keys(after).map(path => context.updates.get(found.get(path)!)!)
  expect(context.updates.size).toBe(updates.length)
  const values = evaluateReference([y, ...slopes, ...updates], { x: inputs.x.data })
  expectClose(values[0].data, output, nineDigits, 'output')
  names.forEach((name, k) => {
    expectClose(values[1 + k].data, expected[name], nineDigits, `gradient of ${name}`)
  })
  Object.entries(after).forEach(([path, value], k) => {
    expectClose(values[1 + names.length + k].data, value, nineDigits, path)
  })
}

function checkLoss({ op, attrs, inputs: { outputs, targets }, output, gradients: expected }: LayerFixture): void {
  const o = input('outputs', outputs.shape)
  const t = input('targets', targets.shape, { dtype: typeOf(targets) })
  const value = losses[op](attrs as unknown as Attributes).forward(o, t)
  const [slope] = gradients(value, [o])
  const [v, s] = evaluateReference([value, slope], { outputs: outputs.data, targets: targets.data })
  expectClose(v.data, output, nineDigits, 'loss')
  expectClose(s.data, expected.outputs, nineDigits, 'gradient')
}

describe.each(['layers-normalization', 'layers-activations', 'layers-pooling', 'layers-convolution'])('%s', file => {
  for (const fixture of loadLayerFixture(file)) {
    test(fixture.name, () => {
      checkLayer(fixture)
    })
  }
})

describe('layers-losses', () => {
  for (const fixture of loadLayerFixture('layers-losses')) {
    test(fixture.name, () => {
      checkLoss(fixture)
    })
  }
})
