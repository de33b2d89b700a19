/**
 * Two steps of training of every network of the catalog, at full input size, against PyTorch: the losses, and every
 * parameter and running statistic after SGD with momentum and weight decay, on the WebAssembly backend, without dropout.
 *
 * The smaller networks run always, the others when FOVEA_FULL=1; `scripts/trainingTable.ts` prints how near all of them are.
 */
import { describe, expect, test } from 'vitest'
import { type ModelName, models } from '../../src/models/index.ts'
import { full } from '../support/full.ts'
import { boundsOf, loadStepsCases, takeSteps } from './trainingSteps.ts'

const cases = loadStepsCases()

/** One of each kind, of those that take a second or two. */
const quick: readonly ModelName[] = [
  ...(['lenet5', 'lenet5-1998', 'alexnet', 'squeezenet1-1', 'resnet18'] as const),
  ...(['resnet20-cifar', 'resnet20-cifar-b', 'plain20-cifar', 'plain56-cifar'] as const),
]

/** Of those: without Winograd's algorithm only with FOVEA_FULL=1. */
const slow: readonly ModelName[] = ['alexnet', 'resnet18', 'plain56-cifar']

test('every model of the catalog is compared, at the size of its images', () => {
  const sizes = Object.fromEntries(cases.map(({ model, input }) => [model, input.shape.slice(1)]))
  expect(sizes).toEqual(Object.fromEntries(Object.entries(models).map(([name, entry]) => [name, entry.inputShape])))
})

test('no bound hides a step without momentum, or a network whose float32 is noise', () => {
  for (const fixture of cases) {
    const { loss, worst, median } = boundsOf(fixture, true)
    expect(loss, fixture.model).toBeLessThan(1e-3)
    expect(worst, fixture.model).toBeLessThan(0.15)
    expect(median, fixture.model).toBeLessThan(0.05)
  }
})

describe.each(cases)('$model', fixture => {
  const runs = full || quick.includes(fixture.model as ModelName)
  const ways = [
    ['with', { winograd: true }],
    ...(full || !slow.includes(fixture.model as ModelName) ? [['without', { winograd: false }] as const] : []),
  ] as const
  test.skipIf(!runs).each(ways)("%s Winograd's algorithm", { timeout: 600_000 }, async (_, options) => {
    const { errors, bounds, worst } = await takeSteps(fixture, options)
    expect(errors.loss, 'relative error of a loss').toBeLessThanOrEqual(bounds.loss)
    expect(errors.median, 'median error of a change').toBeLessThanOrEqual(bounds.median)
    expect(errors.worst, `error of the change of ${worst}`).toBeLessThanOrEqual(bounds.worst)
  })
})
