/** Reads a pipeline of transforms from a file: a module that exports one, or JSON. */
import type { Augmentation, AugmentationSpec } from '../augment/compose.ts'
import { AugmentError } from '../augment/errors.ts'
import { augmentationFrom } from '../augment/table.ts'
import { isRecord } from '../rules/record.ts'
import { RecipeError } from './errors.ts'
import { importModule, programNames, readText } from './importModule.node.ts'

/**
 * The pipeline in a file. In a module it is the export `augment`, or the default export: a recipe or the pipeline
 * itself. In a JSON file it is the result of `Augmentation.spec()`, or part of a recipe, such as the `recipe.json` of a
 * run.
 * @throws RecipeError naming the file and what is wrong with it.
 */
export async function readAugmentation(file: string): Promise<Augmentation> {
  const value = programNames.test(file) ? await exported(file) : parsed(file)
  // A module may have loaded another copy of this package, so the methods decide.
  if (isAugmentation(value)) return value
  try {
    return augmentationFrom(value)
  } catch (error) {
    if (!(error instanceof AugmentError)) throw error
    throw new RecipeError(`${file}: ${error.message}`)
  }
}

/** The pipeline of an option, as a recipe stores it. @throws RecipeError naming the file and what is wrong with it. */
export async function augmentOption(file: string | undefined): Promise<AugmentationSpec | 'none' | undefined> {
  if (file === undefined || file === 'none') return file
  try {
    return (await readAugmentation(file)).spec()
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AugmentError') throw error
    throw new RecipeError(`${file}: ${error.message}`)
  }
}

async function exported(file: string): Promise<unknown> {
  const { augment, default: main } = await importModule(file)
  const found = augment ?? pipelineIn(main)
  if (found !== undefined) return found
  throw new RecipeError(
    `${file}: exports no pipeline: expected \`export default compose([…])\` or \`export const augment = …\``,
  )
}

function parsed(file: string): unknown {
  const text = readText(file)
  try {
    return pipelineIn(JSON.parse(text))
  } catch (error) {
    throw new RecipeError(`${file}: neither a module (.ts, .mjs, …) nor JSON: ${(error as Error).message}`)
  }
}

/** The pipeline of a recipe; any other value should be a pipeline itself. */
function pipelineIn(value: unknown): unknown {
  if (!isRecord(value) || isAugmentation(value)) return value
  if (isRecord(value.data) && 'augment' in value.data) return value.data.augment
  // The place in the first versions, and possibly in a module.
  return 'augment' in value ? value.augment : value
}

const isAugmentation = (value: unknown): value is Augmentation =>
  isRecord(value) && ['apply', 'mix', 'checkLabels', 'resultShape'].every(name => typeof value[name] === 'function')
