/** Whatever a recipe says, it is a recipe or is refused by name: never an error of JavaScript itself. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { resolveOptions } from '../../src/cli/recipeOptions.ts'
import { RecipeError } from '../../src/recipe/errors.ts'
import { createModel } from '../../src/recipe/model.ts'
import { createAugmentation, trainingOptions } from '../../src/recipe/parts.ts'
import type { Recipe } from '../../src/recipe/recipe.ts'
import { readRecipeFile } from '../../src/recipe/recipeFile.node.ts'
import { temporaryFolder } from '../support/fovea.ts'

const folder = temporaryFolder()
afterAll(folder.remove)

// biome-ignore format: a list of words
const paths = [
  'model', 'model.name', 'model.options', 'model.options.size', 'model.options.channels', 'data', 'data.name', 'data.size',
  'data.limit', 'data.validation', 'data.fold', 'data.fold.of', 'data.seed', 'data.normalize', 'data.normalize.mean',
  'data.normalize.mean.0', 'data.preprocess', 'data.augment', 'data.augment.transforms', 'data.augment.transforms.0',
  'data.augment.transforms.0.name', 'data.augment.transforms.0.options', 'data.classes', 'data.channels', 'pretrained',
  'pretrained.weights', 'freeze', 'freeze.0', 'freeze.0.match', 'freeze.1.until', 'cacheFeatures', 'cacheFeatures.maxBytes',
  'optimizer', 'optimizer.name', 'optimizer.lr', 'optimizer.betas', 'optimizer.betas.0', 'optimizer.groups.0.match',
  'optimizer.nesterov', 'schedule', 'schedule.name', 'schedule.warmup', 'schedule.cycles', 'schedule.growth', 'schedule.at.0',
  'momentum', 'momentum.name', 'momentum.low', 'loss', 'loss.name', 'penalty', 'penalty.match', 'gradients', 'gradients.0',
  'gradients.0.name', 'gradients.0.window', 'weights.0.name', 'average', 'average.name', 'average.decay', 'epochs',
  'batchSize', 'accumulate', 'seed', 'earlyStopping', 'earlyStopping.patience', 'checkpoints.keep', 'alarms', 'test',
  'backend', 'precise', 'fovea', '__proto__', '__proto__.x', 'data.__proto__.x', 'constructor', 'constructor.prototype.x',
  'data.constructor.x', 'optimizer.toString', 'hasOwnProperty', 'length', 'freeze.length', 'data.0', 'freeze.99999999', 'a.b.c',
]
// biome-ignore format: a list of words
const values = [
  '5', '-1', '0', '1e400', '1e9', '1e15', '4294967296', '0.5', 'null', 'true', '""', '" "', '"mnist"', '"folder"', '"none"',
  '"lenet5"', '"resnet18"', '"sgd"', '"adam"', '"constructor"', '"__proto__"', '"toString"', '"cosine"', '"onPlateau"',
  '"swa"', '"/(/"', '"/a/zz"', '"**"', '"["', '[]', '[1]', '[1e5,1e5]', '[0,0]', '["a"]', '[null]', '[[]]', '{}',
  '{"name":"adam"}', '{"name":"sgd","lr":0.1}', '{"name":"clipByMedianNorm","window":1000000000}', '{"__proto__":{"x":1}}',
  '{"constructor":1}', '{"file":"a","sha256":"b"}', '{"file":5,"sha256":{}}', '{"name":"randomCrop"}',
  '{"name":"randomAffine","options":{"degrees":"x"}}', '{"transforms":[{"name":"constructor"}]}', 'NaN', 'Infinity',
  'undefined', '()', '\u0000', 'a b', '[', '{',
]

/** Runs something that may refuse a recipe: by a message for people. */
function refusing(use: () => void): void {
  try {
    use()
  } catch (error) {
    expect(error).toBeInstanceOf(RecipeError)
    expect((error as Error).message).not.toMatch(
      /Cannot read|is not a function|is not iterable|Invalid array length|\[object/,
    )
  }
  expect(({} as Record<string, unknown>).x, 'Object.prototype has been written to').toBeUndefined()
}

/** Makes everything that a recipe names, but for functions and images. */
function makeParts(recipe: Recipe): void {
  const functions = { optimizer: () => ({}) as never, loss: () => ({}) as never, schedule: () => 1 }
  if (!('file' in recipe.model) && recipe.data.name !== 'folder') createModel({ recipe, functions })
  trainingOptions({ recipe, functions })
  createAugmentation(recipe)
}

describe('a recipe is resolved, or refused by name', () => {
  it('by any assignments of --set', () => {
    const set = fc
      .tuple(fc.constantFrom(...paths), fc.constantFrom(...values))
      .map(([path, value]) => `${path}=${value}`)
    fc.assert(
      fc.property(fc.array(set, { minLength: 1, maxLength: 3 }), sets =>
        refusing(() => makeParts(resolveOptions({}, sets))),
      ),
      { numRuns: 3000 },
    )
  })

  it('as any object', () => {
    const keys = fc.constantFrom(
      'model',
      'data',
      'optimizer',
      'schedule',
      'loss',
      'freeze',
      'epochs',
      'average',
      'x',
      '__proto__',
    )
    const anything = fc.anything({
      withNullPrototype: true,
      maxDepth: 3,
      key: fc.constantFrom('name', 'lr', 'size', 'x', '0'),
    })
    // What a file gives has passed through JSON's own kinds.
    const recipe = fc
      .dictionary(
        keys,
        anything.filter(value => value !== undefined),
      )
      .map(value => JSON.parse(JSON.stringify(value)))
    fc.assert(
      fc.property(recipe, base => refusing(() => makeParts(resolveOptions({}, [], base)))),
      { numRuns: 2000 },
    )
  })

  it('as any text in a JSON file', async () => {
    const path = join(folder.path, 'any.json')
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json({ maxDepth: 3 }), fc.string()), async text => {
        writeFileSync(path, text)
        const failure = await readRecipeFile(path).catch((error: unknown) => error)
        if (failure instanceof Error) expect(failure).toBeInstanceOf(RecipeError)
      }),
      { numRuns: 300 },
    )
  })
})

