/** From a recipe to the things that train, score and predict: model, images, engine. */
import type { Augmentation } from '../augment/compose.ts'
import { augmentationFrom } from '../augment/table.ts'
import { createEngine } from '../backends/createEngine.ts'
import type { Engine } from '../backends/engine.ts'
import type { WideChoice } from '../backends/wasm/runtime/wide.ts'
import { findModel } from '../models/index.ts'
import { ImageClassifier } from '../nn/imageClassifier.ts'
import type { Module } from '../nn/module.ts'
import { loadState } from '../nn/state.ts'
import { type Checkpoint, CheckpointError, weightsOf } from '../train/checkpoint.ts'
import { UsageError } from '../cli/errors.ts'
import { imagesOf } from './images.ts'
import { createPreprocessing } from './preprocess.ts'
import type { Recipe } from './recipe.ts'
import type { RecipeFunctions } from './functions.ts'
import { isCode } from './rules.ts'

export { imagesOf } from './images.ts'
export { createLoss, createOptimizer, createSchedule, trainingOptions } from './parts.ts'
export { loadData, type RunData } from '../cli/runData.ts'

/** A new model with the initial weights of the recipe's seed. */
export function createModel(recipe: Recipe, functions: RecipeFunctions = {}): ImageClassifier {
  const { classes, shape } = imagesOf(recipe)
  const network = createNetwork(recipe, functions, classes.length)
  return new ImageClassifier(createPreprocessing(recipe, shape), network).initialize(recipe.seed)
}

/** The network of a recipe for a number of classes, still without weights. */
export function createNetwork(
  recipe: Recipe,
  functions: RecipeFunctions,
  classes: number,
  [height, width, channels] = imagesOf(recipe).shape,
): Module {
  const { model } = recipe
  if (isCode(model)) return functions.model!({ classes, shape: [channels, height, width] })
  return findModel(model.name).create({ ...model.options, classes })
}

/** What a recipe does to its training images. @throws AugmentError for transforms that this version does not know. */
export const createAugmentation = ({ data: { augment } }: Recipe): Augmentation | undefined =>
  augment && augmentationFrom(augment)

/** What the command line says of the engine. It does not change results, so it is no part of a recipe. */
export interface EngineChoices {
  /** All cores, or `FOVEA_THREADS`, when absent. */
  readonly threads?: number | undefined
  /** Wide vectors; off when absent. */
  readonly wide?: WideChoice | undefined
}

/** Starts the engine of a recipe. @throws UsageError for threads that are no number, and `wide: 'on'` where that is impossible. */
export function startEngine({ backend, precise }: Recipe, { threads, wide }: EngineChoices): Engine {
  try {
    return createEngine({ backend, precise, ...(threads !== undefined && { threads }), ...(wide && { wide }) })
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

/**
 * Puts the weights of a checkpoint into a model that no engine runs yet.
 * @param file what to call the checkpoint in messages
 * @throws CheckpointError naming the file and the tensors that do not fit.
 */
export async function loadCheckpoint(model: Module, checkpoint: Checkpoint, file: string): Promise<void> {
  await naming(file, () => loadState(model, weightsOf(checkpoint)))
}

/** Uses a checkpoint, so that what does not fit names its file. @throws CheckpointError */
export async function naming<T>(file: string, use: () => T | Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    throw new CheckpointError(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
