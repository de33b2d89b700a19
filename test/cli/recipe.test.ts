import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandOf, parseRecipe, refuseConflicts, resolveRecipe, shellWord } from '../../src/cli/recipe.ts'
import { models } from '../../src/models/index.ts'

describe('resolveRecipe', () => {
  it('fills in every field', () => {
    const recipe = resolveRecipe({})
    expect(recipe).toMatchObject({ model: 'lenet5', data: 'mnist', optimizer: 'sgd', test: true, backend: 'wasm' })
    expect(parseRecipe(JSON.parse(JSON.stringify(recipe)), 'recipe.json')).toEqual(recipe)
  })

  it('holds back the same share of fewer images, unless told otherwise', () => {
    const { validation } = resolveRecipe({})
    expect(resolveRecipe({ limit: 6000 }).validation).toBe(Math.round(validation / 10))
    expect(resolveRecipe({ limit: 6000, validation: 1 }).validation).toBe(1)
    expect(resolveRecipe({ limit: 60_000 }).validation).toBe(validation)
  })

  it('makes the data folder absolute, so that a run can be resumed from anywhere', () => {
    expect(resolveRecipe({ dataDir: 'data' }).dataDir).toBe(resolve('data'))
  })
})

describe('parseRecipe', () => {
  const recipe = resolveRecipe({})
  it.each([
    [{ ...recipe, epochs: 1.5 }, 'r.json: epochs (=1.5) must be a whole number of at least 1'],
    [{ ...recipe, epochs: '5' }, 'r.json: epochs (="5") must be a whole number of at least 1'],
    [{ ...recipe, optimizer: 'adam' }, `r.json: optimizer (="adam") must be 'sgd'`],
    [{ ...recipe, precise: 'no' }, 'r.json: precise (="no") must be true or false'],
    [
      { ...recipe, model: 'transformer' },
      `r.json: There is no model 'transformer'. Models: ${Object.keys(models).join(', ')}.`,
    ],
    [
      { ...recipe, data: 'cifar' },
      "r.json: unknown data set 'cifar' (did you mean 'cifar10'?); there are: mnist, cifar10, cifar100, fashion-mnist",
    ],
    [{ ...recipe, extra: 1 }, "r.json: unknown field 'extra'"],
    [{ ...recipe, normalize: { mean: [0.1], std: [0] } }, 'r.json: normalize.std.0 (=0) must be a number above 0'],
    [undefined, 'r.json: the recipe must be an object'],
    [[], 'r.json: the recipe must be an object'],
  ])('%#: names the field, its value and the rule', (value, message) => {
    expect(() => parseRecipe(value, 'r.json')).toThrow(new Error(message))
  })
})

describe('refuseConflicts', () => {
  const recipe = resolveRecipe({ epochs: 3, dataDir: 'data' })
  it('lets pass what says the same', () => {
    expect(() => refuseConflicts({ epochs: 3, dataDir: 'data', model: 'lenet5' }, recipe)).not.toThrow()
  })
  it.each([
    [
      { batchSize: 7 },
      `--batch-size 7 conflicts with --resume: a resumed run takes everything from its recipe, which has batchSize ${recipe.batchSize}`,
    ],
    [{ dataDir: 'other' }, '--data-dir other conflicts'],
    [{ seed: 9 }, '--seed 9 conflicts'],
  ])('%j', (options, message) => {
    expect(() => refuseConflicts(options, recipe)).toThrow(message)
  })
})

it('commandOf spells out what repeats the run, quoted for a shell', () => {
  const recipe = resolveRecipe({ dataDir: "/tmp/it's here", limit: 500, precise: true, test: false, lr: 0.1 })
  const command = commandOf(recipe)
  expect(command).toMatch(
    /^fovea train lenet5 --data mnist --data-dir '\/tmp\/it'\\''s here' --limit 500 --validation 42 /,
  )
  expect(command).toMatch(/ --lr 0\.1 .* --precise --no-test$/)
  expect(shellWord('runs/lenet5-2')).toBe('runs/lenet5-2')
})
