/** Makes the model of a recipe: a network after the preprocessing of its images. */
import { findModel } from '../models/index.ts'
import { ImageClassifier } from '../nn/imageClassifier.ts'
import type { Module } from '../nn/module.ts'
import type { ImageShape } from '../train/programs.ts'
import { RecipeError } from './errors.ts'
import { imagesOf } from './images.ts'
import { createPreprocessing } from './preprocess.ts'
import { isCode } from './rules.ts'
import type { RunSetup } from './runSetup.ts'

/**
 * A new model with initial weights from the recipe's seed. It takes images as bytes, because it includes preprocessing.
 */
export function createModel(setup: RunSetup): ImageClassifier {
  const { recipe } = setup
  const preprocessing = createPreprocessing(recipe, imagesOf(recipe).shape)
  return new ImageClassifier(preprocessing, createNetwork(setup)).initialize(recipe.seed)
}

/** What a network is made for, if not for the recipe's images. */
export interface NetworkOptions {
  readonly classes?: number
  /** `[height, width, channels]` */
  readonly shape?: ImageShape
}

/**
 * The network of a recipe, still without weights.
 * @throws RecipeError for options that do not fit each other
 */
export function createNetwork({ recipe, functions }: RunSetup, options: NetworkOptions = {}): Module {
  const { model } = recipe
  const images = imagesOf(recipe, options.shape)
  const { classes = images.classes.length } = options
  const [height, width, channels] = images.shape
  if (isCode(model)) return functions.model!({ classes, shape: [channels, height, width] })
  try {
    return findModel(model.name).create({ ...model.options, classes })
  } catch (error) {
    // Only the network knows whether options contradict each other or do not fit the images.
    if (!(error instanceof RangeError)) throw error
    throw new RecipeError(error.message, { field: 'model.options', value: model.options, cause: error })
  }
}
