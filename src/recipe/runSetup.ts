/** A recipe that is ready to run: resolved once, then passed to all code that makes something from it. */
import type { RecipeFunctions } from './functions.ts'
import type { Recipe } from './schema.ts'

/** A resolved recipe and its functions. */
export interface RunSetup {
  /** The recipe as data, as in the `recipe.json` of a run. */
  readonly recipe: Recipe
  /** Functions that the recipe refers to: a custom network, optimizer, schedule or loss. */
  readonly functions: RecipeFunctions
}
