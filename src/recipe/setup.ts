/** Turns what a caller writes into a recipe that is ready to run. */
import { hashOf, hexOf } from '../formats/sha256.ts'
import { checkedFunction, functionParts } from './functions.ts'
import type { RecipeInput } from './input.ts'
import { rawRecipe } from './raw.ts'
import { resolveData } from './recipe.ts'
import { type CodeReference, inlineFile } from './rules.ts'
import type { RunSetup } from './runSetup.ts'

/**
 * Fills in the defaults of a recipe and checks all of it. Runs anywhere and reads no files: a recipe for your own
 * pictures must name their classes (`data: { name: 'folder', classes: ['cat', 'dog'], size: [64, 64] }`).
 * @throws RecipeError naming the field, its value and the rule
 * @example
 * const setup = resolveRecipe({ model: 'lenet5', data: 'mnist', epochs: 1, optimizer: { name: 'adam' } })
 * setup.recipe.optimizer // { name: 'adam', lr: 0.001 }
 */
export function resolveRecipe(input: RecipeInput = {}): RunSetup {
  const name = 'the recipe'
  const given = input as Readonly<Record<string, unknown>>
  const recipe = resolveData(rawRecipe(given, name, part => inlineReference(given[part])))
  const own = functionParts.filter(part => typeof given[part] === 'function')
  const functions = Object.fromEntries(
    own.map(part => [part, checkedFunction(part, given[part] as () => unknown, name)]),
  )
  return { recipe, functions }
}

/** Reference to a function that is in no file, identified by its source text. */
function inlineReference(given: unknown): CodeReference {
  return { file: inlineFile, sha256: hexOf(hashOf(new TextEncoder().encode(String(given)))) }
}
