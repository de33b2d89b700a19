/**
 * Layers and losses against PyTorch's fixtures: values, gradients of inputs and parameters, and buffers after a training step,
 * on whatever computes them.
 */
import { expect } from 'vitest'
import type { Engine } from '../../src/backends/engine.ts'
import { gradients } from '../../src/graph/gradient.ts'
import * as f from '../../src/graph/ops/elementwise.ts'
import { max, min, sum } from '../../src/graph/ops/reduce.ts'
import { reshape } from '../../src/graph/ops/reshape.ts'
import { sliceAxis } from '../../src/graph/ops/slice.ts'
import type { DType } from '../../src/graph/shape.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import * as nn from '../../src/nn/index.ts'
import { expectClose, type FixtureTensor, type Tolerance } from '../support/fixtures.ts'
import type { LayerFixture } from '../support/layerFixtures.ts'
import { runOn, type Values } from '../support/programs.ts'
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
  readonly axes: number[]
  readonly pieces: number
  readonly stride: number
  readonly padding: number & 'same'
  readonly dilation: number & [number, number]
  readonly countPadding: boolean
  readonly outputPadding: number
  readonly bias: boolean
}

/** A function as a layer. */
class Lambda extends nn.Module {
  readonly #function: (x: Tensor) => Tensor
  constructor(apply: (x: Tensor) => Tensor) {
    super()
    this.#function = apply
  }
  override forward(x: Tensor): Tensor {
    return this.#function(x)
  }
}
const layerOf = (apply: (x: Tensor) => Tensor): nn.Module => new Lambda(apply)

/** A function of the two rows of `[2, N]`, or of every number and 0. */
const ofPairs = (apply: f.Binary): nn.Module =>
  layerOf(x => (x.shape.length === 1 ? apply(x, 0) : apply(row(x, 0), row(x, 1))))
const row = (x: Tensor, at: number): Tensor => reshape(sliceAxis(x, 0, at, at + 1), x.shape.slice(1))

/** Fixtures' layers in the library's words. */
const layers: Readonly<Record<string, (attrs: Attributes) => nn.Module>> = {
  batchNorm1d: ({ channels, ...options }) => nn.batchNorm1d(channels, options),
  batchNorm2d: ({ channels, ...options }) => nn.batchNorm2d(channels, options),
  layerNorm: ({ shape, ...options }) => nn.layerNorm(shape, options),
  groupNorm: ({ groups, channels }) => nn.groupNorm(groups, channels),
  instanceNorm2d: ({ channels, ...options }) => nn.instanceNorm2d(channels, options),
  instanceNorm1d: ({ channels, ...options }) => nn.instanceNorm1d(channels, options),
  localResponseNorm: ({ size, ...options }) => nn.localResponseNorm(size, { ...options, divideAlphaBySize: true }),
  relu: () => nn.relu(),
  abs: () => layerOf(f.abs),
  floor: () => layerOf(f.floor),
  leakyRelu: ({ alpha }) => nn.leakyRelu(alpha),
  elu: ({ alpha }) => nn.elu(alpha),
  clamp: () => layerOf(x => f.clamp(x, -1, 1.5)),
  hardTanh: () => layerOf(x => f.hardTanh(x, -1, 1.5)),
  maximum: () => ofPairs(f.maximum),
  minimum: () => ofPairs(f.minimum),
  max: ({ axes }) => layerOf(x => max(x, axes)),
  min: ({ axes }) => layerOf(x => min(x, axes)),
  reluMaxPool2d: ({ kernel, ...options }) =>
    nn.sequential(nn.relu(), nn.maxPool2d(kernel, { ...options, ceilMode: true })),
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

/** How a fixture's values are computed, and how near they have to come. */
export interface Evaluation {
  readonly tolerance: Tolerance
  /** Whether numbers below the smallest normal one of single precision may count as 0, as WGSL lets drivers decide. */
  readonly mayFlush?: boolean
  run(roots: readonly Tensor[], inputs: Values): Promise<ArrayLike<number>[]>
}

// An engine computes in float32: a few roundings of numbers below 8, and sums of a dozen of them.
const float32 = { relative: 1e-6, absolute: 2e-6 }

/** On an engine. */
export const onEngine = (engine: Engine): Evaluation => ({
  tolerance: float32,
  mayFlush: engine.description.backend === 'webgpu',
  run: (roots, inputs) => runOn(engine, roots, inputs),
})

/** Below it, numbers of single precision lose digits. */
const smallestNormal = 2 ** -126

/** The numbers that were found, but for those where x may have counted as 0: they are what they should be. */
function unlessFlushed(found: ArrayLike<number>, expected: FixtureTensor, x: FixtureTensor): ArrayLike<number> {
  if (expected.data.length !== x.data.length) return found
  const isTiny = (value: number): boolean => value !== 0 && Math.abs(value) < smallestNormal
  return Array.from(found, (value, k) => (isTiny(x.data[k]!) ? expected.data[k]! : value))
}

/** The files of fixtures. */
export const layerFiles = ['normalization', 'activations', 'pooling', 'convolution', 'bends', 'losses'].map(
  name => `layers-${name}`,
)

const typeOf = ({ dtype }: FixtureTensor): DType => (dtype === 'i32' ? 'i32' : 'f32')

async function checkLayer(fixture: LayerFixture, { tolerance, run, mayFlush }: Evaluation): Promise<void> {
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
  const loss = sum(f.mul(y, constantTensor(upstream!.data, output.shape)))
  const names = Object.keys(expected)
  const targets = names.map(name => (name === 'x' ? x : found.get(name)!.tensor))
  const slopes = gradients(loss, targets)
  const updates = Object.keys(after).map(path => context.updates.get(found.get(path)!)!)
  expect(context.updates.size).toBe(updates.length)
  const values = await run([y, ...slopes, ...updates], { x: inputs.x.data })
  const compared = (found: ArrayLike<number>, expected: FixtureTensor) =>
    mayFlush ? unlessFlushed(found, expected, inputs.x) : found
  expectClose(compared(values[0], output), output, tolerance, 'output')
  names.forEach((name, k) => {
    const slope = expected[name]
    const found = name === 'x' ? compared(values[1 + k], slope) : values[1 + k]
    expectClose(found, slope, tolerance, `gradient of ${name}`)
  })
  Object.entries(after).forEach(([path, value], k) => {
    expectClose(values[1 + names.length + k], value, tolerance, path)
  })
}

async function checkLoss(fixture: LayerFixture, { tolerance, run }: Evaluation): Promise<void> {
  const { op, attrs, output, gradients: expected } = fixture
  const { outputs, targets } = fixture.inputs
  const o = input('outputs', outputs.shape)
  const t = input('targets', targets.shape, { dtype: typeOf(targets) })
  const value = losses[op](attrs as unknown as Attributes).forward(o, t)
  const [slope] = gradients(value, [o])
  const [v, s] = await run([value, slope], { outputs: outputs.data, targets: targets.data })
  expectClose(v, output, tolerance, 'loss')
  expectClose(s, expected.outputs, tolerance, 'gradient')
}

/** Fails unless a layer or a loss computes what PyTorch's does. */
export const checkFixture = (fixture: LayerFixture, evaluation: Evaluation): Promise<void> =>
  (fixture.op in losses ? checkLoss : checkLayer)(fixture, evaluation)
