/**
 * A resolved recipe: everything that decides what a training run computes, with every default filled in. `recipe.json`
 * in a run folder is exactly this, so a run can be resumed, scored and repeated from its folder alone. What does not
 * change the result (threads, the place of the run folder, output) is not part of it.
 */

import { isRecord } from '../rules/record.ts'
import { fields, type Problem } from '../rules/rules.ts'
import { complete, longForms, type RawRecipe } from './complete.ts'
import { RecipeError } from './errors.ts'
import { recipeFromFlat } from './flat.ts'
import { partProblem } from './parts.ts'
import { cacheProblem, dataProblem, ignoredProblem, partsProblem, sizeProblem } from './problems.ts'
import { isCode } from './rules.ts'
import { type Recipe, recipeFields } from './schema.ts'

export type { Recipe } from './schema.ts'

/** Fills in what only the file system knows. */
export type FillIn = (recipe: RawRecipe) => RawRecipe

/**
 * Fills in the defaults of a recipe and checks all of it. With `data.limit`, and without `data.validation`, the default
 * share of the images is held back.
 * @param fillIn fills in fields that the rules require but the recipe leaves to the environment in which it runs
 * @throws RecipeError naming the field, its value and the rule
 * @example resolveData({ epochs: 3 }).model // { name: 'lenet5' }
 */
export function resolveData(raw: RawRecipe = {}, fillIn: FillIn = recipe => recipe): Recipe {
  const recipe = check(fillIn(complete(longForms(raw))))
  const ignored = ignoredProblem(recipe)
  if (ignored) throw new RecipeError(ignored.message, ignored)
  const unfit = partProblem(recipe)
  if (unfit !== undefined) throw new RecipeError(unfit)
  return recipe
}

/**
 * A recipe that was already resolved, such as that of a run folder.
 * @param name what to call it in messages
 * @throws RecipeError with that name, the field and the rule; or the model or data set that this version does not know.
 */
export function parseRecipe(value: unknown, name: string, fillIn: FillIn = recipe => recipe): Recipe {
  try {
    const recipe = recipeFromFlat(value)
    return check(isRecord(recipe) ? fillIn(recipe) : recipe)
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error
    const { field, value: held, rule } = error
    throw new RecipeError(`${name}: ${error.message}`, { field, value: held, rule, cause: error })
  }
}

/** The model's name, or the file of a function. */
export const modelName = ({ model }: Pick<Recipe, 'model'>): string => (isCode(model) ? model.file : model.name)

/** The data set's name, or the folder. */
export const dataName = ({ data }: Pick<Recipe, 'data'>): string =>
  data.name === 'folder' ? (data.directory ?? 'folder') : data.name

function check(value: unknown): Recipe {
  if (!isRecord(value)) throw new RecipeError('the recipe must be an object', { value, rule: 'must be an object' })
  const found: Problem[] = []
  const recipe = fields(recipeFields).read(value, '', problem => found.push(problem))
  const [first] = found
  if (first) throw new RecipeError(found.map(({ message }) => message).join('; '), first)
  const problem = dataProblem(recipe) ?? sizeProblem(recipe) ?? cacheProblem(recipe) ?? partsProblem(recipe)
  if (problem) throw new RecipeError(problem.message, problem)
  return recipe
}
