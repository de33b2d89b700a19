/** Loading weights by path: what fits is copied, what does not is listed, and nothing is half done. */
import { expect, test } from 'vitest'
import { conv2d, linear, loadState, StateError, sequential } from '../../src/nn/index.ts'

const model = () => sequential({ conv1: conv2d(1, 2, 3), fc1: linear(4, 3) }).initialize(1)

test('copies values, so that later changes of the source do not matter', () => {
  const target = model()
  const state = structuredClone(
    sequential({ conv1: conv2d(1, 2, 3), fc1: linear(4, 3) })
      .initialize(2)
      .state(),
  )
  loadState(target, state)
  const loaded = structuredClone(target.state())
  expect(loaded).toEqual(state)
  state.get('fc1.bias')?.values.fill(9)
  expect(target.state()).toEqual(loaded)
})

test('lists everything that does not fit in one error and leaves the model alone', () => {
  const target = model()
  const before = structuredClone(target.state())
  const state = new Map([
    ['conv1.weight', { shape: [2, 1, 3, 3], values: new Float32Array(18) }],
    ['conv1.bias', { shape: [3], values: new Float32Array(3) }],
    ['fc1.weight', { shape: [3, 4], values: new Float32Array(11) }],
    ['fc2.bias', { shape: [3], values: new Float32Array(3) }],
  ])
  let message = ''
  try {
    loadState(target, state)
  } catch (error) {
    expect(error).toBeInstanceOf(StateError)
    message = (error as Error).message
  }
  expect(message).toMatchInlineSnapshot(`
    "the state does not fit the model
      missing (1):
        fc1.bias
      unexpected (1):
        fc2.bias
      wrong shape (2):
        conv1.bias: the model has [2], the state [3]
        fc1.weight: 11 values for shape [3, 4]"
  `)
  expect(target.state()).toEqual(before)
})

test('without strict, takes what fits and reports the rest, but still refuses wrong shapes', () => {
  const target = model()
  const bias = { shape: [3], values: [1, 2, 3] }
  const report = loadState(
    target,
    new Map([
      ['fc1.bias', bias],
      ['head.bias', bias],
    ]),
    { strict: false },
  )
  expect(report).toEqual({
    missing: ['conv1.weight', 'conv1.bias', 'fc1.weight'],
    unexpected: ['head.bias'],
    misshaped: [],
  })
  expect([...(target.layers.fc1.bias?.value ?? [])]).toEqual([1, 2, 3])
  expect(() => loadState(target, new Map([['conv1.bias', bias]]), { strict: false })).toThrow(
    'conv1.bias: the model has [2], the state [3]',
  )
})

test('long lists are cut', () => {
  const many = new Map(Array.from({ length: 30 }, (_, i) => [`x${i}`, { shape: [1], values: [0] }]))
  expect(() => loadState(model(), many)).toThrow('… and 10 more')
})
