import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandOf, refuseConflicts, resolveOptions, shellWord } from '../../src/cli/recipeOptions.ts'
import { models } from '../../src/models/index.ts'
import { parseStoredRecipe } from '../../src/recipe/files.node.ts'

/** An error of the recipe's with exactly this message. */
const refusal = (message: string) => expect.objectContaining({ name: 'RecipeError', message })

describe('resolveOptions', () => {
  it('fills in every field', () => {
    const recipe = resolveOptions({})
    expect(recipe).toMatchObject({
      model: { name: 'lenet5' },
      data: { name: 'mnist' },
      optimizer: { name: 'sgd' },
      test: true,
      backend: 'wasm',
    })
    expect(parseStoredRecipe(JSON.parse(JSON.stringify(recipe)), 'recipe.json')).toEqual(recipe)
  })

  it('holds back the same share of fewer images, unless told otherwise', () => {
    const { validation } = resolveOptions({}).data
    expect(resolveOptions({ limit: 6000 }).data.validation).toBe(Math.round(validation / 10))
    expect(resolveOptions({ limit: 6000, validation: 1 }).data.validation).toBe(1)
    expect(resolveOptions({ limit: 60_000 }).data.validation).toBe(validation)
  })

  it('makes the data folder absolute, so that a run can be resumed from anywhere', () => {
    expect(resolveOptions({ dataDir: 'data' }).data.directory).toBe(resolve('data'))
  })
})

describe('parseStoredRecipe', () => {
  const recipe = resolveOptions({})
  it.each([
    [{ ...recipe, epochs: 1.5 }, 'r.json: epochs (=1.5) must be a whole number of at least 1'],
    [{ ...recipe, epochs: '5' }, 'r.json: epochs (="5") must be a whole number of at least 1'],
    [
      { ...recipe, optimizer: { name: 'adan', lr: 1 } },
      'r.json: optimizer.name (="adan") must be one of sgd, classicMomentum, adagrad, adadelta, rmsprop, adam, adamW, adamax, nadam, radam, lars, lion',
    ],
    [{ ...recipe, optimizer: { name: 'sgd', lr: -1 } }, 'r.json: optimizer.lr (=-1) must be positive'],
    [{ ...recipe, optimizer: { name: 'sgd' } }, 'r.json: optimizer.lr is missing: it must be positive'],
    [{ ...recipe, optimizer: { name: 'sgd', lr: 1, betas: [0.9, 0.99] } }, "r.json: unknown field 'optimizer.betas'"],
    [
      { ...recipe, optimizer: { name: 'adam', lr: 1, groups: [{ match: 'fc', lrFactor: 'x' }] } },
      'r.json: optimizer.groups.0.lrFactor (="x") must be a number of at least 0',
    ],
    [{ ...recipe, gradients: [{ name: 'clipByValue' }] }, 'r.json: gradients.0.limit is missing: it must be positive'],
    [
      { ...recipe, schedule: { name: 'cosine', warmpu: 3 } },
      "r.json: unknown field 'schedule.warmpu' (did you mean 'warmup'?)",
    ],
    [
      { ...recipe, model: { name: 'vgg16', options: { dropout: 2 } } },
      'r.json: model.options.dropout (=2) must be at least 0 and less than 1',
    ],
    [
      { ...recipe, earlyStopping: { patience: 1 }, data: { ...recipe.data, validation: 0 } },
      'r.json: earlyStopping needs validation images: data.validation (=0) holds none back',
    ],
    [{ ...recipe, precise: 'no' }, 'r.json: precise (="no") must be true or false'],
    [
      { ...recipe, model: { name: 'transformer' } },
      `r.json: model.name (="transformer") must be one of ${Object.keys(models).join(', ')}`,
    ],
    [
      { ...recipe, data: { name: 'cifar', validation: 0 } },
      'r.json: data.name (="cifar") must be one of mnist, fashion-mnist, cifar10, cifar100, folder',
    ],
    [{ ...recipe, extra: 1 }, "r.json: unknown field 'extra'"],
    [
      { ...recipe, data: { ...recipe.data, augment: { transforms: [{ name: 'cutout', options: 8 }] } } },
      'r.json: data.augment.transforms.0.options (=8) must be an object of options',
    ],
    [
      { ...recipe, data: { ...recipe.data, normalize: { mean: [0.1], std: [0] } } },
      'r.json: data.normalize.std.0 (=0) must be a number above 0',
    ],
    [undefined, 'r.json: the recipe must be an object'],
    [[], 'r.json: the recipe must be an object'],
  ])('%#: names the field, its value and the rule', (value, message) => {
    expect(() => parseStoredRecipe(value, 'r.json')).toThrow(refusal(message))
  })
})

it('a transform may have no options', () => {
  const recipe = resolveOptions({})
  const data = { ...recipe.data, augment: { transforms: [{ name: 'horizontalFlip' }] } }
  expect(parseStoredRecipe({ ...recipe, data }, 'r.json').data.augment).toEqual({
    transforms: [{ name: 'horizontalFlip', options: {} }],
  })
})

