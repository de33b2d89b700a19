/** LeNet-5: the published counts, and PyTorch's loss, logits, gradients and three SGD steps. */
import { describe, expect, test } from 'vitest'
import { totalCost } from '../../src/graph/cost.ts'
import { evaluateReference } from '../../src/graph/evaluate.ts'
import { gradients } from '../../src/graph/gradient.ts'
import { input } from '../../src/graph/sources.ts'
import type { Matrix, Tensor } from '../../src/graph/tensor.ts'
import { lenet5 } from '../../src/models/index.ts'
import { crossEntropy, inference } from '../../src/nn/index.ts'
import { sgd } from '../../src/optim/index.ts'
import { applyUpdates, setExact } from '../nn/exact.ts'
import { expectClose, lcgTensor, loadLenetFixture, type TensorSummary } from '../support/fixtures.ts'

const count = (model: ReturnType<typeof lenet5>): number =>
  [...model.parameters().values()].reduce((sum, { value }) => sum + value.length, 0)

describe('facts', () => {
  test('61,706 parameters under PyTorch names', () => {
    const model = lenet5()
    expect(count(model)).toBe(61_706)
    expect([...model.parameters()].map(([path, { shape }]) => `${path} ${shape.join('×')}`)).toEqual([
      'conv1.weight 6×1×5×5',
      'conv1.bias 6',
      'conv2.weight 16×6×5×5',
      'conv2.bias 16',
      'fc1.weight 120×400',
      'fc1.bias 120',
      'fc2.weight 84×120',
      'fc2.bias 84',
      'fc3.weight 10×84',
      'fc3.bias 10',
    ])
  })

  test('416,520 multiply-adds an image', () => {
    const logits = lenet5().forward(input('x', [1, 1, 28, 28]), inference())
    expect(logits.shape).toEqual([1, 10])
    expect(totalCost([logits]).multiplyAdds).toBe(416_520)
  })

  test('other images and class counts', () => {
    const model = lenet5({ classes: 3, channels: 3, size: 32 })
    expect(model.forward(input('x', [2, 3, 32, 32]), inference()).shape).toEqual([2, 3])
    expect(lenet5({ size: 12 }).forward(input('x', [1, 1, 12, 12]), inference()).shape).toEqual([1, 10])
    expect(() => lenet5({ size: 11 })).toThrow('lenet5: size (=11) must be a whole number ≥ 12')
  })

  test('wrong images are refused by the layer that sees them', () => {
    const model = lenet5()
    expect(() => model.forward(input('x', [8, 3, 28, 28]), inference())).toThrow(
      'conv1: expected 1 input channels, got 3 (input [8, 3, 28, 28])',
    )
    expect(() => model.forward(input('x', [8, 1, 32, 32]), inference())).toThrow(
      'fc1: expected 400 input features, got 576 (input [8, 576])',
    )
  })
})

describe('PyTorch, in float64', () => {
  const fixture = loadLenetFixture()
  const tolerance = { relative: 1e-7, absolute: 1e-10 }
  const { parameters: specs } = fixture
  const model = lenet5()
  for (const [path, parameter] of model.parameters()) {
    const { shape, seed, scale } = specs[path]
    setExact(parameter, lcgTensor(shape, seed, scale))
  }
  const x = input('x', [8, 1, 28, 28], { batched: true })
  const targets = input('targets', [8], { dtype: 'i32', batched: true })
  const values = {
    x: lcgTensor(fixture.input.shape, fixture.input.seed, fixture.input.scale),
    targets: fixture.labels,
    lr: fixture.optimizer.learningRate,
  }
  const logits = model.forward(x, { training: true, updates: new Map() }) as Matrix
  const loss = crossEntropy().forward(logits, targets)
  const parameters = model.parameters()
  const slopes = gradients(
    loss,
    [...parameters.values()].map(({ tensor }) => tensor),
  )
  const byPath = new Map<string, Tensor>([...parameters.keys()].map((path, i) => [path, slopes[i]]))

  const expectSummary = (data: ArrayLike<number>, expected: TensorSummary, label: string): void => {
    const sum = Array.from(data).reduce((total, value) => total + value, 0)
    const norm = Math.sqrt(Array.from(data).reduce((total, value) => total + value * value, 0))
    expectClose([sum, norm], [expected.sum, expected.norm], tolerance, `${label}: sum and norm`)
    expectClose(
      expected.indices.map(i => data[i]),
      expected.values,
      tolerance,
      label,
    )
  }

  test('the parameters are those of the fixture', () => {
    expect([...parameters].map(([path, { shape }]) => [path, shape])).toEqual(
      Object.entries(specs).map(([path, { shape }]) => [path, shape]),
    )
    for (const [path, { value }] of parameters) expectSummary(value, fixture.initial[path], path)
  })

  test('loss, logits and gradients', () => {
    const [lossValue, logitValues, ...found] = evaluateReference([loss, logits, ...slopes], values)
    expectClose(lossValue.values, [fixture.losses[0]], tolerance, 'loss')
    expectClose(logitValues.values, fixture.logits, tolerance, 'logits')
    for (const [i, path] of [...parameters.keys()].entries()) {
      expectSummary(found[i].values, fixture.gradients[path], `gradient of ${path}`)
    }
  })

  test('three steps of SGD with momentum', () => {
    const optimizer = sgd({ lr: fixture.optimizer.learningRate, momentum: fixture.optimizer.momentum })
    const updates = optimizer.update(parameters, byPath, input('lr', []))
    for (const step of [1, 2, 3]) {
      applyUpdates(updates, values)
      const [{ values: data }] = evaluateReference([loss], values)
      expectClose(data, [fixture.losses[step]], tolerance, `loss after step ${step}`)
      if (step === 2) continue
      const after = fixture.after[step === 1 ? '1' : '3']
      for (const [path, { value }] of parameters) {
        expectSummary(value, after.parameters[path], `${path} after step ${step}`)
      }
    }
  })
})
