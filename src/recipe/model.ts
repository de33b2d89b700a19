/** From a recipe to its model: a network behind the preprocessing of its images. */
import { findModel } from '../models/index.ts'
import { ImageClassifier } from '../nn/imageClassifier.ts'
import type { Module } from '../nn/module.ts'
import type { RecipeFunctions } from './functions.ts'
import { imagesOf } from './images.ts'
import { createPreprocessing } from './preprocess.ts'
import type { Recipe } from './recipe.ts'
import { isCode } from './rules.ts'

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
