/** Transfer learning: a network that begins with the weights of another run or file, with a new last layer where classes differ. */

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { replaceHead } from '../nn/head.ts'
import { ImageClassifier } from '../nn/imageClassifier.ts'
import type { Module } from '../nn/module.ts'
import { loadState } from '../nn/state.ts'
import { parseStoredRecipe } from '../recipe/files.node.ts'
import type { RecipeFunctions } from '../recipe/functions.ts'
import { imagesOf } from '../recipe/images.ts'
import { createModel, createNetwork } from '../recipe/model.ts'
import { createPreprocessing } from '../recipe/preprocess.ts'
import type { Recipe } from '../recipe/recipe.ts'
import { weightsOf } from '../train/checkpoint.ts'
import { naming } from '../train/namedCheckpoint.ts'
import { loadWeights } from '../train/weights.node.ts'
import { mustExist, openRunFolder } from './inputs.ts'
import { finalCheckpoint } from './runs.ts'

/**
 * The model that a run begins with: new, or with the weights that the recipe names.
 * @param say told what was done to find the weights in a file
 * @throws Error naming the file and what does not fit.
 */
export async function createInitialModel(
  recipe: Recipe,
  functions: RecipeFunctions,
  say: (note: string) => void = () => {},
): Promise<ImageClassifier> {
  const { pretrained, seed } = recipe
  if (!pretrained) return createModel(recipe, functions)
  const { classes, shape } = imagesOf(recipe)
  const { weights, prefix, average } = pretrained
  mustExist(weights)
  const isRun = existsSync(join(weights, 'recipe.json')) && statSync(weights).isDirectory()
  const source = isRun ? await openRun(weights, average) : undefined
  const trained = pretrained.classes ?? source?.classes ?? classes.length
  const network = createNetwork(recipe, functions, trained).initialize(seed)
  if (source) await naming(weights, () => loadInto(network, source.state))
  else {
    const options = { ...(prefix !== undefined && { prefix }), ...(average !== undefined && { average }) }
    const { notes } = await loadWeights(network, weights, options)
    for (const note of notes) say(`${weights}: ${note}`)
  }
  if (trained !== classes.length) replaceHead(network, classes.length, { seed })
  return new ImageClassifier(createPreprocessing(recipe, shape), network)
}

type State = ReturnType<typeof weightsOf>

async function openRun(path: string, average?: boolean): Promise<{ classes: number; state: State }> {
  const folder = await openRunFolder(path)
  const recipe = parseStoredRecipe(folder.recipe, join(path, 'recipe.json'))
  return {
    classes: imagesOf(recipe).classes.length,
    state: weightsOf(await folder.load(finalCheckpoint(folder, recipe)), { average }),
  }
}

/** The preprocessing is the new run's own. */
function loadInto(network: Module, state: State): void {
  loadState(network, new Map([...state].filter(([path]) => !path.startsWith('normalize.'))))
}
