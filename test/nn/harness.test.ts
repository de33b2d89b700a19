/**
 * What every layer must do, in one table: shape rule, parameters and their names, training and evaluation, saving and
 * loading, determinism of the initial weights, and gradients against centered differences in float64.
 */
import { describe, expect, test } from 'vitest'
import { gradients } from '../../src/graph/gradient.ts'
import { mul } from '../../src/graph/ops/elementwise.ts'
import { sum } from '../../src/graph/ops/reduce.ts'
import { sizeOf } from '../../src/graph/shape.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import {
  averagePool2d,
  conv2d,
  dropout,
  elu,
  type ForwardContext,
  flatten,
  inference,
  leakyRelu,
  linear,
  loadState,
  type Module,
  maxPool2d,
  normalize,
  relu,
  sequential,
  sigmoid,
  silu,
  tanh,
} from '../../src/nn/index.ts'
import { expectClose, lcgTensor } from '../support/fixtures.ts'
import { numericGradient, setExact, valuesOf } from './exact.ts'

interface LayerCase {
  readonly name: string
  readonly make: () => Module
  readonly input: readonly number[]
  readonly output: readonly number[]
  /** Shapes by path, in order. */
  readonly parameters?: Readonly<Record<string, readonly number[]>>
  /** True when training computes something else than evaluation. */
  readonly differsInTraining?: true
  /** `u8` inputs have no gradient. */
  readonly dtype?: 'u8'
}

const cases: readonly LayerCase[] = [
  {
    name: 'conv2d',
    make: () => conv2d(2, 3, 3),
    input: [2, 2, 5, 4],
    output: [2, 3, 3, 2],
    parameters: { weight: [3, 2, 3, 3], bias: [3] },
  },
  {
    name: 'conv2d without bias, stride 2, padding 1',
    make: () => conv2d(2, 4, 3, { stride: 2, padding: 1, bias: false }),
    input: [1, 2, 5, 6],
    output: [1, 4, 3, 3],
    parameters: { weight: [4, 2, 3, 3] },
  },
  {
    name: 'conv2d with groups, dilation and a rectangular kernel',
    make: () =>
      conv2d(4, 6, [1, 3], { groups: 2, dilation: [1, 2], padding: { top: 1, bottom: 0, left: 2, right: 1 } }),
    input: [1, 4, 3, 4],
    output: [1, 6, 4, 3],
    parameters: { weight: [6, 2, 1, 3], bias: [6] },
  },
  {
    name: 'linear',
    make: () => linear(5, 3),
    input: [4, 5],
    output: [4, 3],
    parameters: { weight: [3, 5], bias: [3] },
  },
  {
    name: 'linear without bias',
    make: () => linear(5, 3, { bias: false }),
    input: [4, 5],
    output: [4, 3],
    parameters: { weight: [3, 5] },
  },
  { name: 'maxPool2d', make: () => maxPool2d(2), input: [2, 2, 5, 4], output: [2, 2, 2, 2] },
  {
    name: 'maxPool2d, overlapping and padded',
    make: () => maxPool2d(3, { stride: 2, padding: 1 }),
    input: [1, 2, 5, 6],
    output: [1, 2, 3, 3],
  },
  { name: 'averagePool2d', make: () => averagePool2d(2), input: [2, 2, 4, 5], output: [2, 2, 2, 2] },
  {
    name: 'averagePool2d, padding not counted',
    make: () => averagePool2d(3, { stride: 2, padding: 1, countPadding: false }),
    input: [1, 1, 5, 5],
    output: [1, 1, 3, 3],
  },
  { name: 'flatten', make: () => flatten(), input: [2, 3, 2, 2], output: [2, 12] },
  { name: 'relu', make: () => relu(), input: [3, 4], output: [3, 4] },
  { name: 'leakyRelu', make: () => leakyRelu(0.1), input: [3, 4], output: [3, 4] },
  { name: 'elu', make: () => elu(0.7), input: [3, 4], output: [3, 4] },
  { name: 'silu', make: () => silu(), input: [3, 4], output: [3, 4] },
  { name: 'tanh', make: () => tanh(), input: [3, 4], output: [3, 4] },
  { name: 'sigmoid', make: () => sigmoid(), input: [3, 4], output: [3, 4] },
  { name: 'dropout', make: () => dropout(0.4), input: [6, 8], output: [6, 8], differsInTraining: true },
  {
    name: 'normalize, one channel',
    make: () => normalize({ mean: [0.1307], std: [0.3081] }),
    input: [2, 3, 4, 1],
    output: [2, 1, 3, 4],
    dtype: 'u8',
  },
  {
    name: 'normalize, three channels',
    make: () => normalize({ mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] }),
    input: [2, 3, 4, 3],
    output: [2, 3, 3, 4],
    dtype: 'u8',
  },
  {
    name: 'sequential',
    make: () => sequential(conv2d(1, 2, 3), tanh(), maxPool2d(2), flatten(), linear(8, 3)),
    input: [2, 1, 6, 6],
    output: [2, 3],
    parameters: { '0.weight': [2, 1, 3, 3], '0.bias': [2], '4.weight': [3, 8], '4.bias': [3] },
  },
  {
    name: 'sequential with names, nested',
    make: () =>
      sequential({
        features: sequential({ conv: conv2d(1, 2, 2), act: sigmoid() }),
        head: sequential(flatten(), linear(8, 2)),
      }),
    input: [1, 1, 3, 3],
    output: [1, 2],
    parameters: {
      'features.conv.weight': [2, 1, 2, 2],
      'features.conv.bias': [2],
      'head.1.weight': [2, 8],
      'head.1.bias': [2],
    },
  },
]

