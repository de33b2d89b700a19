/** Fills in what depends on a recipe's files: absolute paths, and the classes of a folder of pictures. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { classFolders, entriesOf } from '../data/classFolders.node.ts'
import { DatasetError } from '../data/errors.ts'
import { isAddress } from '../formats/download.ts'
import { isRecord } from '../rules/record.ts'
import type { RawRecipe } from './complete.ts'
import { RecipeError } from './errors.ts'
import { isOnnxFile } from './networkFile.node.ts'
import { parseRecipe, type Recipe, resolveData } from './recipe.ts'
import { isCode } from './rules.ts'

/**
 * A recipe with all defaults, absolute paths, and the names of a folder's classes.
 * @throws RecipeError naming the field, its value and the rule; or the folder that cannot be read
 */
export const resolveWithFiles = (raw: RawRecipe = {}): Recipe => resolveData(raw, withFiles)

/**
 * The recipe of a run folder, with the names of a folder's classes.
 * @param file its path, beside which the run keeps its network; or what to call it in messages
 * @throws RecipeError naming the file, the field and the rule
 */
export const parseStoredRecipe = (value: unknown, file: string): Recipe =>
  parseRecipe(value, file, recipe => withClasses(withNetworkBeside(file, recipe)))

/** A recipe whose network, an ONNX file named by a relative path, lies beside the recipe's own file. */
export function withNetworkBeside(file: string, recipe: RawRecipe): RawRecipe {
  const { model } = recipe
  if (!isCode(model) || !isOnnxFile(model.file)) return recipe
  return { ...recipe, model: { ...model, file: resolve(dirname(file), model.file) } }
}

const splitNames = {
  train: ['train'],
  validation: ['val', 'validation', 'valid'],
  test: ['test'],
} as const

/** The sub-folder of a split, by one of its usual names, if there is one. */
export function splitFolder(directory: string, split: keyof typeof splitNames): string | undefined {
  return splitNames[split].map(name => join(directory, name)).find(path => existsSync(path))
}

/** An entry of a folder that would be a split if its name were in lower case, such as `Train`. */
export function capitalSplits(directory: string): string[] {
  const names: readonly string[] = Object.values(splitNames).flat()
  return entriesOf(directory).filter(name => !names.includes(name) && names.includes(name.toLowerCase()))
}

const withFiles = (recipe: RawRecipe): RawRecipe => withClasses(withWholePaths(recipe))

function withWholePaths(recipe: RawRecipe): RawRecipe {
  const { data, pretrained } = recipe
  return {
    ...recipe,
    ...(isRecord(data) &&
      typeof data.directory === 'string' && { data: { ...data, directory: resolve(data.directory) } }),
    ...(isRecord(pretrained) &&
      typeof pretrained.weights === 'string' &&
      !isAddress(pretrained.weights) && { pretrained: { ...pretrained, weights: resolve(pretrained.weights) } }),
  }
}

/** The classes of an image folder are part of its recipe: `predict` names them without the folder. */
function withClasses(recipe: RawRecipe): RawRecipe {
  const { data } = recipe
  if (!isRecord(data) || data.name !== 'folder') return recipe
  const { directory, classes } = data
  if (directory === undefined) {
    throw new RecipeError('data.directory is missing: it must be the folder of pictures', { field: 'data.directory' })
  }
  if (classes !== undefined || typeof directory !== 'string') return recipe
  return { ...recipe, data: { ...data, classes: classNames(splitFolder(directory, 'train') ?? directory) } }
}

/** @throws RecipeError when a folder cannot be a folder of classes */
function classNames(directory: string): string[] {
  try {
    return classFolders(directory).map(({ name }) => name)
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error
    throw new RecipeError(error.message, { field: 'data.directory', value: directory, cause: error })
  }
}
