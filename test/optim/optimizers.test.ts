/** Update rules against PyTorch, in float64, and what optimizers keep and refuse. */
import { describe, expect, test } from 'vitest'
import { mul } from '../../src/graph/ops/elementwise.ts'
import { constantTensor, input } from '../../src/graph/sources.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { Parameter, zeros } from '../../src/nn/index.ts'
import { adam, adamW, type Optimizer, sgd } from '../../src/optim/index.ts'
import { applyUpdates, setExact } from '../nn/exact.ts'
import { expectClose, type FixtureCase, loadFixture } from '../support/fixtures.ts'

const lr = input('lr', [])

/** w after each step on f(w) = Σ curvature · w² / 2. */
function run(optimizer: Optimizer, start: Float64Array, curvature: Float64Array, rates: readonly number[]): number[] {
  const parameter = new Parameter([start.length], zeros())
  setExact(parameter, start)
  const gradient = mul(parameter.tensor, constantTensor(curvature, [curvature.length]))
  const updates = optimizer.update(new Map([['w', parameter]]), new Map([['w', gradient]]), lr)
  return rates.flatMap(rate => {
    applyUpdates(updates, { lr: rate })
    return [...parameter.value]
  })
}

function optimizerOf(fixture: FixtureCase<'optim'>): Optimizer {
  if (fixture.op === 'sgd') return sgd({ lr: 0.1, ...fixture.attrs })
  return fixture.op === 'adam' ? adam(fixture.attrs) : adamW(fixture.attrs)
}

describe('PyTorch', () => {
  const fixtures = loadFixture('optim')
  test('has cases of every optimizer here', () => {
    expect(new Set(fixtures.map(({ op }) => op))).toEqual(new Set(['sgd', 'adam', 'adamw']))
  })

  test.each(fixtures.map(fixture => [fixture.name, fixture] as const))('%s', (name, fixture) => {
    const { w, curvature } = fixture.inputs
    const got = run(optimizerOf(fixture), w.data, curvature.data, fixture.attrs.learningRates)
    expectClose(got, fixture.output, { relative: 1e-11, absolute: 1e-12 }, name)
  })

  test('dampening, with weight decay: the first velocity is the whole gradient', () => {
    // torch.optim.SGD(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.01), torch 2.13.0, float64.
    const optimizer = sgd({ lr: 0.1, momentum: 0.9, dampening: 0.3, weightDecay: 0.01 })
    const got = run(optimizer, Float64Array.of(1), Float64Array.of(1), [0.1, 0.1, 0.1, 0.1])
    expectClose(got, [0.899, 0.7445407, 0.55288830251, 0.34131194178154306], { relative: 1e-13 }, 'dampening')
  })
})

describe('known values: f(w) = w² / 2, w = 1, lr 0.1, three steps', () => {
  test.each([
    ['plain', sgd({ lr: 0.1 }), [0.9, 0.81, 0.729]],
    ['momentum', sgd({ lr: 0.1, momentum: 0.9 }), [0.9, 0.72, 0.486]],
    ['Nesterov', sgd({ lr: 0.1, momentum: 0.9, nesterov: true }), [0.81, 0.5751, 0.327321]],
    ['weight decay', sgd({ lr: 0.1, weightDecay: 0.01 }), [0.899, 0.808201, 0.726572699]],
    ['Adam', adam({ lr: 0.1 }), [0.900000001, 0.800412229712, 0.701586274504]],
    ['AdamW', adamW({ lr: 0.1 }), [0.899000001, 0.798519028189, 0.698911184716]],
  ])('%s', (name, optimizer, expected) => {
    const got = run(optimizer, Float64Array.of(1), Float64Array.of(1), [0.1, 0.1, 0.1])
    expectClose(got, expected, { absolute: 1e-11 }, name)
  })
})

describe('state', () => {
  const parameters = new Map([
    ['conv1.weight', new Parameter([2, 1, 3, 3], zeros())],
    ['fc1.bias', new Parameter([4], zeros())],
  ])
  const gradients = new Map<string, Tensor>([...parameters].map(([path, { tensor }]) => [path, mul(tensor, 2)]))

  test.each([
    ['sgd without momentum', sgd({ lr: 1 }), []],
    ['sgd', sgd({ lr: 1, momentum: 0.9 }), ['momentum.conv1.weight', 'momentum.fc1.bias']],
    [
      'adam',
      adam(),
      [
        'firstCorrection',
        'secondCorrection',
        'firstMoment.conv1.weight',
        'secondMoment.conv1.weight',
        'firstMoment.fc1.bias',
        'secondMoment.fc1.bias',
      ],
    ],
  ])('%s names its variables after the parameters', (_, optimizer, names) => {
    const updates = optimizer.update(parameters, gradients, lr)
    const state = optimizer.state()
    expect([...state.keys()]).toEqual(names)
    for (const [name, variable] of state) {
      expect(variable.name).toBe(name)
      expect(updates.get(variable)?.shape).toEqual(variable.shape)
    }
    for (const parameter of parameters.values()) expect(updates.get(parameter)?.shape).toEqual(parameter.shape)
    expect(updates.size).toBe(parameters.size + names.length)
  })

  test('a second trace shares the variables of the first', () => {
    const optimizer = sgd({ lr: 1, momentum: 0.9 })
    optimizer.update(parameters, gradients, lr)
    const first = [...optimizer.state().values()]
    optimizer.update(parameters, gradients, lr)
    expect([...optimizer.state().values()]).toEqual(first)
  })

  test('refuses a parameter without gradient, and another model', () => {
    const optimizer = sgd({ lr: 1, momentum: 0.9 })
    expect(() => optimizer.update(parameters, new Map(), lr)).toThrow(
      "sgd: the parameter 'conv1.weight' has no gradient",
    )
    optimizer.update(parameters, gradients, lr)
    const other = new Parameter([5], zeros())
    expect(() => optimizer.update(new Map([['fc1.bias', other]]), new Map([['fc1.bias', other.tensor]]), lr)).toThrow(
      "sgd: 'momentum.fc1.bias' has shape [4], the parameter now [5]",
    )
  })
})

test('options are checked', () => {
  expect(() => sgd({ lr: -1 })).toThrow('sgd: lr (=-1) must be a number ≥ 0')
  expect(() => sgd({ lr: Number.NaN })).toThrow('sgd: lr (=NaN)')
  expect(() => sgd({ lr: 1, momentum: 1 })).toThrow('sgd: momentum (=1) must be at least 0 and less than 1')
  expect(() => sgd({ lr: 1, nesterov: true })).toThrow('sgd: nesterov requires momentum > 0 and dampening = 0')
  expect(() => adam({ betas: [0.9, 1] })).toThrow('adam: betas[1] (=1)')
  expect(() => adamW({ weightDecay: -0.1 })).toThrow('adamW: weightDecay (=-0.1)')
})