const training = (seed = 3, step = 1): ForwardContext => ({
  training: true,
  key: constantTensor([seed, step], [2], 'i32'),
  updates: new Map(),
})

/** Numbers without ties, away from the kinks at 0. */
function inputValues({ input: shape, dtype }: LayerCase): Float64Array {
  const values = lcgTensor(shape, 7, 4)
  return dtype === 'u8' ? values.map(v => Math.floor((v + 2) * 64)) : values.map(v => v + Math.sign(v) * 0.01)
}

describe.each(cases)('$name', layer => {
  const { make, input: inputShape, output, parameters = {}, differsInTraining = false, dtype = 'f32' } = layer
  const x = input('x', inputShape, { dtype })
  const values = inputValues(layer)

  test('shape rule', () => {
    const model = make().initialize(1)
    for (const context of [inference(), training()]) {
      const y = model.forward(x, context)
      expect(y.shape).toEqual(output)
      expect(y.dtype).toBe('f32')
      expect(valuesOf(y, { x: values })).toHaveLength(sizeOf(output))
    }
  })

  test('parameters: names, shapes and count', () => {
    const model = make().initialize(1)
    expect([...model.parameters()].map(([path, { shape }]) => [path, shape])).toEqual(Object.entries(parameters))
    for (const [path, variable] of model.variables()) expect(variable.name).toBe(path)
  })

  test('training and evaluation', () => {
    const model = make().initialize(1)
    const evaluated = valuesOf(model.forward(x, inference()), { x: values })
    const trained = valuesOf(model.forward(x, training()), { x: values })
    if (differsInTraining) expect(trained).not.toEqual(evaluated)
    else expect(trained).toEqual(evaluated)
    expect(valuesOf(model.forward(x, training()), { x: values })).toEqual(trained)
  })

  test('initial weights depend on the seed alone', () => {
    const weights = (seed: number): unknown => [...make().initialize(seed).state().values()]
    expect(weights(5)).toEqual(weights(5))
    if (Object.keys(parameters).length > 0) expect(weights(5)).not.toEqual(weights(6))
  })

  test('a saved state gives the same outputs when loaded into a new model', () => {
    const model = make().initialize(1)
    const state = structuredClone(model.state())
    const other = make().initialize(2)
    expect(loadState(other, state)).toEqual({ missing: [], unexpected: [] })
    expect(valuesOf(other.forward(x, inference()), { x: values })).toEqual(
      valuesOf(model.forward(x, inference()), { x: values }),
    )
  })

  test('gradients agree with centered differences', () => {
    const model = make().initialize(1)
    const upstream = lcgTensor(output, 11, 2)
    const loss = sum(mul(model.forward(x, training()), constantTensor(upstream, output)))
    const targets = [...model.parameters().values()]
    const exact = targets.map(target => Float64Array.from(target.value))
    targets.forEach((target, i) => {
      setExact(target, exact[i])
    })
    const given = values.slice()
    const f = (): number => valuesOf(loss, { x: given })[0]
    const [...analytic] = gradients(loss, [...targets.map(target => target.tensor), ...(dtype === 'f32' ? [x] : [])])
    const checked = [...exact, ...(dtype === 'f32' ? [given] : [])]
    checked.forEach((numbers, i) => {
      const expected = numericGradient(f, numbers)
      const name = targets[i]?.name ?? 'x'
      expectClose(valuesOf(analytic[i], { x: given }), expected, { relative: 1e-7, absolute: 1e-8 }, name)
      expect(
        expected.some(value => value !== 0),
        `${name} has some effect`,
      ).toBe(true)
    })
  })
})
