/** Parameter groups: patterns, rates, decay, and frozen parameters, which cost nothing. */
import { describe, expect, test } from 'vitest'
import { wasmTarget } from '../../src/backends/wasm/target.ts'
import { lenet5 } from '../../src/models/lenet.ts'
import { ImageClassifier } from '../../src/nn/imageClassifier.ts'
import { crossEntropy, Parameter, zeros } from '../../src/nn/index.ts'
import { normalize } from '../../src/nn/normalize.ts'
import { adamW, chain, clipByGlobalNorm, matchesPath, type ParameterGroup, sgd } from '../../src/optim/index.ts'
import { makePlan } from '../../src/plan/plan.ts'
import { trainingProgram } from '../../src/train/programs.ts'
import { takeSteps } from '../support/optimFixtures.ts'

describe('patterns', () => {
  test.each([
    ['features', 'features.0.weight', true],
    ['features', 'features2.0.weight', false],
    ['features.0', 'features.0.weight', true],
    ['features.0', 'features.01.weight', false],
    ['layer1.*.conv1', 'layer1.0.conv1.weight', true],
    ['layer1.*.conv1', 'layer1.0.downsample.conv1.weight', false],
    ['layer1.**.weight', 'layer1.weight', true],
    ['layer1.**.weight', 'layer1.0.downsample.0.weight', true],
    ['layer1.**.weight', 'layer1.0.bias', false],
    ['**.bias', 'bias', true],
    ['**.bias', 'a.b.bias', true],
    ['*.bias', 'a.b.bias', false],
    ['**', 'anything.at.all', true],
    ['layer?.**.bn*', 'layer4.1.bn2.weight', true],
    ['layer?', 'layer10.weight', false],
    ['a+b', 'a+b.weight', true],
    ['a.b', 'axb', false],
    [/^fc\./, 'fc.weight', true],
    [/fc/g, 'head.fc.weight', true],
    [['head', /bias$/], 'conv1.bias', true],
    [['head', /bias$/], 'conv1.weight', false],
  ] as const)('%s and %s: %s', (pattern, path, expected) => {
    // Twice, since expressions with the flag g remember.
    expect([matchesPath(pattern, path), matchesPath(pattern, path)]).toEqual([expected, expected])
  })
})

test('a group has its own rate and decay: as an optimizer of its own would', async () => {
  const groups: ParameterGroup[] = [
    { match: '**', lrFactor: 0.5 },
    { match: 'bias', weightDecay: 0.25, lrFactor: 0.1 },
  ]
  const rows = await takeSteps(sgd({ lr: 0.1, momentum: 0.9, weightDecay: 0.5, groups }))
  const weight = await takeSteps(sgd({ lr: 0.05, momentum: 0.9, weightDecay: 0.5 }))
  const bias = await takeSteps(sgd({ lr: 0.1 * 0.1, momentum: 0.9, weightDecay: 0.25 }))
  expect(rows.weight).toEqual(weight.weight)
  expect(rows.bias!.every((value, k) => Math.abs(value - bias.bias![k]!) < 1e-14)).toBe(true)
})

test("decay: 'weights' leaves biases and norms alone; a group may say otherwise", async () => {
  const decayed = await takeSteps(adamW({ lr: 0.1, weightDecay: 0.5 }))
  const plain = await takeSteps(adamW({ lr: 0.1, weightDecay: 0 }))
  const rows = await takeSteps(adamW({ lr: 0.1, weightDecay: 0.5, decay: 'weights' }))
  expect(rows.weight).toEqual(decayed.weight)
  expect(rows.bias).toEqual(plain.bias)
  expect(rows.bias).not.toEqual(decayed.bias)
  const groups: ParameterGroup[] = [{ match: 'bias', weightDecay: 0.5 }]
  expect(await takeSteps(adamW({ lr: 0.1, weightDecay: 0.5, decay: 'weights', groups }))).toEqual(decayed)
})

describe('frozen parameters', () => {
  const frozen = (match: string | RegExp) => sgd({ lr: 0.1, momentum: 0.9, groups: [{ match, frozen: true }] })

  test('stay as they are and have no state', async () => {
    const optimizer = frozen('weight')
    const rows = await takeSteps(optimizer)
    expect(rows.weight!.slice(-6)).toEqual(rows.weight!.slice(0, 6))
    expect(rows.bias).toEqual((await takeSteps(sgd({ lr: 0.1, momentum: 0.9 }))).bias)
    expect([...optimizer.state().keys()]).toEqual(['momentum.bias'])
  })

  test('need no gradient, even when they are given', () => {
    const parameters = new Map(['a', 'b'].map(path => [path, new Parameter([2], zeros())]))
    const b = parameters.get('b')!
    const optimizer = chain(clipByGlobalNorm(1), frozen('a'))
    const updates = optimizer.update(parameters, new Map([['b', b.tensor]]), b.tensor as never)
    expect(updates.has(b)).toBe(true)
    expect(updates.has(parameters.get('a')!)).toBe(false)
  })

  test('cost nothing: a training step without the gradients of what is frozen', () => {
    const scale = { mean: [0.5], std: [0.5] }
    const steps = (match?: string) => {
      const model = new ImageClassifier(normalize(scale), lenet5()).initialize(0)
      const optimizer = match ? frozen(match) : sgd({ lr: 0.1, momentum: 0.9 })
      const program = trainingProgram(model, [28, 28, 1], 16, crossEntropy(), optimizer)
      const { groups, updates } = { ...makePlan(program, wasmTarget()), updates: program.updates }
      const ops = groups.flatMap(group => group.steps.map(({ op }) => op))
      const count = (op: string) => ops.filter(other => other === op).length
      return { toWeights: count('conv2dWeightGradient'), toInputs: count('conv2dInputGradient'), updates: updates.size }
    }
    // The first convolution's input needs no gradient.
    expect(steps()).toEqual({ toWeights: 2, toInputs: 1, updates: 20 })
    expect(steps('conv1')).toEqual({ toWeights: 1, toInputs: 0, updates: 16 })
    expect(steps('conv*')).toEqual({ toWeights: 0, toInputs: 0, updates: 12 })
  })
})

describe('mistakes', () => {
  const parameters = new Map(['conv1.weight', 'conv1.bias'].map(path => [path, new Parameter([2, 2], zeros())]))
  const grouped = (...groups: ParameterGroup[]) => sgd({ lr: 0.1, groups })

  test('a pattern that fits nothing', () => {
    const optimizer = chain(clipByGlobalNorm(1), grouped({ match: ['conv2', /^fc/], frozen: true }))
    expect(() => optimizer.trained(parameters)).toThrow(
      "sgd: the group 'conv2' or /^fc/ matches none of the parameters (conv1.weight, conv1.bias, …)",
    )
  })

  test('nothing left to train', () => {
    expect(() => grouped({ match: '**', frozen: true }).trained(parameters)).toThrow('sgd: every parameter is frozen')
  })

  test('factors and decays that are none', () => {
    expect(() => grouped({ match: 'a', lrFactor: -1 })).toThrow('sgd: groups[0].lrFactor (=-1) must be a number ≥ 0')
    expect(() => grouped({ match: 'a' }, { match: 'b', weightDecay: Number.NaN })).toThrow(
      'sgd: groups[1].weightDecay (=NaN)',
    )
    expect(() => sgd({ lr: 1, decay: 'none' as never })).toThrow("sgd: decay (=none) must be 'all' or 'weights'")
  })
})
