/** A finished or unfinished run as a trained model: what `eval` and `predict` begin with. */
import { join } from 'node:path'
import type { ImageClassifier } from '../nn/imageClassifier.ts'
import { readCheckpoint } from '../train/checkpoint.node.ts'
import type { Checkpoint } from '../train/checkpoint.ts'
import { RunFolder } from '../train/runFolder.node.ts'
import { parseRecipe, type Recipe } from './recipe.ts'
import { createModel, loadWeights } from './setup.ts'

/** A model with the weights of a checkpoint. */
export interface TrainedModel {
  readonly recipe: Recipe
  readonly model: ImageClassifier
  readonly checkpoint: Checkpoint
}

/**
 * Reads a run's recipe and weights.
 * @param path of the run folder
 * @param which `latest`, `best`, or the path of a `.safetensors` file
 * @throws RunFolderError, CheckpointError or Error naming the file that is missing, broken, or of another model.
 */
export async function loadRun(path: string, which: string): Promise<TrainedModel> {
  const folder = await RunFolder.open(path)
  const recipe = parseRecipe(folder.recipe, join(path, 'recipe.json'))
  const isNamed = which === 'latest' || which === 'best'
  const checkpoint = isNamed ? await folder.load(which) : await readCheckpoint(which)
  const model = createModel(recipe)
  await loadWeights(model, checkpoint, isNamed ? `${path}: ${which} checkpoint` : which)
  return { recipe, model, checkpoint }
}
