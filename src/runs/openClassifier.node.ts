/** Trained models that classify pictures, from a run folder or the file of a classifier. */
import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { type ClassifierContents, readClassifier } from '../classifier/artifact.ts'
import { withFile } from '../formats/source.node.ts'
import { imagesOf } from '../recipe/images.ts'
import { preparationOf } from '../recipe/preparation.ts'
import { dataName, modelName, type Recipe } from '../recipe/recipe.ts'
import { version } from '../recipe/version.ts'
import { mustExist } from './missing.node.ts'
import { loadRun, refuseNetwork } from './trainedModel.node.ts'

/** A classifier, and the recipe of its run. */
export interface OpenedClassifier extends ClassifierContents {
  readonly recipe?: Recipe
}

/**
 * Opens a run folder, or the file of a classifier.
 * @param which checkpoint of a run: `final`, `latest`, `best`, or the path of a checkpoint
 * @param warn called with what a person should know about the recipe's functions
 * @throws MissingError when there is nothing at the path; otherwise as `loadRun` or `readClassifier`.
 */
export async function openClassifier(
  path: string,
  which = 'final',
  warn: (message: string) => void = () => undefined,
): Promise<OpenedClassifier> {
  mustExist(path, 'file or folder')
  refuseNetwork(path)
  if (!statSync(path).isDirectory()) return withFile(path, readClassifier)
  const { recipe, model, checkpoint } = await loadRun(path, which, warn)
  const { classes, shape } = imagesOf(recipe)
  const { epoch, step } = checkpoint.progress
  const origin = { fovea: version, model: modelName(recipe), data: basename(dataName(recipe)), epoch, step }
  const name = basename(resolve(path))
  return { name, classes, shape, ...preparationOf(recipe, shape), origin, weights: 'float32', network: model, recipe }
}