describe('refuseConflicts', () => {
  const recipe = resolveOptions({ epochs: 3, dataDir: 'data' })
  it('lets pass what says the same', () => {
    expect(() => refuseConflicts({ epochs: 3, dataDir: 'data', model: 'lenet5' }, recipe)).not.toThrow()
  })
  it('lets pass another place of the images, which are checked by their fingerprint', () => {
    expect(() => refuseConflicts({ dataDir: 'other' }, recipe)).not.toThrow()
  })
  it.each([
    [
      { batchSize: 7 },
      `--batch-size 7 conflicts with --resume: a resumed run takes everything from its recipe, which has batchSize ${recipe.batchSize}`,
    ],
    [{ seed: 9 }, '--seed 9 conflicts'],
  ])('%j', (options, message) => {
    expect(() => refuseConflicts(options, recipe)).toThrow(message)
  })
})

it('commandOf spells out what repeats the run, quoted for a shell', () => {
  const recipe = resolveOptions({ dataDir: "it's here", limit: 500, precise: true, test: false, lr: 0.1 })
  const command = commandOf(recipe)
  expect(command).toMatch(/^fovea train lenet5 --data mnist --data-dir 'it'\\''s here' --limit 500 --validation 42 /)
  expect(command).toMatch(/ --lr 0\.1 .* --precise --no-test$/)
  expect(shellWord('runs/lenet5-2')).toBe('runs/lenet5-2')
})

it('a part that --set names keeps what options say of it, and --set has the last word', () => {
  expect(resolveOptions({ lr: 0.002 }, ['optimizer.name=adam']).optimizer).toMatchObject({ name: 'adam', lr: 0.002 })
  expect(resolveOptions({ lr: 0.002 }, ['optimizer.name=adam', 'optimizer.lr=0.003']).optimizer).toMatchObject({
    name: 'adam',
    lr: 0.003,
  })
})

it('commandOf names the file where options cannot say what a recipe says', () => {
  expect(commandOf(resolveOptions({}, ['average={"name":"ema"}']))).toBe('fovea train recipe.json')
  expect(commandOf(resolveOptions({}, ['optimizer.name=adam']))).toBe('fovea train recipe.json')
})

it('a recipe of the first version is read in its new form', () => {
  const old = {
    fovea: '0.1.0',
    model: 'lenet5',
    data: 'mnist',
    limit: 600,
    validation: 50,
    normalize: { mean: [0.1307], std: [0.3081] },
    epochs: 5,
    batchSize: 64,
    optimizer: 'sgd',
    lr: 0.05,
    momentum: 0.9,
    weightDecay: 5e-4,
    schedule: 'step',
    seed: 0,
    test: true,
    backend: 'wasm',
    precise: false,
  }
  const recipe = parseStoredRecipe(old, 'recipe.json')
  expect(recipe).toEqual({ ...resolveOptions({ limit: 600, schedule: 'multiStep' }), fovea: '0.1.0' })
  expect(recipe.schedule).toEqual({ name: 'multiStep' })
})

describe('--set', () => {
  const set = (...sets: string[]) => resolveOptions({}, sets)
  it('reaches every field, with types checked', () => {
    expect(set('optimizer.lr=0.2', 'epochs=2').optimizer).toMatchObject({ name: 'sgd', lr: 0.2, momentum: 0.9 })
    expect(set('optimizer.groups=[{"match":"fc*","frozen":true}]').optimizer).toMatchObject({
      groups: [{ match: 'fc*', frozen: true }],
    })
    expect(set('optimizer.groups.0.match=conv1', 'optimizer.groups.0.lrFactor=0.1').optimizer).toMatchObject({
      groups: [{ match: 'conv1', lrFactor: 0.1 }],
    })
    expect(set('schedule=cosine').schedule).toEqual({ name: 'cosine' })
    expect(set('data.validation=0.1').data.validation).toBe(0.1)
    expect(set('optimizer.momentum=null').optimizer).not.toHaveProperty('momentum')
  })
  it('of a name drops what was said of the old one, whatever the order', () => {
    for (const sets of [
      ['optimizer.name=adam', 'optimizer.lr=0.02'],
      ['optimizer.lr=0.02', 'optimizer.name=adam'],
    ]) {
      expect(set(...sets).optimizer).toEqual({ name: 'adam', lr: 0.02 })
    }
    expect(set('optimizer.name=adam').optimizer).toEqual({ name: 'adam', lr: 1e-3 })
  })
  it('overrides the file and its options', () => {
    const file = { optimizer: { name: 'adam', lr: 0.1 }, epochs: 7 }
    const recipe = resolveOptions({ lr: 0.2, epochs: 8 }, ['optimizer.lr=0.3'], file)
    expect(recipe).toMatchObject({ optimizer: { name: 'adam', lr: 0.3 }, epochs: 8 })
  })
  it.each([
    ['epochs=many', 'epochs (="many") must be a whole number of at least 1'],
    ['optimizer.lr=-1', 'optimizer.lr (=-1) must be positive'],
    ['optimizr.lr=1', "unknown field 'optimizr' (did you mean 'optimizer'?)"],
    ['epochs', '--set epochs: expected a field and its value, such as optimizer.lr=0.05'],
    ['epochs.more=1', 'epochs (={"more":1}) must be a whole number of at least 1'],
  ])('%s is refused', (text, message) => {
    expect(() => set(text)).toThrow(refusal(message))
  })
})
