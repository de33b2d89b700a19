/** A recipe that is ready to run: resolved once, then passed to everything that is made from it. */
import type { RecipeFunctions } from './functions.ts'
import type { Recipe } from './schema.ts'

/** A resolved recipe and its functions. */
export interface RunSetup {
  /** Data, as `recipe.json` of a run has it. */
  readonly recipe: Recipe
  /** Functions that the recipe refers to: a network, an optimizer, a schedule, a loss of your own. */
  readonly functions: RecipeFunctions
}
