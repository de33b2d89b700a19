/** A refused recipe says where: field, value and rule, for programs that show them beside the field. */
import { expect, it } from 'vitest'
import { createModel, RecipeError, resolveRecipe } from '../../src/recipe/index.ts'
import { parseRecipe } from '../../src/recipe/recipe.ts'

function refused(use: () => unknown): Pick<RecipeError, 'message' | 'field' | 'value' | 'rule'> {
  try {
    use()
  } catch (error) {
    expect(error).toBeInstanceOf(RecipeError)
    const { message, field, value, rule } = error as RecipeError
    return { message, field, value, rule }
  }
  throw new Error('the recipe was accepted')
}

it.each([
  [{ epochs: 0 }, 'epochs', 0, 'must be a whole number of at least 1'],
  [{ schedule: { name: 'oneCycle', rise: 2 } }, 'schedule.rise', 2, 'must be from 0 to 1'],
  [{ data: { name: 'mnist', fold: { of: 3, index: 3 } } }, 'data.fold.index', 3, 'must be less than data.fold.of (=3)'],
  [{ data: { name: 'mnist', channels: 1 } }, 'data.channels', 1, 'is for image folders, and data.name is mnist'],
] as const)('%j', (input, field, value, rule) => {
  const expected = { field, value, rule, message: `${field} (=${value}) ${rule}` }
  expect(refused(() => resolveRecipe(input))).toEqual(expected)
})

it.each([
  [{ exchange: 'tree' }, 'exchange'],
  [{ syncBatchNorm: true }, 'syncBatchNorm'],
] as const)('%j needs batches in parts', (input, field) => {
  const message = `${field} is for batches in parts: parts is missing`
  expect(refused(() => resolveRecipe(input))).toMatchObject({ field, message })
  expect(resolveRecipe({ ...input, parts: 8 }).recipe.parts).toBe(8)
})

it('a name that nothing has comes with the nearest', () => {
  const { message, field, value } = refused(() => resolveRecipe({ model: 'lenet' as 'lenet5' }))
  expect(message).toMatch(/^unknown model 'lenet' \(did you mean 'lenet5'\?\); available: lenet5, /)
  expect({ field, value }).toEqual({ field: 'model.name', value: 'lenet' })
})

it('a folder of pictures needs its classes where no disk can be asked', () => {
  expect(refused(() => resolveRecipe({ data: { name: 'folder', size: [8, 8] } }))).toMatchObject({
    field: 'data.classes',
    message: 'data.classes is missing: it must be the names of the classes, in the order of their labels',
  })
})

it('a stored recipe that is refused names its file, and the same field', () => {
  const { recipe } = resolveRecipe({})
  expect(refused(() => parseRecipe({ ...recipe, seed: -1 }, 'runs/a/recipe.json'))).toMatchObject({
    field: 'seed',
    value: -1,
    message: 'runs/a/recipe.json: seed (=-1) must be a whole number from 0 to 4294967295',
  })
})

it('options that only the network can judge are refused when it is made', () => {
  const setup = resolveRecipe({ model: { name: 'lenet5', options: { size: 5 } } })
  expect(refused(() => createModel(setup))).toMatchObject({
    field: 'model.options',
    value: { size: 5 },
    message: expect.stringMatching(/^lenet5: size \(=5\) must be/),
  })
})
