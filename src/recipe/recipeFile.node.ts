/** Recipes from files: a module with a typed recipe, or the `recipe.json` of a run. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { isRecord } from '../rules/record.ts'
import { display } from '../text/display.ts'
import { codeFrame } from './codeFrame.ts'
import type { RawRecipe } from './complete.ts'
import { RecipeError, SourceError } from './errors.ts'
import { withNetworkBeside } from './files.node.ts'
import { recipeFromFlat } from './flat.ts'
import { folderOf } from './folderSource.ts'
import { called, checkedFunction, functionParts, type RecipeFunctions } from './functions.ts'
import { importModule, programNames, readText, type Say } from './importModule.node.ts'
import { isOnnxFile, openNetworkFile, refuseBytes } from './networkFile.node.ts'
import { rawRecipe } from './raw.ts'
import type { Recipe } from './recipe.ts'
import { type CodeReference, inlineFile, isCode } from './rules.ts'
import type { RunSetup } from './runSetup.ts'

/** Whether a word names a recipe file rather than a model. */
export const isRecipeFile = (word: string): boolean =>
  programNames.test(word) || word.endsWith('.json') || isOnnxFile(word)

/**
 * The recipe in a file: the default export of a module, or a run's `recipe.json`. Functions become references to the
 * file. The recipe of an ONNX file is its network and, for a folder of pictures, the size that it takes them in.
 * @param options.say called when a module takes long to load
 * @param options.data the data set that the command line names
 * @throws RecipeError naming the file and what is wrong with it.
 */
export async function readRecipeFile(
  file: string,
  { say, data }: { readonly say?: Say; readonly data?: string | undefined } = {},
): Promise<RawRecipe> {
  if (isOnnxFile(file)) return networkRecipe(file, data)
  if (!programNames.test(file)) {
    const recipe = recipeFromFlat(parseJson(file))
    if (!isRecord(recipe)) throw new RecipeError(`${file}: expected a recipe: an object`)
    const { fovea: _version, ...raw } = recipe
    return dataOf(withNetworkBeside(file, raw), file)
  }
  return dataOf(await exportedRecipe(file, say), file)
}

async function networkRecipe(file: string, data: string | undefined): Promise<RawRecipe> {
  const network = await openNetworkFile(file)
  refuseBytes(file, network)
  const { path, sha256, shape } = network
  const model: CodeReference = { file: path, sha256 }
  if (!shape || data === undefined || folderOf(data) === undefined) return { model }
  const [height, width, channels] = shape
  return { model, data: { name: 'folder', channels, size: [height, width] } }
}

const dataOf = (recipe: RawRecipe, file: string): RawRecipe =>
  called(`${file}: the recipe`, () => rawRecipe(recipe, file, () => referenceTo(file)))

/**
 * A recipe that is ready to run, with the functions that it refers to, from their files.
 * @param warn called about a file that has changed since the recipe was resolved
 * @throws RecipeError when a file or its function is gone
 */
export const loadSetup = async (recipe: Recipe, warn?: Say): Promise<RunSetup> => ({
  recipe,
  functions: await loadFunctions(recipe, warn),
})

/**
 * The functions that a recipe refers to. A file that has changed since is used with a warning: loading weights shows
 * whether its network still fits.
 * @param warn called about a file that has changed
 * @throws RecipeError when a file or its function is gone.
 */
async function loadFunctions(recipe: Recipe, warn: Say = () => {}): Promise<RecipeFunctions> {
  const functions: Record<string, unknown> = {}
  const warned = new Set<string>()
  for (const part of functionParts) {
    const reference: unknown = recipe[part]
    if (!isCode(reference)) continue
    const { file, sha256 } = reference
    if (file === inlineFile) throw new RecipeError(`its ${part} is a function that was written on a page, in no file`)
    const { made, hash } = isOnnxFile(file) ? await networkMaker(file, sha256) : await functionOf(file, part)
    if (typeof made !== 'function') throw new RecipeError(`${file}: its ${part} is not a function any more`)
    if (hash !== sha256 && !warned.has(file)) {
      warned.add(file)
      warn(`${file} has changed since the run began: its functions are used as they are now`)
    }
    functions[part] = checkedFunction(part, made as () => unknown, file)
  }
  return functions
}

/** Makes the networks of an ONNX file, each with its own weights. */
async function networkMaker(file: string, sha256: string): Promise<{ made: unknown; hash: string }> {
  const network = await openNetworkFile(file, sha256)
  refuseBytes(file, network)
  return { made: () => network.create(), hash: network.sha256 }
}

async function functionOf(file: string, part: string): Promise<{ made: unknown; hash: string }> {
  return { made: (await exportedRecipe(file))[part], hash: referenceTo(file).sha256 }
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
