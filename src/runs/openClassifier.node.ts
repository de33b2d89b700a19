/** Trained models that classify pictures: the door to run folders, the files of classifiers, and ONNX files. */
import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { readClassifier } from '../classifier/artifact.ts'
import { withFile } from '../formats/source.node.ts'
import { imagesOf } from '../recipe/images.ts'
import { isOnnxFile } from '../recipe/networkFile.node.ts'
import { preparationOf } from '../recipe/preparation.ts'
import { dataName, modelName, type Recipe } from '../recipe/recipe.ts'
import { version } from '../recipe/version.ts'
import { mustExist } from './missing.node.ts'
import { type AboutNetwork, type NetworkClassifier, openNetworkClassifier } from './networkClassifier.node.ts'
import { loadRun } from './trainedModel.node.ts'

/** A classifier, and the recipe of its run. */
export interface OpenedClassifier extends NetworkClassifier {
  readonly recipe?: Recipe
}

/** How {@link openClassifier} opens what it is given. */
export interface OpenClassifierOptions {
  /** Checkpoint of a run: `final`, the default, `latest`, `best`, or the path of a checkpoint. */
  readonly checkpoint?: string
  /** Called with what a person should know about the recipe's functions. */
  readonly warn?: (message: string) => void
  /** What is said about an ONNX file. */
  readonly about?: AboutNetwork
}

/**
 * Opens a run folder, the file of a classifier, or an ONNX file.
 * @throws MissingError when there is nothing at the path; otherwise as `loadRun`, `readClassifier` or
 * `openNetworkClassifier`.
 */
export async function openClassifier(path: string, options: OpenClassifierOptions = {}): Promise<OpenedClassifier> {
  const { checkpoint: which = 'final', warn = () => undefined, about } = options
  mustExist(path, 'file or folder')
  if (!statSync(path).isDirectory()) {
    return isOnnxFile(path) ? openNetworkClassifier(path, about) : withFile(path, readClassifier)
  }
  const { recipe, model, checkpoint } = await loadRun(path, which, warn)
  const { classes, shape } = imagesOf(recipe)
  const { epoch, step } = checkpoint.progress
  const origin = { fovea: version, model: basename(modelName(recipe)), data: basename(dataName(recipe)), epoch, step }
  const name = basename(resolve(path))
  return { name, classes, shape, ...preparationOf(recipe, shape), origin, weights: 'float32', network: model, recipe }
}
