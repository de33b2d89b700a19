/** Which name was meant by one that does not exist. */
import { expect, test } from 'vitest'
import { didYouMean, editDistance, nearestName, unknownName } from '../../src/text/names.ts'

test.each([
  ['minst', ['cifar10', 'mnist'], 'mnist'],
  ['batch-size', ['batchSize'], 'batchSize'],
  // A beginning is nearer than another name of the same length.
  ['resnet20', ['resnet50', 'resnet20-cifar', 'resnet20-cifar-b'], 'resnet20-cifar'],
  ['vgg', ['vgg11-bn', 'vgg11'], 'vgg11'],
  ['resnet', ['resnet50', 'resnet'], 'resnet'],
  // Two letters begin too much.
  ['le', ['learningRate'], undefined],
  ['transformer', ['lenet5', 'vgg11'], undefined],
  ['x', [], undefined],
])('%s among %j: %s', (name, names, nearest) => {
  expect(nearestName(name, names)).toBe(nearest)
})

test('messages', () => {
  expect(unknownName('data set', 'minst', ['mnist', 'cifar10'])).toBe(
    "unknown data set 'minst' (did you mean 'mnist'?); available: mnist, cifar10",
  )
  expect(didYouMean('transformer', ['lenet5'])).toBe('')
})

test('Levenshtein distance', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3)
  expect(editDistance('', 'abc')).toBe(3)
})
