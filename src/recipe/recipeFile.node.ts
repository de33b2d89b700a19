/** Recipes from files: a module with a typed recipe, or the `recipe.json` of a run. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { isRecord } from '../train/json.ts'
import { codeFrame } from './codeFrame.ts'
import type { RawRecipe } from './complete.ts'
import { RecipeError, SourceError } from './errors.ts'
import { recipeFromFlat } from './flat.ts'
import { checkedFunction, functionParts, type RecipeFunctions } from './functions.ts'
import { importModule, programNames, readText, type Say } from './importModule.node.ts'
import type { Recipe } from './recipe.ts'
import { type CodeReference, display, isCode } from './rules.ts'

/** Whether a word names a recipe file, and no model. */
export const isRecipeFile = (word: string): boolean => programNames.test(word) || word.endsWith('.json')

/**
 * What a recipe file says: the default export of a module, or a run's `recipe.json`. Functions become references to the file.
 * @param say told when a module takes long to load
 * @throws RecipeError naming the file and what is wrong with it.
 */
export async function readRecipeFile(file: string, say?: Say): Promise<RawRecipe> {
  if (!programNames.test(file)) {
    const recipe = recipeFromFlat(parseJson(file))
    if (!isRecord(recipe)) throw new RecipeError(`${file}: expected a recipe: an object`)
    const { fovea: _version, ...raw } = recipe
    return dataOf(raw, file)
  }
  return dataOf(await exportedRecipe(file, say), file)
}

function dataOf(recipe: RawRecipe, file: string): RawRecipe {
  const isFunction = (part: string, value: unknown) =>
    typeof value === 'function' && functionParts.some(name => name === part)
  return Object.fromEntries(
    Object.entries(recipe)
      .filter(([, value]) => value !== undefined)
      .map(([part, value]) => [part, isFunction(part, value) ? referenceTo(file) : toData(value, part, file)]),
  )
}

/**
 * The functions that a recipe refers to. A file that has changed since is taken with a warning: whether its network still
 * fits is seen when weights are loaded into it.
 * @param warn told of a file that has changed
 * @throws RecipeError when a file or its function is gone.
 */
export async function loadFunctions(recipe: Recipe, warn: Say = () => {}): Promise<RecipeFunctions> {
  const functions: Record<string, unknown> = {}
  const warned = new Set<string>()
  for (const part of functionParts) {
    const reference: unknown = recipe[part]
    if (!isCode(reference)) continue
    const { file, sha256 } = reference
    const found = (await exportedRecipe(file))[part]
    if (typeof found !== 'function') throw new RecipeError(`${file}: its ${part} is not a function any more`)
    if (referenceTo(file).sha256 !== sha256 && !warned.has(file)) {
      warned.add(file)
      warn(`${file} has changed since the run began: its functions are used as they are now`)
    }
    functions[part] = checkedFunction(part, found as () => unknown, file)
  }
  return functions
}

async function exportedRecipe(file: string, say?: Say): Promise<Record<string, unknown>> {
  const { default: recipe } = await importModule(file, say)
  if (isRecord(recipe) && !(recipe instanceof Promise)) return recipe
  const found = recipe === undefined ? '' : ` (its default export is ${display(recipe)})`
  throw new RecipeError(`${file}: exports no recipe${found}: expected \`export default defineRecipe({ … })\``)
}

const referenceTo = (file: string): CodeReference => ({
  file: resolve(file),
  sha256: createHash('sha256').update(readFileSync(file)).digest('hex'),
})

/** Objects within objects: a recipe needs a few. */
const deepest = 50

/** Objects that are no data, as JSON holds it. */
const noData = [Promise, Map, Set, WeakMap, WeakSet, Date, ArrayBuffer, Error]

/**
 * Values as JSON holds them: pipelines as data, regular expressions as `/…/`.
 * @param above the objects that hold the value
 */
function toData(value: unknown, path: string, file: string, above: readonly unknown[] = []): unknown {
  const refuse = (what: string): never => {
    throw new RecipeError(`${file}: ${path} is ${what}`)
  }
  if (typeof value === 'function') {
    return refuse(`a function; functions may stand for ${functionParts.join(', ')} as a whole`)
  }
  if (typeof value === 'bigint' || typeof value === 'symbol') return refuse(`a ${typeof value}, expected data`)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof RegExp) return String(value)
  const kind = noData.find(type => value instanceof type) ?? (ArrayBuffer.isView(value) ? value.constructor : undefined)
  if (kind) return refuse(`a ${kind.name}, expected data`)
  if (above.includes(value)) return refuse('a part of itself')
  if (above.length >= deepest) return refuse(`nested deeper than ${deepest} levels`)
  const inner = [...above, value]
  if (Array.isArray(value)) return value.map((item, k) => toData(item, `${path}.${k}`, file, inner))
  // A pipeline of another copy of this package is one, too.
  if ('spec' in value && typeof value.spec === 'function') return (value.spec as () => unknown)()
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, toData(item, `${path}.${key}`, file, inner)]),
  )
}

function parseJson(file: string): unknown {
  const text = readText(file)
  try {
    return JSON.parse(text)
  } catch (error) {
    const { message } = error as Error
    const position = / at position (\d+)/.exec(message)?.[1]
    const before = text.slice(0, position === undefined ? text.length : Number(position)).split('\n')
    const place = { line: before.length, column: before.at(-1)!.length + 1 }
    const what = message.replace(/ in JSON at position .*/, '')
    throw new SourceError(`${file}:${place.line}:${place.column}: is not JSON: ${what}`, codeFrame(text, place))
  }
}