it.each([
  ['data=5', 'data (=5) must be an object of fields'],
  ['optimizer=3', 'optimizer (=3) must be one of sgd,'],
  ['__proto__.x=1', "--set __proto__.x=1: there is no field '__proto__'"],
  ['constructor.x=1', "unknown field 'constructor'"],
  ['data.size=[3,3]', 'data.size (=[3,3]) is for image folders, and data.name is mnist'],
  ['penalty.match="/(/"', 'penalty.match (="/(/") must be a pattern of paths'],
  ['freeze.5.match=a', "--set freeze.5.match=a: '5' is not an index of a list of 0"],
  [
    'schedule={"name":"cosineWithRestarts","cycles":1e9}',
    'schedule.cycles (=1000000000) must be a whole number from 1 to 10000',
  ],
  ['data.augment.transforms.0.name=turn', "unknown transform 'turn'"],
])('--set %s is refused: %s', (set, message) => {
  expect(() => resolveOptions({}, [set])).toThrow(message)
})

it('images that no engine can hold are refused with the memory that they would take', () => {
  const data = { name: 'folder', directory: folder.path, classes: ['a', 'b'] }
  expect(() => resolveOptions({}, ['data.size=[1e5,1e5]'], { data })).toThrow(
    'data.size (=[100000,100000]): a batch of 64 × 3 × 100000 × 100000 numbers takes 7.0\u00a0TiB, an engine has 4.0\u00a0GiB',
  )
  expect(resolveOptions({}, ['data.size=[224,224]'], { data }).data.size).toEqual([224, 224])
})
