/** Every model in the catalog builds and does what its entry says; unknown names are answered helpfully. */
import { describe, expect, test } from 'vitest'
import { input } from '../../src/graph/sources.ts'
import { findModel, type ModelEntry, models } from '../../src/models/index.ts'
import { inference } from '../../src/nn/index.ts'

describe.each(Object.entries<ModelEntry>(models))('%s', (name, entry) => {
  test('takes its images to its classes', () => {
    const x = input('x', [2, ...entry.inputShape])
    expect(findModel(name).create().forward(x, inference()).shape).toEqual([2, entry.classes])
    expect(findModel(name).create({ classes: 7 }).forward(x, inference()).shape).toEqual([2, 7])
  })
})

test('an unknown name lists the models, and suggests the nearest when it looks like a slip', () => {
  const names = `available: ${Object.keys(models).join(', ')}`
  expect(() => findModel('LeNet-5')).toThrow(`unknown model 'LeNet-5' (did you mean 'lenet5'?); ${names}`)
  expect(() => findModel('lenet')).toThrow("(did you mean 'lenet5'?)")
  expect(() => findModel('vgg-16-bn')).toThrow("(did you mean 'vgg16-bn'?)")
  expect(() => findModel('transformer')).toThrow(`unknown model 'transformer'; ${names}`)
  expect(() => findModel('toString')).toThrow("unknown model 'toString'; ")
})
