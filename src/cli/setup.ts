/** From a recipe to the things that train, score and predict: model, images, optimizer, engine. */
import type { Augmentation } from '../augment/compose.ts'
import { augmentationFrom } from '../augment/table.ts'
import { createEngine } from '../backends/createEngine.ts'
import type { Engine } from '../backends/engine.ts'
import { type Subset, splitDataset, subsetOf } from '../data/split.ts'
import { findModel } from '../models/index.ts'
import { ImageClassifier } from '../nn/imageClassifier.ts'
import type { Module } from '../nn/module.ts'
import { loadState } from '../nn/state.ts'
import {
  constant,
  cosine,
  cosineWithRestarts,
  exponential,
  multiStep,
  type Optimizer,
  oneCycle,
  onPlateau,
  polynomial,
  type Schedule,
  sgd,
} from '../optim/index.ts'
import { type Checkpoint, CheckpointError, weightsOf } from '../train/checkpoint.ts'
import { findDataset } from './datasets.ts'
import type { ScheduleName } from './defaults.ts'
import { createPreprocessing } from './preprocess.ts'
import type { Recipe } from './recipe.ts'

/** The images of a run. */
export interface RunData {
  readonly train: Subset
  /** Absent when nothing is held back. */
  readonly validation?: Subset
  readonly test: Subset
}

/** A new model with the initial weights of the recipe's seed. */
export function createModel(recipe: Recipe): ImageClassifier {
  const network = findModel(recipe.model).create({ classes: findDataset(recipe.data).classes.length })
  const [channels, height, width] = findModel(recipe.model).inputShape
  return new ImageClassifier(createPreprocessing(recipe, [height, width, channels]), network).initialize(recipe.seed)
}

/**
 * Reads the data set and splits the validation images from those for training.
 * @param directory to read from in place of the recipe's
 * @throws DatasetError for files that are missing or broken, or a split that leaves nothing to train on; Error when the
 * images are of another size than the model takes.
 */
export async function loadData(recipe: Recipe, directory = recipe.dataDir): Promise<RunData> {
  const { limit, seed } = recipe
  const splits = await findDataset(recipe.data).load(directory)
  const [channels, height, width] = findModel(recipe.model).inputShape
  const expected = [height, width, channels].join('×')
  for (const { shape } of [splits.train, splits.test]) {
    if (shape.join('×') === expected) continue
    throw new Error(`${recipe.data}: the images are ${shape.join('×')}, but ${recipe.model} takes ${expected}`)
  }
  const { train, validation } = splitDataset(subsetOf(splits.train, limit), { validation: recipe.validation, seed })
  const test = subsetOf(splits.test)
  return validation.indices.length > 0 ? { train, validation, test } : { train, test }
}

/** What a recipe does to its training images. @throws AugmentError for transforms that this version does not know. */
export const createAugmentation = ({ augment }: Recipe): Augmentation | undefined =>
  augment && augmentationFrom(augment)

/** The optimizer of a recipe. */
export function createOptimizer({ lr, momentum, weightDecay }: Recipe): Optimizer {
  return sgd({ lr, momentum, weightDecay })
}

const schedules: Readonly<Record<ScheduleName, () => Schedule>> = {
  constant: () => constant(),
  step: () => multiStep(),
  cosine: () => cosine(),
  'cosine-restarts': () => cosineWithRestarts(),
  'one-cycle': () => oneCycle(),
  exponential: () => exponential(),
  polynomial: () => polynomial(),
  plateau: () => onPlateau(),
}

/** The learning-rate schedule of a recipe. */
export function createSchedule({ schedule }: Recipe): Schedule {
  return schedules[schedule]()
}

/**
 * Starts the engine of a recipe.
 * @param threads all cores, or `FOVEA_THREADS`, when absent
 */
export function startEngine({ backend, precise }: Recipe, threads: number | undefined): Engine {
  return createEngine({ backend, precise, ...(threads === undefined ? {} : { threads }) })
}

/**
 * Puts the weights of a checkpoint into a model that no engine runs yet.
 * @param file what to call the checkpoint in messages
 * @throws CheckpointError naming the file and the tensors that do not fit.
 */
export async function loadWeights(model: Module, checkpoint: Checkpoint, file: string): Promise<void> {
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
