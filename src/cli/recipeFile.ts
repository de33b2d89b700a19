/** Recipes from files: a module with a typed recipe, or the `recipe.json` of a run. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Loss } from '../nn/losses.ts'
import type { Module } from '../nn/module.ts'
import type { Optimizer, Schedule } from '../optim/index.ts'
import { isRecord } from '../train/json.ts'
import type { ModelFunctionOptions } from '../train/recipe.ts'
import { CommandError } from './errors.ts'
import { importModule, programNames } from './importModule.ts'
import { warn } from './output.ts'
import type { RawRecipe, Recipe } from './recipe.ts'
import { recipeFromFlat } from './recipeFlat.ts'
import { type CodeReference, isCode } from './recipeRules.ts'

/** Parts of a recipe that may be functions. */
const functionParts = ['model', 'optimizer', 'schedule', 'loss'] as const

/** The functions of a recipe file. */
export interface RecipeFunctions {
  readonly model?: (options: ModelFunctionOptions) => Module
  readonly optimizer?: () => Optimizer
  readonly schedule?: Schedule
  readonly loss?: () => Loss
}

/** Whether a word names a recipe file, and no model. */
export const isRecipeFile = (word: string): boolean => programNames.test(word) || word.endsWith('.json')

/**
 * What a recipe file says: the default export of a module, or a run's `recipe.json`. Functions become references to the file.
 * @throws CommandError naming the file and what is wrong with it.
 */
export async function readRecipeFile(file: string): Promise<RawRecipe> {
  if (!existsSync(file)) throw new CommandError(`${file}: no such file`)
  if (!programNames.test(file)) {
    const recipe = recipeFromFlat(parseJson(file))
    if (!isRecord(recipe)) throw new CommandError(`${file}: expected a recipe: an object`)
    const { fovea: _version, ...raw } = recipe
    return raw
  }
  const recipe = await exportedRecipe(file)
  const reference = referenceTo(file)
  return Object.fromEntries(
    Object.entries(recipe)
      .filter(([, value]) => value !== undefined)
      .map(([part, value]) => [part, typeof value === 'function' ? reference : toData(value, part, file)]),
  )
}

/**
 * The functions that a recipe refers to. A file that has changed since is taken with a warning: whether its network still
 * fits is seen when weights are loaded into it.
 * @throws CommandError when a file or its function is gone.
 */
export async function loadFunctions(recipe: Recipe): Promise<RecipeFunctions> {
  const functions: Record<string, unknown> = {}
  const warned = new Set<string>()
  for (const part of functionParts) {
    const reference: unknown = recipe[part]
    if (!isCode(reference)) continue
    const { file, sha256 } = reference
    const found = (await exportedRecipe(file))[part]
    if (typeof found !== 'function') throw new CommandError(`${file}: its ${part} is no function any more`)
    if (referenceTo(file).sha256 !== sha256 && !warned.has(file)) {
      warned.add(file)
      warn(`${file} has changed since the run began: its functions are used as they are now`)
    }
    functions[part] = found
  }
  return functions
}

async function exportedRecipe(file: string): Promise<Record<string, unknown>> {
  const { default: recipe } = await importModule(file)
  if (isRecord(recipe)) return recipe
  throw new CommandError(`${file}: exports no recipe: expected \`export default defineRecipe({ … })\``)
}

const referenceTo = (file: string): CodeReference => ({
  file: resolve(file),
  sha256: createHash('sha256').update(readFileSync(file)).digest('hex'),
})

/** Values as JSON holds them: pipelines as data, regular expressions as `/…/`. */
function toData(value: unknown, path: string, file: string): unknown {
  if (value instanceof RegExp) return String(value)
  if (Array.isArray(value)) return value.map((item, k) => toData(item, `${path}.${k}`, file))
  if (isRecord(value)) {
    // A pipeline of another copy of this package is one, too.
    if (typeof value.spec === 'function') return (value.spec as () => unknown)()
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => [key, toData(item, `${path}.${key}`, file)]),
    )
  }
  if (typeof value === 'function') {
    throw new CommandError(
      `${file}: ${path} is a function; functions may stand for ${functionParts.join(', ')} as a whole`,
    )
  }
  return value
}

function parseJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new CommandError(`${file}: is not JSON: ${(error as Error).message}`)
  }
}
