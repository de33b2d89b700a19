/** A finished or unfinished run as a trained model, for `eval` and `predict`. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ImageClassifier } from '../nn/imageClassifier.ts'
import { parseStoredRecipe } from '../recipe/files.node.ts'
import { createModel } from '../recipe/model.ts'
import { isOnnxFile } from '../recipe/networkFile.node.ts'
import type { Recipe } from '../recipe/recipe.ts'
import { loadSetup } from '../recipe/recipeFile.node.ts'
import type { Checkpoint } from '../train/checkpoint.ts'
import { loadCheckpoint } from '../train/namedCheckpoint.ts'
import { readCheckpoint } from './checkpointFile.node.ts'
import { RunFolderError } from './errors.ts'
import { mustExist } from './missing.node.ts'
import { RunFolder } from './runFolder.node.ts'

/** A model with the weights of a checkpoint. */
export interface TrainedModel {
  readonly recipe: Recipe
  readonly model: ImageClassifier
  readonly checkpoint: Checkpoint
}

/**
 * The checkpoint that is a run's result: the last one, or the best one of a run that stops early.
 */
export function finalCheckpoint(folder: RunFolder, recipe: Recipe): 'latest' | 'best' {
  return recipe.earlyStopping && existsSync(join(folder.path, 'best')) ? 'best' : 'latest'
}

/** @throws RunFolderError for an ONNX file */
function refuseNetwork(path: string): void {
  if (!isOnnxFile(path)) return
  throw new RunFolderError(`${path}: is a network: make a run of it with 'fovea import ${path} --data …'`)
}

/**
 * Reads a run's recipe and weights.
 * @param path of the run folder
 * @param which `final`, `latest`, `best`, or the path of a `.safetensors` file
 * @param warn called with what a person should know about the recipe's functions
 * @throws RunFolderError, MissingError, CheckpointError or Error naming the file that is missing, broken, or of another
 * model.
 */
export async function loadRun(path: string, which: string, warn: (message: string) => void): Promise<TrainedModel> {
  refuseNetwork(path)
  const folder = await RunFolder.open(path)
  const recipe = parseStoredRecipe(folder.recipe, join(path, 'recipe.json'))
  const chosen = which === 'final' ? finalCheckpoint(folder, recipe) : which
  const isNamed = chosen === 'latest' || chosen === 'best'
  if (!isNamed) mustExist(chosen)
  const checkpoint = isNamed ? await folder.load(chosen) : await readCheckpoint(chosen)
  const model = createModel(await loadSetup(recipe, warn))
  await loadCheckpoint(model, checkpoint, isNamed ? `${path}: ${chosen} checkpoint` : chosen)
  return { recipe, model, checkpoint }
}
